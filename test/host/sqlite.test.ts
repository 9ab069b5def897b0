import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createActor } from "xstate";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  effect,
  type EffectContext,
  type Host,
  listRuns,
  openInbox,
  readRows,
  sqliteHost,
  type SqliteHostOptions,
} from "quatrain/host";
import { holderOf } from "../../src/host/holder.ts";
import { ownerOfThisProcess } from "../../src/host/owner.ts";
import { deferred, fakeClock, kinds, oneEffect, turn } from "./helpers.ts";
import { toyOrchestrator, turnIn, type World } from "./toys.ts";

type Input = { readonly key: string; readonly [field: string]: unknown };

let folder: string;
let file: string;
let hosts: Host[];
let children: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "quatrain-host-"));
  file = join(folder, "runs.sqlite");
  hosts = [];
  children = [];
});

afterEach(async () => {
  for (const host of hosts) await host.close();
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

function open(options: Partial<SqliteHostOptions> = {}): Host {
  const host = sqliteHost({ file, run: "r1", pollMs: 5, ...options });
  hosts.push(host);
  return host;
}

function work(perform: (input: Input, context: EffectContext) => unknown) {
  return effect<Input, unknown>("work", { class: "idempotent" }, perform);
}

/** Leaves a run in the file whose effect was in flight. */
async function cutOff(): Promise<void> {
  const host = open();
  createActor(oneEffect(work(() => deferred().promise)), host.attach({ versions: { prompts: "1" } })).start();
  await turn();
  await host.close();
}

function edit(sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

/** Gives the run a lease of somebody else's. */
function lease(owner: string): void {
  for (const host of hosts.splice(0)) void host.close();
  void open({ run: "other" }).close();
  edit(`INSERT OR REPLACE INTO host_leases VALUES ('r1', '${owner}', 4, ${Date.now() + 60_000})`);
}

/** How a host in the process `pid` of this machine names itself. */
function ownerLike(pid: number | undefined): string {
  const place = ownerOfThisProcess().replace(/:\d+:\d+$/, "");
  const stat = process.platform === "linux" ? readFileSync(`/proc/${pid}/stat`, "utf8") : "";
  return `${place}:${pid}:${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? 1}`;
}

it("a run's holder is whoever has it open, and nobody before and after", async () => {
  const holder = (run = "r1") => holderOf({ file, run });
  expect(holder()).toBeNull();
  const host = open();
  expect([holder(), holder("r2")]).toEqual([ownerOfThisProcess(), null]);
  await host.close();
  expect(holder()).toBeNull();
});

describe("the SQLite host", () => {
  it("keeps a run and lists it", async () => {
    await cutOff();
    expect(listRuns({ file })).toMatchObject([{ id: "r1", machine: "one", versions: { prompts: "1" }, input: null }]);
    expect(listRuns({ file })[0]).not.toHaveProperty("ended");
    const host = open();
    const actor = createActor(oneEffect(work(() => "again")), host.attach()).start();
    expect(await host.settled()).toEqual({ kind: "done" });
    expect(actor.getSnapshot().output?.events).toEqual([{ type: "done", value: "again" }]);
    expect(kinds(readRows({ file, run: "r1" }))).toEqual(["head", "intent", "intent", "result"]);
    expect(listRuns({ file })).toMatchObject([{ id: "r1", ended: { kind: "done" } }]);
    const third = open();
    createActor(oneEffect(work(() => "never")), third.attach()).start();
    expect(await third.settled()).toEqual({ kind: "done" });
  });

  it("knows when a run was done, however often it is opened later", async () => {
    const play = async () => {
      const host = open();
      createActor(oneEffect(work(() => 1)), host.attach()).start();
      expect(await host.settled()).toEqual({ kind: "done" });
      await host.close();
    };
    await play();
    edit("UPDATE host_runs SET ended_at = 7");
    await play();
    expect(listRuns({ file })).toMatchObject([{ ended: { kind: "done", at: 7 } }]);
  });

  it("knows nothing of files and runs that are not there", () => {
    expect(listRuns({ file: join(folder, "none") })).toEqual([]);
    expect(() => openInbox({ file, run: "r1" })).toThrow(expect.objectContaining({ code: "UnknownRun" }));
    open();
    expect(() => openInbox({ file, run: "r1" })).toThrow(expect.objectContaining({ code: "UnknownRun" }));
    expect(() => readRows({ file, run: "r2" })).toThrow(expect.objectContaining({ code: "UnknownRun" }));
    expect(() => sqliteHost({ file: join(folder, "no", "folder"), run: "r" })).toThrow(
      expect.objectContaining({ code: "StoreFailed" }),
    );
  });

  it("keeps big bodies once, by content", async () => {
    const big = "ä".repeat(50_000);
    for (const run of ["a", "b"]) {
      const host = open({ run });
      const actor = createActor(oneEffect(work(() => big)), host.attach()).start();
      await host.settled();
      expect(actor.getSnapshot().output?.events).toEqual([{ type: "done", value: big }]);
      expect(readRows({ file, run }).at(-1)?.body).toBe(big);
    }
    const database = new DatabaseSync(file);
    expect(database.prepare("SELECT count(*) AS n FROM host_blobs").get()).toMatchObject({ n: 1 });
    expect(database.prepare("SELECT max(length(body)) AS n FROM host_rows").get()?.["n"]).toBeLessThan(4_097);
    database.close();
  });

  it("gets a command that another connection puts, once", async () => {
    const host = open();
    const actor = createActor(oneEffect(work(() => deferred().promise)), host.attach()).start();
    await turn();
    const inbox = openInbox({ file, run: "r1" });
    expect(() => inbox.send({ type: "note", at: undefined, bad: new Map() })).toThrow(
      expect.objectContaining({ code: "NotJson" }),
    );
    const told = new Promise<void>((resolve) => {
      actor.subscribe(({ context }) => {
        if (context.events.length > 0) resolve();
      });
    });
    expect(inbox.send({ type: "note", from: "elsewhere" }, "n1")).toBe(true);
    expect(inbox.send({ type: "note", from: "again" }, "n1")).toBe(false);
    inbox.close();
    await told;
    expect(actor.getSnapshot().context.events).toMatchObject([{ type: "note", from: "elsewhere" }]);
    host.send({ type: "note", from: "here" });
    await turn();
    await host.close();
    const again = open();
    createActor(oneEffect(work(() => 1)), again.attach()).start();
    await again.settled();
    expect(kinds(readRows({ file, run: "r1" }))).toEqual(["head", "intent", "command", "command", "intent", "result"]);
  });

  it("ends alike when it is cut off at any row", async () => {
    const world: World = new Map();
    const whole = open({ run: "whole" });
    const reference = createActor(toyOrchestrator(turnIn(world)), whole.attach({ input: { tasks: 2 } })).start();
    await whole.settled();
    const total = readRows({ file, run: "whole" }).length;
    for (let cut = 1; cut < total; cut += 3) {
      const run = `cut-${cut}`;
      const host = open({ run });
      const beforeEnd = new Promise<void>((resolve) => {
        const actor = createActor(
          toyOrchestrator(
            turnIn(new Map(), () => {
              if (host.seq < cut) return Promise.resolve();
              resolve();
              return deferred().promise;
            }),
          ),
          host.attach({ input: { tasks: 2 } }),
        ).start();
        actor.subscribe({ complete: resolve });
      });
      await beforeEnd;
      await host.close();
      const again = open({ run });
      const actor = createActor(toyOrchestrator(turnIn(new Map())), again.attach()).start();
      expect(await again.settled()).toEqual({ kind: "done" });
      expect(actor.getSnapshot().output).toEqual(reference.getSnapshot().output);
    }
  });
});

describe("a run's owner", () => {
  it("is one: a second host of the same process is refused by name, until the first lets go", async () => {
    const first = open();
    expect(() => open()).toThrow(
      expect.objectContaining({ code: "LeaseHeld", message: expect.stringContaining(`:${process.pid}:`) }),
    );
    open({ run: "another" });
    await first.close();
    open();
  });

  it("that lost its lease stops and writes nothing more", async () => {
    const result = deferred<number>();
    const host = open();
    createActor(oneEffect(work(() => result.promise)), host.attach()).start();
    await turn();
    edit("UPDATE host_leases SET epoch = epoch + 1, owner = 'elsewhere:1:1'");
    result.resolve(1);
    expect(await host.settled()).toMatchObject({ kind: "error", error: { code: "LeaseLost" } });
    expect(kinds(readRows({ file, run: "r1" }))).toEqual(["head", "intent"]);
  });

  it("that slept past its term is followed, and finds out when it wakes", async () => {
    const time = fakeClock(1_000_000);
    const result = deferred<number>();
    const asleep = open({ clock: time.clock, leaseMs: 60_000 });
    createActor(oneEffect(work(() => result.promise)), asleep.attach()).start();
    await turn();
    await time.advance(60_001);
    const next = open({ clock: time.clock, leaseMs: 60_000 });
    result.resolve(1);
    expect(await asleep.settled()).toMatchObject({ kind: "error", error: { code: "LeaseLost" } });
    createActor(oneEffect(work(() => 2)), next.attach()).start();
    expect(await next.settled()).toEqual({ kind: "done" });
    expect(readRows({ file, run: "r1" }).at(-1)).toMatchObject({ kind: "result", body: 2 });
  });

  it("keeps its process alive while the run lives, and not longer", async () => {
    const set = vi.spyOn(globalThis, "setInterval");
    const cleared = vi.spyOn(globalThis, "clearInterval");
    try {
      const host = open();
      const timers = set.mock.results.map(({ value }) => value as NodeJS.Timeout);
      expect(timers.map((timer) => timer.hasRef())).toEqual([false, false]);
      createActor(oneEffect(work(() => deferred().promise)), host.attach()).start();
      await turn();
      expect(timers.map((timer) => timer.hasRef())).toEqual([false, true]);
      await host.close();
      const all = set.mock.results.map(({ value }) => value as unknown);
      expect(all).toHaveLength(3);
      expect(new Set(cleared.mock.calls.map(([timer]) => timer as unknown))).toEqual(new Set(all));
    } finally {
      vi.restoreAllMocks();
    }
  });

  it("is fenced by the row's key, should the lease fail", async () => {
    const result = deferred<number>();
    const host = open();
    createActor(oneEffect(work(() => result.promise)), host.attach()).start();
    await turn();
    edit("INSERT INTO host_rows (run, seq, epoch, kind, at, body, checksum) VALUES ('r1', 3, 9, 'timer', 0, 'null', '')");
    result.resolve(1);
    expect(await host.settled()).toMatchObject({ kind: "error", error: { code: "LeaseLost" } });
  });

  it("renews while it waits, and finds out there, too, that it is none any more", async () => {
    const host = open({ leaseMs: 30 });
    createActor(oneEffect(work(() => deferred().promise)), host.attach()).start();
    await turn();
    const until = (): unknown => {
      const database = new DatabaseSync(file);
      const found = database.prepare("SELECT until FROM host_leases").get()?.["until"];
      database.close();
      return found;
    };
    const before = until();
    await expect.poll(until, { interval: 5 }).not.toBe(before);
    edit("UPDATE host_leases SET epoch = epoch + 1");
    expect(await host.settled()).toMatchObject({ kind: "error", error: { code: "LeaseLost" } });
  });

  it("in another process holds on while alive, and is followed at once when it is dead", async () => {
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    children.push(child);
    lease(ownerLike(child.pid));
    expect(() => open()).toThrow(
      expect.objectContaining({ code: "LeaseHeld", message: expect.stringContaining(`:${child.pid}:`) }),
    );
    const exited = new Promise((resolve) => {
      child.once("exit", resolve);
    });
    child.kill("SIGKILL");
    await exited;
    open();
  });

  it.runIf(process.platform === "linux")("is dead when another process has its id now", () => {
    const [, place, , start] = /^(.+):(\d+):(\d+)$/.exec(ownerOfThisProcess()) ?? [];
    lease(`${place}:${process.ppid}:1`);
    open();
    lease(`${place}:${process.pid}:${Number(start) - 1}`);
    open();
    lease(ownerLike(process.ppid));
    expect(() => open()).toThrow(expect.objectContaining({ code: "LeaseHeld" }));
  });

  it.runIf(process.platform === "linux")("is not judged from another container or after another boot: its lease runs out", () => {
    const [, host, boot, namespace] = /^(.+)\/(.+)\/(\d+):\d+:\d+$/.exec(ownerOfThisProcess()) ?? [];
    expect(namespace).toMatch(/^\d+$/);
    for (const place of [`${host}/${boot}/1`, `${host}/00000000/${namespace}`, host]) {
      lease(`${place}:999999999:1`);
      expect(() => open()).toThrow(expect.objectContaining({ code: "LeaseHeld" }));
    }
    lease(`${host}/${boot}/${namespace}:999999999:1`);
    open();
  });

  it("of another machine is believed until its lease runs out", () => {
    open({ run: "other" });
    edit(`INSERT INTO host_leases VALUES ('r1', 'far-away:1:1', 4, ${Date.now() + 60_000})`);
    expect(() => open()).toThrow(expect.objectContaining({ code: "LeaseHeld" }));
    edit("UPDATE host_leases SET until = 1 WHERE run = 'r1'");
    open();
  });
});

describe("a damaged file", () => {
  it.each([
    ["a changed body", "UPDATE host_rows SET body = '{\"n\":2}' WHERE run = 'r1' AND seq = 3", 3, "checksum"],
    ["a missing row", "DELETE FROM host_rows WHERE run = 'r1' AND seq = 2", 2, "is missing"],
    ["no row left", "DELETE FROM host_rows WHERE run = 'r1'", 1, "is missing"],
    ["a changed time", "UPDATE host_rows SET at = at + 1 WHERE run = 'r1' AND seq = 1", 1, "checksum"],
    [
      "a row of another run",
      "UPDATE host_rows SET (body, checksum, at) = (SELECT body, checksum, at FROM host_rows WHERE run = 'r2' AND seq = 3) WHERE run = 'r1' AND seq = 3",
      3,
      "checksum",
    ],
    ["a lost blob", "DELETE FROM host_blobs", 4, "hash"],
  ])("with %s is refused at that row", async (_name, sql, seq, what) => {
    for (const run of ["r2", "r1"]) {
      const host = open({ run });
      const machine = oneEffect(
        work((_input, { part }) => {
          part({ n: run });
          return "x".repeat(5_000);
        }),
      );
      createActor(machine, host.attach()).start();
      await host.settled();
    }
    edit(sql);
    const again = open();
    expect(() => again.attach()).toThrow(
      expect.objectContaining({ code: "StoreCorrupt", message: expect.stringMatching(`^Row ${seq} .*${what}`) }),
    );
    if (seq > 1) expect(() => readRows({ file, run: "r1" })).toThrow(`Rows 1 to ${seq - 1} are still usable`);
  });

  it("that is no database is refused, and so is a newer format; neither is changed", () => {
    writeFileSync(file, "not a database, but long enough to be read as one page ".repeat(100));
    expect(() => open()).toThrow(expect.objectContaining({ code: "StoreCorrupt" }));
    rmSync(file);
    open();
    edit("UPDATE host_meta SET value = '2'");
    expect(() => open({ run: "r2" })).toThrow(
      expect.objectContaining({ code: "VersionMismatch", message: expect.stringContaining("format 2") }),
    );
    expect(() => listRuns({ file })).toThrow(expect.objectContaining({ code: "VersionMismatch" }));
  });
});
