// Commands to a run from any process, and what goes on from a run. Real processes need the build (`npm test` makes it).
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { cellsOf } from "../../src/cli/words.ts";
import type { Brain } from "../../src/testing/stand-in/brain.ts";
import { standIn } from "../../src/testing/stand-in/stand-in.ts";
import type { StandIn } from "../../src/testing/stand-in/stand-in.ts";
import type { DraftPlan } from "../../src/protocol/plan.ts";
import { call, ended, folders, held, smallJob, talkTo } from "./helpers.ts";
import type { Called } from "./helpers.ts";

const places = folders();
const dist = path.resolve(import.meta.dirname, "../../dist");
let server: StandIn;
let brain: Brain;
let directory: string;

beforeAll(async () => {
  server = await standIn({ brain: (request, about) => brain(request, about) });
});
afterAll(() => server.close());
beforeEach(async () => {
  brain = smallJob();
  directory = await places.make();
  talkTo(server.url);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await places.clean();
});

const quatrain = (...argv: readonly string[]) => ended(argv, { directory });
const idIn = (text: string): string => /\br-[a-z0-9]+\b/.exec(text)?.[0] ?? "";
const jsonIn = (text: string): Record<string, unknown> =>
  JSON.parse(text.trimEnd().split("\n").at(-1) ?? "null") as Record<string, unknown>;
const typesIn = (text: string): readonly string[] =>
  [...text.matchAll(/^\{"seq":"[\d.]+","type":"([a-z.]+)"/gm)].map((match) => match[1] ?? "");

/** Carries the small job out; answers its id. */
async function finished(...flags: readonly string[]): Promise<string> {
  const run = await quatrain("run", "do it", "--json", ...flags);
  expect(run.code).toBe(0);
  return String(jsonIn(run.stdout)["runId"]);
}

/** A run whose first worker waits for its model until that is released. */
async function atWork(): Promise<{ readonly run: Called; readonly id: string; readonly release: () => void }> {
  const models = held({ content: ["Did a."] });
  const usual = smallJob();
  let asked = (): void => {};
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  brain = (request, about) => {
    if (about.turn > 0 || !JSON.stringify(request.messages[0]).includes("job a")) return usual(request, about);
    if (request.model.includes("opus")) return usual(request, about);
    asked();
    return models.brain(request, about);
  };
  const run = call(["run", "do it", "--yes", "--plain"], { directory });
  await isAsked;
  return { run, id: idIn(run.stdout()), release: models.release };
}

describe.skipIf(!existsSync(dist))("three processes", () => {
  async function node(
    ...argv: readonly string[]
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    const env = {
      PATH: process.env["PATH"] ?? "",
      HOME: directory,
      ANTHROPIC_API_KEY: "test-key",
      ANTHROPIC_BASE_URL: server.url,
    };
    const child = spawn(process.execPath, argv, { cwd: directory, env, stdio: ["ignore", "pipe", "pipe"] });
    const texts = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => (texts.stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (texts.stderr += chunk.toString()));
    const [code] = (await once(child, "close")) as [number];
    return { code, ...texts };
  }

  it("finish a run together: one raises a question and exits, one answers it, one carries the run to its end", async () => {
    brain = smallJob({
      job: (label, turn) =>
        label === "a" && turn === 0
          ? { content: [{ tool: "bash", input: { command: "echo he''llo > greeting.txt" } }] }
          : label === "a"
            ? { content: ["Said hello."] }
            : undefined,
    });
    const script = `
      import { orchestrate } from ${JSON.stringify(pathToFileURL(path.join(dist, "index.js")).href)};
      const run = orchestrate("do it", { workspace: ".", mode: "orchestrate", asks: "wait" });
      for await (const event of run.events) if (event.type === "ask.opened") { console.log(run.id, event.ask.id); break; }
      await run.stop();`;
    const first = await node("--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", script);
    expect([first.code, first.stderr]).toEqual([0, ""]);
    const [id = "", ask = ""] = first.stdout.trim().split(" ");
    const main = path.join(dist, "cli/main.js");
    const second = await node(main, "answer", id, ask, "yes");
    expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining(`quatrain resume ${id}`) as string });
    const third = await node(main, "resume", id, "--json");
    expect(jsonIn(third.stdout)).toMatchObject({ type: "result", outcome: "complete", exitCode: 0 });
    expect(third.stdout).toMatch(/"type":"ask.closed",[^\n]*"decision":"approve","by":"person"/);
    expect(await readFile(path.join(directory, ".quatrain/runs", id, "result/tree/greeting.txt"), "utf8")).toBe("hello\n");
  }, 30_000);
});

describe("a command to a run", () => {
  it("that is at work is heard at once: what is told becomes the next message of its worker", async () => {
    const { run, id, release } = await atWork();
    const told = await quatrain("tell", id, "use", "tabs", "--task", "t1");
    expect(told.stdout).toBe(`Sent to ${id}; it is delivered at once by the process that works on the run.\n`);
    await quatrain("pause", id);
    await run.shows("[run] paused");
    await quatrain("resume", id);
    release();
    await run.code;
    expect(server.requests.some(({ body }) => JSON.stringify(body).includes("use tabs"))).toBe(true);
  });

  it("naming what the run has not is refused, and told what it has", async () => {
    const { run, id, release } = await atWork();
    const refused = async (...argv: readonly string[]) => {
      const { code, stderr, stdout } = await quatrain(...argv);
      expect([code, stdout]).toEqual([2, ""]);
      return stderr;
    };
    expect(await refused("skip", id, "t9")).toContain('has no task "t9". Name one of t1 (a), t2 (b).');
    expect(await refused("retry", id, "t1")).toContain("has task t1 running. No task could be named here now.");
    expect(await refused("tell", id, "hm", "--task", "t2")).toContain("has task t2 waiting. Name one of t1 (a).");
    expect(await refused("answer", id, "plan", "yes")).toContain("has no open question.");
    release();
    await run.code;
    for (const argv of [
      ["pause", id],
      ["tell", id, "more"],
      ["answer", id, "plan", "yes"],
    ])
      expect(await refused(...argv)).toContain(`Run ${id} is over, so nothing hears a command any more: quatrain continue ${id}`);
  });

  it("that nobody works on waits for the next owner, and the same answer twice is one", async () => {
    const id = idIn((await quatrain("plan", "do it", "--keep", "--plain")).stdout);
    const first = await quatrain("answer", id, "plan", "yes");
    expect(first.stdout).toContain(
      `nobody works on the run now: it is delivered when the run is taken up: quatrain resume ${id}`,
    );
    expect((await quatrain("answer", id, "plan", "yes")).stdout).toContain("has an answer to this question already");
    const resumed = await quatrain("resume", id, "--json");
    expect(jsonIn(resumed.stdout)).toMatchObject({ outcome: "complete" });
    expect(typesIn(resumed.stdout).filter((type) => type === "ask.closed" || type === "letter.dropped")).toEqual(["ask.closed"]);
  });

  it("pauses it, and resume lets it go on in the process that works on it", async () => {
    const { run, id, release } = await atWork();
    expect((await quatrain("resume", id, "--plain")).code).toBe(2);
    await quatrain("pause", id);
    await run.shows("[run] paused");
    const resumed = await quatrain("resume", id, "--plain");
    expect([resumed.code, resumed.stdout]).toEqual([0, `${id} was paused; the process that works on it goes on.\n`]);
    release();
    await run.code;
    expect(run.stdout()).toContain("[run] running");
  });
});

describe("show", () => {
  it("tells the state of a run at work, in 80 columns", async () => {
    const { run, id, release } = await atWork();
    const shown = await quatrain("show", id);
    expect(shown.stdout).toMatch(/\ndispatching, running · \$0\.\d+ spent, \$0(\.\d+)? reserved · /);
    expect(shown.stdout).toMatch(/ {2}▸ t1 {3}backend {2}a {2}running #1 +sonnet-5-5\n/);
    expect(shown.stdout).toMatch(/ {2}· t2 {3}docs {5}b {2}waiting +sonnet-5-5\n {6}waits for "a"\n/);
    expect(shown.stdout).toMatch(/Conversations\n {2}t1#1 {2}turn 1, waits for the model's answer\n/);
    const wide = shown.stdout.split("\n").filter((line) => cellsOf(line) > 80);
    expect(wide.filter((line) => !line.includes("quatrain resume"))).toEqual([]);
    release();
    await run.code;
  });

  it("tells the state at any row", async () => {
    const id = await finished();
    const at = async (row: number) =>
      JSON.parse((await quatrain("show", id, "--at", String(row), "--json")).stdout) as Record<string, unknown>;
    expect(await at(1)).toMatchObject({ type: "run", id, state: "ended", seq: 1, phase: "routing", tasks: [] });
    const rows = Number((await at(1))["rows"]);
    const views = [];
    for (let row = 3; row < rows; row += Math.floor(rows / 5)) views.push(await at(row));
    views.push(await at(rows));
    const order = ["routing", "decomposing", "dispatching", "integrating", "synthesizing", "done"];
    const steps = views.map(({ phase }) => order.indexOf(String(phase)));
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect([steps.includes(2), steps.at(-1)]).toEqual([true, 5]);
    const text = await quatrain("show", id, "--at", "5");
    expect(text.stdout).toContain(`Go another way from here: quatrain fork ${id} --at 5`);
    const refused = await quatrain("show", id, "--at", "9999");
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining(`has rows 1 to ${rows}`)]);
  });
});

describe("fork", () => {
  it("writes the plan to a file, refuses one that is wrong with everything that is, and carries out one that is right", async () => {
    const id = await finished();
    const fork = ["fork", id, "--edit-plan", "plan.json"];
    const written = await quatrain(...fork);
    expect(written.stdout).toContain(`carry it out: quatrain ${fork.join(" ")}`);
    const file = path.join(directory, "plan.json");
    const plan = JSON.parse(await readFile(file, "utf8")) as DraftPlan;
    expect(plan.tasks.map(({ label, depends_on }) => [label, depends_on])).toEqual([
      ["a", []],
      ["b", ["a"]],
    ]);
    const change = (more: object) =>
      writeFile(
        file,
        JSON.stringify({ ...plan, tasks: plan.tasks.map((task) => (task.label === "b" ? { ...task, ...more } : task)) }),
      );
    await change({ worker: "plumber", depends_on: ["z"] });
    const wrong = await quatrain(...fork);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/plumber[\s\S]*"z"[\s\S]*Mend it in plan\.json/);
    await change({ constraints: ["in short"] });
    const right = await quatrain(...fork, "--json");
    expect(jsonIn(right.stdout)).toMatchObject({ outcome: "complete" });
    expect(right.stdout).toMatch(/"type":"task\.reused",[^\n]*"task":"t1","from":"r-/);
    expect(typesIn(right.stdout).filter((type) => type === "task.finished")).toHaveLength(1);
    const listed = (await quatrain("runs")).stdout;
    expect(listed).toMatch(
      new RegExp(
        `^${String(jsonIn(right.stdout)["runId"])}  complete   .*\\$0\\.\\d+  .*  do it  \\(fork of ${id}\\)\n${id}  complete `,
      ),
    );
  });

  it("opens the plan in the editor, and keeps what was made of it while it is wrong", async () => {
    const id = await finished();
    const terminal = { columns: 80, rows: 24 };
    const edited = (editor: string) =>
      ended(["fork", id, "--edit-plan", "--plain", "--yes"], {
        directory,
        terminal,
        environment: { EDITOR: editor, PATH: process.env["PATH"] ?? "" },
      });
    const wrong = await edited("sed -i s/docs/plumber/");
    expect(wrong.code).toBe(2);
    const file = /Mend it in (\S+) and/.exec(wrong.stderr)?.[1] ?? "";
    expect(await readFile(file, "utf8")).toContain("plumber");
    const right = await edited("sed -i 's/job b/job b soon/'");
    expect(right.stdout).toContain("[t1 backend] reused from r-");
    expect([right.code, existsSync(file)]).toEqual([0, false]);
    expect((await edited("false")).stderr).toContain("nothing was forked");
    const nowhere = await quatrain("fork", id, "--edit-plan");
    expect([nowhere.code, nowhere.stderr]).toEqual([2, expect.stringContaining("elsewhere name a file")]);
  });
});

describe("resume", () => {
  it("of a run whose journal is damaged says where a fork goes on from, and the fork does", async () => {
    const id = await finished();
    const { rows } = JSON.parse((await quatrain("show", id, "--at", "1", "--json")).stdout) as { rows: number };
    const database = new DatabaseSync(path.join(directory, ".quatrain/runs.db"));
    database.prepare("UPDATE host_rows SET at = 0 WHERE seq = ?").run(rows - 1);
    database.prepare("UPDATE host_runs SET ended = NULL").run();
    database.close();
    const resumed = await quatrain("resume", id, "--plain");
    expect(resumed.code).toBe(1);
    expect(resumed.stderr).toMatch(/Rows 1 to \d+ are still usable: go on from there with: quatrain fork\./);
    expect((await quatrain("runs")).stdout).toMatch(/ {2}open +\? {2}/);
    const fork = await quatrain("fork", id, "--json");
    expect(jsonIn(fork.stdout)).toMatchObject({ outcome: "complete" });
    expect(typesIn(fork.stdout).filter((type) => type === "task.reused")).toHaveLength(2);
  });
});

describe("continue", () => {
  it("works on the result of the run before and applies both", async () => {
    const id = await finished();
    brain = smallJob({
      plan: {
        rationale: "more",
        tasks: [{ ...JSON.parse(JSON.stringify(smallPlanTask)), label: "c", task: "job c", writes: ["c.md"] }],
      },
    });
    const more = await quatrain("continue", id, "now", "c", "--apply", "--json");
    expect(jsonIn(more.stdout)).toMatchObject({ outcome: "complete", applied: ["a.txt", "b.md", "c.md"] });
    expect(await readFile(path.join(directory, "a.txt"), "utf8")).toBe("made by a\n");
    const shown = await quatrain("show", String(jsonIn(more.stdout)["runId"]));
    expect(shown.stdout).toContain(`A follow-up of ${id} at row `);
  });
});

const smallPlanTask = {
  label: "c",
  worker: "docs",
  task: "job c",
  input: null,
  output_format: "text",
  optional: false,
  tier: null,
  files: [],
  constraints: [],
  depends_on: [],
  after: [],
  acceptance: [],
};

describe("export and import", () => {
  it("carry a journal from one place to another, where it can be shown and forked", async () => {
    const id = await finished();
    const printed = await quatrain("export", id);
    const wrote = await quatrain("export", id, "run.ndjson");
    expect(wrote.stdout).toContain(`Wrote ${printed.stdout.trimEnd().split("\n").length} lines to run.ndjson.`);
    const text = await readFile(path.join(directory, "run.ndjson"), "utf8");
    expect(text).toBe(printed.stdout);
    const again = await quatrain("import", "run.ndjson");
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining(`There is a run "${id}" already`)]);
    expect((await quatrain("import", "run.ndjson", "--as", "r-copy")).stdout).toContain(
      "Imported r-copy. See it: quatrain show r-copy",
    );
    expect((await quatrain("show", "r-copy")).stdout).toContain("All is done.");
    const elsewhere = ["--state-dir", "elsewhere"];
    await quatrain("import", "run.ndjson", ...elsewhere);
    expect((await quatrain("show", id, ...elsewhere, "--at", "3")).code).toBe(0);
    await writeFile(path.join(directory, "run.ndjson"), text.replace("do it", "do_it"));
    const damaged = await quatrain("import", "run.ndjson", "--as", "r-bad");
    expect([damaged.code, damaged.stderr]).toEqual([1, expect.stringMatching(/[Ll]ine \d/)]);
  });
});
