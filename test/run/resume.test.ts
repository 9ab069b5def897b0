import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { beforeAll, describe, expect, it } from "vitest";
import { openRun, orchestrate } from "../../src/index.ts";
import type { NumberedEvent, Run } from "../../src/index.ts";
import { readRows } from "../../src/host/sqlite.ts";
import type { Row } from "../../src/host/journal.ts";
import { eventsOf, fixedModel, folder, kept, threeTasks } from "./helpers.ts";

/** Turns whose result is in the journal, as `conversation/turn`. */
function paidTurns(rows: readonly Row[]): readonly string[] {
  return rows.flatMap(({ kind, key }) => {
    const turn = /^(.+)\/turn\/(\d+)\.\d+$/.exec(key ?? "");
    return kind === "result" && turn ? [`${turn[1]}/${turn[2]}`] : [];
  });
}

/** Settles after `count` events, or with the end. */
async function after(run: Pick<Run, "events">, count: number): Promise<void> {
  let seen = 0;
  for await (const _event of run.events) if (++seen === count) return;
}

const begin = async (whenOver?: Parameters<typeof folder>[0]) => {
  const workspace = await folder(whenOver);
  const model = fixedModel(threeTasks);
  return { workspace, store: path.join(workspace, ".quatrain"), model };
};

/** After how many events a run may be stopped: those of one delivery come at once, so that nothing is between them. */
const moments = (events: readonly NumberedEvent[]): readonly number[] =>
  events.flatMap(({ seq }, at) => (at > 0 && rowOf(seq) !== rowOf(events[at - 1]?.seq) ? [at] : []));
const rowOf = (seq: string | undefined): string | undefined => seq?.split(".")[0];

describe("a run that is stopped", () => {
  let whole: { readonly events: readonly NumberedEvent[]; readonly answer: string; readonly files: unknown };
  beforeAll(async () => {
    let clean = (): Promise<void> => Promise.resolve();
    const { workspace, model } = await begin((cleaning) => (clean = cleaning));
    const run = orchestrate("go", { workspace, model, id: "whole" });
    const { answer, files } = await run.result;
    whole = { events: await eventsOf(run), answer, files };
    return clean;
  });

  it("right after any of its events, and opened again, gives the same files and answer and pays no turn twice", async () => {
    for (const count of moments(whole.events)) {
      const { workspace, store, model } = await begin();
      const run = kept(orchestrate("go", { workspace, model, id: "run" }));
      await after(run, count);
      await run.stop();
      const first = await eventsOf(run);
      const paid = paidTurns(readRows({ file: path.join(store, "runs.db"), run: "run" }));
      expect(new Set(paid).size).toBe(paid.length);

      const again = fixedModel(threeTasks);
      const opened = kept(await openRun("run", { store, model: again }));
      const result = await opened.result;
      expect({ count, outcome: result.outcome, answer: result.answer, files: result.files }).toEqual({
        count,
        outcome: "complete",
        answer: whole.answer,
        files: whole.files,
      });
      expect({ count, twice: again.asked.filter((turn) => paid.includes(turn)) }).toEqual({ count, twice: [] });

      const events = await eventsOf(opened);
      expect(events.slice(0, first.length)).toEqual(first);
      expect(events.length).toBeGreaterThanOrEqual(whole.events.length - 1);
      const seqs = events.map(({ seq }) => seq);
      expect(new Set(seqs).size).toBe(seqs.length);
      await opened.apply();
      expect(await readFile(path.join(workspace, "a.txt"), "utf8")).toBe("two\n");
      expect(await readFile(path.join(workspace, "b.md"), "utf8")).toBe("# b\n");
    }
  }, 120_000);

  it("again and again loses nothing", async () => {
    const { workspace, store, model } = await begin();
    let run = kept(orchestrate("go", { workspace, model, id: "run" }));
    let stops = 0;
    for (let count = 5; ; count += 7) {
      await after(run, count);
      await run.stop();
      const result = await run.result;
      if (result.outcome !== "suspended") {
        expect(result).toMatchObject({ outcome: "complete", answer: whole.answer });
        break;
      }
      stops++;
      run = kept(await openRun("run", { store, model: fixedModel(threeTasks) }));
    }
    expect(stops).toBeGreaterThan(3);
  });

  it.runIf(existsSync("/proc/self/environ"))("has its left-over processes ended before anything is performed again", async () => {
    const { workspace, store, model } = await begin();
    const run = kept(orchestrate("go", { workspace, model, id: "run" }));
    await after(run, 5);
    await run.stop();
    const left = spawn("sleep", ["60"], { env: { PATH: process.env["PATH"] ?? "", QUATRAIN_RUN: "run" }, stdio: "ignore" });
    const gone = once(left, "exit");
    await once(left, "spawn");

    const again = fixedModel(threeTasks);
    const opening = openRun("run", { store, model: again });
    await gone;
    expect(again.asked).toEqual([]);
    expect(await kept(await opening).result).toMatchObject({ outcome: "complete", answer: whole.answer });
  });

  it("with a grace lets what runs finish, so that nothing is paid again", async () => {
    const { workspace, store } = await begin();
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const model = fixedModel({ ...threeTasks, t1: () => gate.then(() => "late but paid") });
    const run = kept(orchestrate("go", { workspace, model, id: "run" }));
    const stopping = (async () => {
      for await (const event of run.events) if (event.type === "turn.started" && event.conversation === "t1#1") break;
      const stopped = run.stop({ graceMs: 10_000 });
      release();
      await stopped;
    })();
    await stopping;
    expect(await run.result).toMatchObject({ outcome: "suspended" });
    expect(paidTurns(readRows({ file: path.join(store, "runs.db"), run: "run" }))).toContain("t1#1/1");
  });
});
