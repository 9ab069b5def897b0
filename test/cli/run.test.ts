import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { NumberedEvent } from "../../src/protocol/run-event.ts";
import type { Brain } from "../../src/testing/stand-in/brain.ts";
import { standIn } from "../../src/testing/stand-in/stand-in.ts";
import type { StandIn } from "../../src/testing/stand-in/stand-in.ts";
import { call, draft, ended, folders, held, smallJob, talkTo } from "./helpers.ts";

const places = folders();
let server: StandIn;
let brain: Brain = smallJob();
let directory = "";

beforeAll(async () => {
  server = await standIn({ brain: (request, context) => brain(request, context) });
});
afterAll(() => server.close());
beforeEach(async () => {
  talkTo(server.url);
  brain = smallJob();
  directory = await places.make();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await places.clean();
});

const parsed = (line: string | undefined): Record<string, unknown> => JSON.parse(line ?? "null") as Record<string, unknown>;
const runIdIn = (text: string): string => /r-[a-z0-9]+/.exec(text)?.[0] ?? "";

describe("quatrain run", () => {
  it("tells a run in plain lines, changes nothing, and says how to carry the result over", async () => {
    const { code, stdout, stderr } = await ended(["run", "do it", "--plain"], { directory });
    expect(stderr).toMatch(/^quatrain: no terminal to ask at: /);
    expect(code).toBe(0);
    expect(stdout).toMatch(/s {2}\[t1 backend\] attempt 1 on claude-sonnet-5-5\n/);
    expect(stdout).toMatch(/\[t2 docs\] finished in .*, 1 file: Did b\.\n/);
    expect(stdout).toContain("All is done.");
    expect(stdout).toContain("  M a.txt\n  A b.md\n");
    expect(await readFile(`${directory}/a.txt`, "utf8")).toBe("one\n");
    const applied = await ended(["resume", runIdIn(stdout), "--apply"], { directory });
    expect(applied.stdout).toContain("Applied: 2 files of your folder changed.");
    expect(applied.code).toBe(0);
    expect(await readFile(`${directory}/a.txt`, "utf8")).toBe("made by a\n");
  });

  it("tells events as JSON lines, the result last, and nothing on stderr", async () => {
    const { code, stdout, stderr } = await ended(["run", "do it", "--json", "--apply"], { directory });
    const lines = stdout.trimEnd().split("\n");
    const events = lines.slice(0, -1).map((line) => NumberedEvent.parse(JSON.parse(line)));
    const result = parsed(lines.at(-1));
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(["run.started", "plan.accepted", "task.finished", "run.finished"]),
    );
    expect(result).toMatchObject({
      type: "result",
      schema: 1,
      exitCode: 0,
      outcome: "complete",
      applied: ["a.txt", "b.md"],
      error: null,
      resume: null,
    });
    expect(await readFile(`${directory}/b.md`, "utf8")).toBe("made by b\n");
  });

  it("does a text-only job without a workspace and keeps its state in the current folder", async () => {
    const { code, stdout } = await ended(
      ["run", "say", "hello", "--no-workspace", "--mode", "direct", "--workers", "docs", "--plain"],
      { directory },
    );
    expect(code).toBe(0);
    expect(stdout).toContain("(direct; docs): say hello");
    const listed = await ended(["runs"], { directory });
    expect(listed.stdout).toMatch(/^r-\w+ {2}complete +\$0\.\d+ .* say hello\n$/);
  });

  it("ends with 3 when an optional part of it is all that works", async () => {
    const plan = { rationale: "r", tasks: [draft("a", "backend"), draft("c", "docs")] };
    brain = smallJob({ plan, job: (label) => (label === "c" ? { content: ["x"], stop: "refusal" } : { content: ["done"] }) });
    const { code, stdout } = await ended(["run", "do it", "--plain", "--no-workspace", "--mode", "orchestrate"], { directory });
    expect(stdout).toMatch(/✗ t2 docs +c failed .*Refused/);
    expect(stdout).toContain(": partial after");
    expect(code).toBe(3);
  });

  it("ends with 4 when the budget is reached", async () => {
    const { code, stdout } = await ended(
      ["run", "do it", "--plain", "--no-workspace", "--mode", "direct", "--budget", "0.0001"],
      { directory },
    );
    expect(stdout).toMatch(/BudgetExceeded/);
    expect(code).toBe(4);
  });

  it("refuses to apply what tasks disagree about, and says where the versions are", async () => {
    const plan = { rationale: "r", tasks: [draft("d", "backend"), draft("e", "docs"), draft("f", "docs")] };
    // Done again on top of d, e changes the file of f, too: a run mends such a thing once.
    const job = (label: string, turn: number, brief: string) => {
      if (turn > 0) return { content: [`Did ${label}.`] };
      const again = brief.includes("both changed same.md");
      const write = (file: string) => ({ tool: "write", input: { file_path: file, content: `${label} in ${file}` } });
      if (label === "f") return { content: [write("other.md")] };
      return { content: again ? [write("same.md"), write("other.md")] : [write("same.md")] };
    };
    brain = smallJob({ plan, job });
    const { code, stdout } = await ended(["run", "do it", "--plain", "--apply"], { directory });
    expect(stdout).toMatch(/Not applied: tasks disagree about other\.md\. Look at the versions that were kept, in .*tree/);
    expect(code).toBe(1);
  });
});

describe("on a terminal", () => {
  const terminal = { columns: 100, rows: 24 };

  it("puts the plan to the person, line by line, and stops where it is rejected", async () => {
    const called = call(["run", "do it", "--plain"], { directory, terminal });
    await called.shows("Carry out this plan? (y/n) ");
    expect(called.stdout()).toContain("Longest path (*): t1 → t2 (2 tasks)");
    called.type("perhaps\n");
    called.type("n\n");
    expect(await called.code).toBe(1);
    expect(called.stdout()).toContain("Rejected: The plan was rejected.");
    expect(called.stderr()).toBe("");
  });

  it("shows exactly what would run before it is approved", async () => {
    const command = "printf hello > made.txt\necho \u001b[31mred";
    brain = smallJob({
      job: (label, turn) => (label === "a" && turn === 0 ? { content: [{ tool: "bash", input: { command } }] } : undefined),
    });
    const called = call(["run", "do it", "--plain", "--yes"], { directory, terminal });
    await called.shows("Run it? (y/n) ");
    expect(called.stdout()).toContain("    command: printf hello > made.txt\n      echo red\n");
    called.type("y\n");
    expect(await called.code).toBe(0);
    expect(called.stdout()).toContain("A made.txt");
  });

  it("draws a view that never outgrows the screen and leaves the summary behind", async () => {
    const plan = { rationale: "r", tasks: Array.from({ length: 12 }, (_, at) => draft(`p${at}`, "docs")) };
    const workers = held({ content: ["Did it 漢字かな交じり文."] });
    const others = smallJob({ plan });
    brain = (request, context) =>
      request.model.includes("sonnet") || request.model.includes("haiku")
        ? workers.brain(request, context)
        : others(request, context);
    const argv = ["run", "do it", "--yes", "--no-workspace", "--mode", "orchestrate"];
    const called = call(argv, { directory, terminal: { columns: 60, rows: 10 } });
    await called.shows("… ");
    workers.release();
    expect(await called.code).toBe(0);
    const text = called.stdout();
    const frames = text.split("active: ").slice(1);
    expect(frames.length).toBeGreaterThan(0);
    expect(frames.some((frame) => /… \d+ more/.test(frame))).toBe(true);
    expect(frames.every((frame) => (frame.split("\u001b[?2026l")[0] ?? "").split("\n").length <= 10)).toBe(true);
    expect(text).toContain("✓ t12 docs  p11");
    expect(text.trimEnd().split("\n").at(-1)).toContain("t12");
  });
});

describe("the live view with a question open", () => {
  const terminal = { columns: 80, rows: 24 };

  it("shows the plan above the view for good, and takes y for yes", async () => {
    const called = call(["run", "do it"], { directory, terminal, environment: { NO_COLOR: "1" } });
    await called.shows("? Carry out this plan? (y/n)");
    called.type("y");
    expect(await called.code).toBe(0);
    expect(called.stdout()).toContain("Longest path (*): t1 → t2 (2 tasks)");
    expect(called.stdout()).toContain("Carry out this plan? yes");
    expect(called.stdout()).toMatch(/r-\w+: complete after/);
  });

  it("takes Ctrl+C for the interrupt signal", async () => {
    const called = call(["run", "do it"], { directory, terminal });
    await called.shows("? Carry out this plan? (y/n)");
    called.type("\u0003");
    expect(await called.code).toBe(130);
    expect(called.stdout()).toContain("quatrain: stopping;");
    expect(called.stdout()).toContain("Take it up again: quatrain resume r-");
  });

  it("closes a question that somebody else answers", async () => {
    const called = call(["run", "do it"], { directory, terminal });
    await called.shows("? Carry out this plan? (y/n)");
    const id = runIdIn((await ended(["runs"], { directory })).stdout);
    await ended(["answer", id, "plan", "no", "too", "dear"], { directory });
    expect(await called.code).toBe(1);
    expect(called.stdout()).toContain("Rejected: The plan was rejected: too dear");
  });
});

describe("plan", () => {
  it("prints the graph, the longest path and the worst case, and starts nothing", async () => {
    const { code, stdout } = await ended(["plan", "do it", "--plain"], { directory });
    expect(code).toBe(0);
    expect(stdout).toMatch(/Step 2\n\* t2 {2}docs +b +at most \$\d+\.\d\d +after t1\n/);
    expect(stdout).toMatch(/Worst case: \$\d+\.\d\d/);
    expect(stdout).not.toContain("attempt 1 on");
  });

  it("keeps a plan that resume carries out", async () => {
    const planned = await ended(["plan", "do it", "--json", "--keep"], { directory });
    const line = parsed(planned.stdout.trimEnd().split("\n").at(-1));
    expect(line).toMatchObject({ exitCode: 0, plan: { criticalPath: ["t1", "t2"], tasks: [{ id: "t1" }, { id: "t2" }] } });
    const waiting = await ended(["resume", "--plain"], { directory });
    expect(waiting.code).toBe(1);
    expect(waiting.stdout).toContain("Take it up again: quatrain resume r-");
    const resumed = await ended(["resume", "--yes", "--json"], { directory });
    expect(resumed.code).toBe(0);
    expect(parsed(resumed.stdout.split("\n")[0])).toMatchObject({ type: "ask.closed", decision: "approve" });
  });
});

describe("signals and broken pipes", () => {
  it("stops cleanly at the first signal, tells how to go on, and goes on", async () => {
    const called = call(["run", "do it", "--plain"], { directory });
    await called.shows("[run] decomposing");
    called.signal("SIGINT");
    expect(await called.code).toBe(130);
    expect(called.stdout()).toMatch(/Take it up again: quatrain resume r-\w+\n/);
    const resumed = await ended(["resume", "--plain"], { directory });
    expect(resumed.code).toBe(0);
    expect(resumed.stdout).toMatch(/goes on after \d+ earlier events/);
    expect(resumed.stdout).toContain("All is done.");
  });

  it("ends at once at the second signal", async () => {
    const models = held({ content: ["late"] });
    brain = models.brain;
    const called = call(["run", "do it", "--plain", "--mode", "direct"], { directory });
    await called.shows("attempt 1 on");
    await vi.waitUntil(() => server.requests.some(({ status }) => status === null), { interval: 2 });
    called.signal("SIGTERM");
    called.signal("SIGTERM");
    expect(await called.code).toBe(143);
    expect(called.stderr()).toContain("stopping at once; the state is saved.");
    expect(called.stdout()).toMatch(/Take it up again: quatrain resume r-\w+\n/);
    expect(called.left).toEqual([]);
    models.release();
  });

  it("stops the run when nobody reads its output any more", async () => {
    const called = call(["run", "do it", "--plain"], { directory });
    await called.shows("[run] decomposing");
    called.breakPipe();
    expect(await called.code).toBe(141);
    const shown = await ended(["runs"], { directory });
    expect(shown.stdout).toMatch(/ open /);
  });
});

describe("recorded runs", () => {
  it("shows an ended run in full and an open one as far as its journal tells", async () => {
    const open = call(["run", "do it", "--plain"], { directory });
    await open.shows("[run] decomposing");
    open.signal("SIGINT");
    await open.code;
    const id = runIdIn(open.stdout());
    const shown = await ended(["show", id], { directory });
    expect(shown.stdout).toMatch(/^do it\nr-\w+: row \d+ of \d+, .* after its start\n[a-z]+, running · \$/);
    expect(shown.stdout).toContain(`Take it up (unless a process is working on it): quatrain resume ${id}`);
    expect(parsed((await ended(["show", id, "--json"], { directory })).stdout)).toMatchObject({ type: "run", id, state: "open" });
    await ended(["resume", id, "--plain"], { directory });
    talkTo(server.url, null);
    const whole = await ended(["show", id], { directory });
    expect(whole.code).toBe(0);
    expect(whole.stdout).toContain("All is done.");
    expect(whole.stdout).toContain("✓ t2 docs");
  });

  it("sends commands that the next owner follows", async () => {
    const open = call(["run", "do it", "--plain"], { directory });
    await open.shows("[run] decomposing");
    open.signal("SIGINT");
    await open.code;
    const sent = await ended(["cancel", runIdIn(open.stdout()), "--reason", "changed my mind"], { directory });
    expect(sent.code).toBe(0);
    const resumed = await ended(["resume", "--plain"], { directory });
    expect(resumed.code).toBe(1);
    expect(resumed.stdout).toContain("Cancelled: The run was cancelled: changed my mind");
  });
});
