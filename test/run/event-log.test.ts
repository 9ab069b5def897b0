import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { filter, map } from "rxjs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { orchestrate } from "../../src/index.ts";
import type { NumberedEvent } from "../../src/index.ts";
import { EventLog } from "../../src/run/event-log.ts";
import { echo, eventsOf, fixedModel, kept } from "./helpers.ts";

const noted = (note: string) => ({ type: "task.progressed", at: 1, task: "t1", attempt: 1, state: "working", note }) as const;
/** Fills a log with notes 0 to `count` - 1. */
const filled = (count: number): EventLog => {
  const log = new EventLog();
  for (let at = 0; at < count; at++) log.add(noted(`note ${at}`), at >> 1);
  return log;
};
const noteOf = (event: NumberedEvent): string => (event.type === "task.progressed" ? event.note : event.type);
const notes = (count: number): readonly string[] => Array.from({ length: count }, (_, at) => `note ${at}`);

describe("a long event log", () => {
  it.each([999, 1_000, 1_001, 3_456])("gives all of %i events to whoever comes, whenever, as they were", async (count) => {
    const log = new EventLog();
    const early: NumberedEvent[] = [];
    log.stream.subscribe((event) => early.push(event));
    for (let at = 0; at < count; at++) log.add(noted(`note ${at}`), at >> 1);
    const late: NumberedEvent[] = [];
    log.stream.subscribe((event) => late.push(event));
    log.end();
    const walked: NumberedEvent[] = [];
    for await (const event of log.stream) walked.push(event);
    expect(early.map(noteOf)).toEqual(notes(count));
    expect(late).toStrictEqual(early);
    expect(walked).toStrictEqual(early);
    expect(early.at(-1)?.seq).toBe(`${(count - 1) >> 1}.${(count - 1) % 2}`);
  });

  it("is walked at any pace: a walk that falls behind while chunks are sealed misses nothing", async () => {
    const log = filled(10);
    const walk = log.stream[Symbol.asyncIterator]();
    const seen = [await walk.next(), await walk.next()].map(({ value }) => noteOf(value as NumberedEvent));
    for (let at = 10; at < 2_500; at++) log.add(noted(`note ${at}`), at >> 1);
    log.end();
    for (let next = await walk.next(); next.done !== true; next = await walk.next()) seen.push(noteOf(next.value));
    expect(seen).toEqual(notes(2_500));
  });

  it("tells a watcher synchronously, and what it sets off itself after the event it is at", () => {
    const log = new EventLog();
    const [first, second]: [string[], string[]] = [[], []];
    log.stream.subscribe((event) => {
      if (first.push(noteOf(event)) === 1) log.add(noted("set off"), 7);
    });
    log.stream.subscribe((event) => second.push(noteOf(event)));
    log.add(noted("begun"), 7);
    expect([first, second]).toEqual([
      ["begun", "set off"],
      ["begun", "set off"],
    ]);
  });

  it("tells nobody who has left, also in the middle of what was before", () => {
    const log = filled(1_500);
    const seen: string[] = [];
    const watching = log.stream.pipe(filter((event) => noteOf(event) !== "note 0")).subscribe((event) => {
      if (seen.push(noteOf(event)) === 2) queueMicrotask(() => watching.unsubscribe());
    });
    watching.unsubscribe();
    log.add(noted("more"), 900);
    expect(seen).toHaveLength(1_499);
    const none: string[] = [];
    log.stream.subscribe((event) => none.push(noteOf(event))).unsubscribe();
    log.add(noted("again"), 901);
    expect(none.at(-1)).toBe("more");
  });

  it("keeps a hundred thousand events in 5 MB, and a watcher that never goes on costs a chunk at most", async () => {
    const size = (): number => {
      collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const growths: number[] = [];
    // What else goes on in this process comes on top, and not every time.
    for (let round = 0; round < 3; round++) {
      const before = size();
      const log = new EventLog();
      const walk = log.stream[Symbol.asyncIterator]();
      for (let at = 0; at < 100_000; at++) log.add(noted(`read file ${at % 977} of the workspace`), at);
      await walk.next();
      growths.push(size() - before);
      let count = 0;
      log.stream.subscribe(() => count++);
      expect(count).toBe(100_000);
    }
    // As objects they are 20 MB.
    expect(Math.min(...growths)).toBeLessThan(5_000_000);
  });
});

/** Clears away what nobody holds. */
const collect = (): void => {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
};

describe("a watcher that throws", () => {
  const warned: (Error & { readonly code?: string })[] = [];
  const onWarning = (warning: Error): void => void warned.push(warning);
  beforeEach(() => {
    warned.length = 0;
    // The runner prints what nobody listens for.
    vi.spyOn(process, "emitWarning").mockImplementation(((message: string, options: { readonly code: string }) =>
      onWarning(Object.assign(new Error(message), options))) as typeof process.emitWarning);
  });
  afterEach(() => void vi.restoreAllMocks());

  it("is dropped and reported once; the others are told all, and the run ends as it would", async () => {
    const run = kept(orchestrate("x", { model: fixedModel({}), workers: [echo], mode: "direct" }));
    let told = 0;
    run.events.subscribe(() => {
      told++;
      throw new Error("a watcher's own fault");
    });
    const others: NumberedEvent[] = [];
    run.events.subscribe((event) => others.push(event));
    expect(await run.result).toMatchObject({ outcome: "complete" });
    expect(told).toBe(1);
    expect(others).toEqual(await eventsOf(run));
    expect(warned).toHaveLength(1);
    expect(warned[0]).toMatchObject({
      code: "QUATRAIN_WATCHER",
      message: "A watcher of run.events threw and is told nothing more: a watcher's own fault",
    });
  });

  it("is dropped wherever it throws: in an operator, at the end, or while it catches up", () => {
    const log = filled(3);
    const seen: string[] = [];
    const failing = (event: NumberedEvent): string => {
      if (noteOf(event) === "note 1") throw new Error("no");
      return noteOf(event);
    };
    log.stream.pipe(map(failing)).subscribe((note) => seen.push(note));
    log.stream.pipe(map(noteOf)).subscribe((note) => {
      seen.push(note);
      throw new Error("piped");
    });
    log.stream.subscribe({
      complete: () => {
        throw new Error("end");
      },
    });
    log.stream.pipe(map(failing)).subscribe({ error: (error: unknown) => seen.push(String(error)) });
    log.end();
    expect(seen).toEqual(["note 0", "note 0", "Error: no"]);
    expect(warned.map(({ message }) => message.split(": ")[1])).toEqual(["no", "piped", "end"]);
  });
});
