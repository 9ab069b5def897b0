import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createActor } from "xstate";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  HostError,
  type Journal,
  memoryHost,
  memoryJournal,
  openInbox,
  readRows,
  simulatedHost,
  sqliteHost,
} from "quatrain/host";
import { deferred, fakeClock, kinds, oneEffect, turn, work } from "./helpers.ts";
import { toyOrchestrator, turnIn, type World } from "./toys.ts";

/** A journal whose store fails at its nth append, and at every one after it. */
function failing(journal: Journal, at: number, error: Error): Journal & { readonly hasFailed: boolean } {
  let appends = 0;
  const check = (): void => {
    if (appends > at) throw error;
  };
  return {
    ...journal,
    get hasFailed() {
      return appends > at;
    },
    append(rows) {
      appends++;
      check();
      journal.append(rows);
    },
    putInbox(entry) {
      check();
      return journal.putInbox(entry);
    },
    end(kind, time) {
      check();
      journal.end(kind, time);
    },
  };
}

async function playToy(journal: Journal, world: World) {
  const host = simulatedHost({ seed: 3, journal });
  const actor = createActor(toyOrchestrator(turnIn(world)), host.attach({ input: { tasks: 3 } })).start();
  return { end: await host.run(), output: actor.getSnapshot().output };
}

describe("a store that fails", () => {
  it.each([
    ["StoreFull", new HostError("StoreFull", "no room")],
    ["StoreFailed", new HostError("StoreFailed", "EIO")],
    ["EMFILE", Object.assign(new Error("too many open files"), { code: "EMFILE" })],
  ] as const)(
    "at any append with %s ends the run as that error: nothing is begun that it could not note",
    async (code, error) => {
      const undisturbed = await playToy(memoryJournal(), new Map());
      let appends = 0;
      for (; appends < 100; appends++) {
        const journal = memoryJournal();
        const broken = failing(journal, appends, error);
        const world: World = new Map();
        const first = await playToy(broken, world);
        if (!broken.hasFailed) break;
        expect(first.end).toMatchObject({ kind: "error", error: { code } });
        const noted = journal.read().filter(({ kind }) => kind === "intent");
        expect([...world.values()].reduce((sum, count) => sum + count, 0)).toBe(noted.length);
        expect(await playToy(journal, world)).toEqual(undisturbed);
      }
      expect(appends).toBeGreaterThan(15);
      expect(appends).toBeLessThan(100);
    },
  );

  it("lets nothing that runs write or go on: it is aborted", async () => {
    const journal = memoryJournal();
    const broken = failing(journal, 2, new HostError("StoreFull", "no room"));
    const host = memoryHost({ journal: broken });
    let signal: AbortSignal | undefined;
    const machine = oneEffect(
      work((_input, context) => {
        ({ signal } = context);
        context.part(1);
        return deferred().promise;
      }),
    );
    const actor = createActor(machine, host.attach()).start();
    expect(await host.settled()).toMatchObject({ kind: "error", error: { code: "StoreFull" } });
    // Nor did the machine hear what is not stored.
    expect(actor.getSnapshot().context.events).toEqual([]);
    expect(signal?.aborted).toBe(true);
    expect(kinds(journal.read())).toEqual(["head", "intent"]);
  });
});

describe("a SQLite file", () => {
  let folder: string;
  let file: string;
  let opened: DatabaseSync[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "quatrain-disk-"));
    file = join(folder, "runs.db");
    opened = [];
    const exec: (this: DatabaseSync, sql: string) => void = Reflect.get(DatabaseSync.prototype, "exec");
    vi.spyOn(DatabaseSync.prototype, "exec").mockImplementation(function note(this: DatabaseSync, sql) {
      if (!opened.includes(this)) opened.push(this);
      exec.call(this, sql);
    });
  });

  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Lets the connection of the newest host feel a full disk, or one that has become read-only. */
  const limit = (pragma: string) => opened.at(-1)?.prepare(`PRAGMA ${pragma}`).get();

  it.each([
    ["a full disk", "StoreFull", "max_page_count = 1"],
    ["a disk that became read-only", "StoreFailed", "query_only = 1"],
  ])("on %s ends the run, which resumes when there is room", async (_name, code, pragma) => {
    const performed: string[] = [];
    const machine = (value: unknown) =>
      oneEffect(
        work(({ key }) => {
          performed.push(key);
          return value;
        }),
      );
    const time = fakeClock();
    const host = sqliteHost({ file, run: "r1", clock: time.clock });
    createActor(machine(1), host.attach()).start();
    host.send({ type: "note", text: "x".repeat(100_000) });
    limit(pragma);
    expect(() => host.send({ type: "note", text: "y".repeat(100_000) })).toThrow(expect.objectContaining({ code }));
    expect(await host.settled()).toMatchObject({ kind: "error", error: { code } });
    expect(performed).toEqual([]);
    // A lease that could not be given back runs out.
    time.sleep(10_000);
    const again = sqliteHost({ file, run: "r1", clock: time.clock });
    const actor = createActor(machine(2), again.attach()).start();
    expect(await again.settled()).toEqual({ kind: "done" });
    expect(actor.getSnapshot().output?.events.map(({ type }) => type)).toEqual(["note", "done"]);
    expect(performed).toEqual(["k"]);
  });

  it("that fails at a result keeps the intent, and pays once more at most", async () => {
    const result = deferred<string>();
    const host = sqliteHost({ file, run: "r1" });
    createActor(oneEffect(work(() => result.promise)), host.attach()).start();
    await turn();
    limit("max_page_count = 1");
    result.resolve("z".repeat(1_000_000));
    expect(await host.settled()).toMatchObject({ kind: "error", error: { code: "StoreFull" } });
    expect(kinds(readRows({ file, run: "r1" }))).toEqual(["head", "intent"]);
    const again = sqliteHost({ file, run: "r1" });
    createActor(oneEffect(work((_input, { lost }) => lost)), again.attach()).start();
    expect(await again.settled()).toEqual({ kind: "done" });
    expect(readRows({ file, run: "r1" }).at(-1)).toMatchObject({ kind: "result", body: 1 });
  });

  it("that is a folder can't be opened, and its inbox neither", () => {
    expect(() => sqliteHost({ file: folder, run: "r1" })).toThrow(expect.objectContaining({ code: "StoreFailed" }));
    expect(() => openInbox({ file: folder, run: "r1" })).toThrow(expect.objectContaining({ code: "StoreFailed" }));
  });
});
