import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createActor } from "xstate";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exportRun, HostError, importRun, readRows, replayHost, sqliteHost } from "quatrain/host";
import { fakeClock } from "./helpers.ts";
import { toyOrchestrator, turnIn } from "./toys.ts";

/** The small version of `npm run prove:journal`: every so many bytes instead of each. */
const FLIPS = 160;

let folder: string;
let file: string;

beforeEach(() => {
  // Files that are damaged a hundred times over need no disk.
  folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "quatrain-damage-"));
  file = join(folder, "runs.db");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Plays a small run; returns the file as it was just before its last commits, with their log, and as it is at rest. */
async function record() {
  const small = new DatabaseSync(file);
  small.exec("PRAGMA page_size = 512; CREATE TABLE small (n); DROP TABLE small;");
  const host = sqliteHost({ file, run: "r1", clock: fakeClock().clock });
  const actor = createActor(toyOrchestrator(turnIn(new Map())), host.attach({ input: { tasks: 2 } })).start();
  // Another connection keeps the log from being folded into the file at the end.
  small.exec("SELECT * FROM host_meta");
  expect(await host.settled()).toEqual({ kind: "done" });
  const busy = { file: readFileSync(file), log: readFileSync(`${file}-wal`) };
  small.close();
  const rows = readRows({ file, run: "r1" });
  return {
    rows,
    busy,
    rested: readFileSync(file),
    lines: [...exportRun({ file, run: "r1" })],
    output: actor.getSnapshot().output,
  };
}

/** The bytes with one changed, and cut there, at `FLIPS` places in all. */
function* damagesOf(bytes: Buffer): Generator<Buffer> {
  const stride = Math.max(1, Math.floor((bytes.length * 2) / FLIPS));
  for (let at = stride >> 1; at < bytes.length; at += stride) {
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    yield flipped;
    yield bytes.subarray(0, at);
  }
}

function write({ file: content, log }: { readonly file: Buffer; readonly log?: Buffer }): void {
  rmSync(`${file}-shm`, { force: true });
  rmSync(`${file}-wal`, { force: true });
  if (log) writeFileSync(`${file}-wal`, log);
  writeFileSync(file, content);
}

describe("a journal with any byte flipped or cut off there", () => {
  it.each(["at rest", "in its write-ahead log"])(
    "%s gives a prefix of its rows or a HostError, never another state",
    async (place) => {
      const { rows, busy, rested } = await record();
      const texts = rows.map((row) => JSON.stringify(row));
      const seen = { whole: 0, cut: 0, refused: 0 };
      for (const bytes of damagesOf(place === "at rest" ? rested : busy.log)) {
        write(place === "at rest" ? { file: bytes } : { file: busy.file, log: bytes });
        try {
          const read = readRows({ file, run: "r1", salvage: true });
          expect(read.rows.map((row) => JSON.stringify(row))).toEqual(texts.slice(0, read.rows.length));
          if (read.error) expect(HostError.is(read.error)).toBe(true);
          seen[read.error ? "refused" : read.rows.length === rows.length ? "whole" : "cut"]++;
        } catch (error) {
          if (!HostError.is(error)) throw error;
          seen.refused++;
        }
      }
      expect(seen.refused).toBeGreaterThan(10);
      // SQLite drops the rest of a log from its first bad frame on; of a file at rest the journal tells what is good.
      expect(place === "at rest" ? seen.whole : seen.cut).toBeGreaterThan(10);
    },
  );

  it("as an export is refused by its line", async () => {
    const { lines } = await record();
    const text = Buffer.from(lines.join("\n"));
    let refused = 0;
    for (const bytes of damagesOf(text)) {
      let thrown: unknown;
      try {
        importRun({ file: ":memory:", lines: bytes.toString().split("\n") });
      } catch (error) {
        thrown = error;
      }
      expect({ code: HostError.is(thrown) && thrown.code, bytes: bytes.length }).toEqual({
        code: expect.stringMatching(/^(StoreCorrupt|VersionMismatch)$/),
        bytes: bytes.length,
      });
      refused++;
    }
    expect(refused).toBeGreaterThan(FLIPS / 2);
  });

  it("goes on from what is left as if it had been stopped there", async () => {
    const { busy, output, rows } = await record();
    const lengths = new Set<number>();
    for (let cut = 0; cut <= busy.log.length; cut += Math.floor(busy.log.length / 12)) {
      write({ file: busy.file, log: busy.log.subarray(0, cut) });
      const host = sqliteHost({ file, run: "r1", clock: fakeClock(2_000_000).clock });
      const actor = createActor(toyOrchestrator(turnIn(new Map())), host.attach({ input: { tasks: 2 } })).start();
      lengths.add(host.seq);
      expect(await host.settled()).toEqual({ kind: "done" });
      expect(actor.getSnapshot().output).toEqual(output);
    }
    const replay = replayHost({ rows });
    const actor = createActor(toyOrchestrator(turnIn(new Map())), replay.attach()).start();
    await replay.settled();
    expect(actor.getSnapshot().output).toEqual(output);
  });
});
