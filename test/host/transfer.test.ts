import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createActor } from "xstate";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exportRun, HostError, importRun, listRuns, openInbox, readRows, sqliteHost } from "quatrain/host";
import { deferred, kinds, oneEffect, turn, work } from "./helpers.ts";

let folder: string;
let file: string;
let other: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "quatrain-transfer-"));
  file = join(folder, "runs.db");
  other = join(folder, "other.db");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const big = "ä".repeat(9_000);

/** A run with parts, a command and a big body; cut off before its result, or done. */
async function play(run: string, ends = true): Promise<void> {
  const host = sqliteHost({ file, run });
  const machine = oneEffect(
    work((_input, { part }) => {
      part({ __proto__: null, 2: "b", 1: [big] });
      return ends ? { big, emoji: "\u{1F600}" } : deferred().promise;
    }),
  );
  createActor(machine, host.attach({ versions: { prompts: "1" } })).start();
  host.send({ type: "note", text: "line\nbreak" }, { id: "n1" });
  await (ends ? host.settled() : turn());
  await host.close();
}

function codeOf(act: () => unknown): string {
  try {
    act();
    return "nothing thrown";
  } catch (error) {
    return HostError.is(error) ? `${error.code}: ${error.message}` : `not a HostError: ${String(error)}`;
  }
}

function edit(sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

describe("an exported run", () => {
  it("is the same run after its import, byte by byte, blobs included", async () => {
    await play("r1");
    const lines = [...exportRun({ file, run: "r1" })];
    expect(importRun({ file: other, lines })).toBe("r1");
    expect(readRows({ file: other, run: "r1" })).toEqual(readRows({ file, run: "r1" }));
    expect([...exportRun({ file: other, run: "r1" })]).toEqual(lines);
    expect(listRuns({ file: other })).toEqual(listRuns({ file }));
    expect(lines).toHaveLength(readRows({ file, run: "r1" }).length + 2);
    expect(JSON.parse(lines[0] ?? "")).toEqual({ journal: 1, run: "r1", machine: "one", versions: { prompts: "1" } });
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ rows: lines.length - 2, ended: { kind: "done" } });
    // A last line end is no line.
    expect(importRun({ file: other, lines: `${lines.join("\n")}\n`.split("\n"), run: "r2" })).toBe("r2");
  });

  it("goes on under another id where it was cut off", async () => {
    await play("r1", false);
    const run = importRun({ file: other, lines: exportRun({ file, run: "r1" }), run: "copy" });
    const inbox = openInbox({ file: other, run });
    expect(inbox.send({ type: "note" }, "n1")).toBe(false);
    inbox.close();
    const host = sqliteHost({ file: other, run });
    const actor = createActor(oneEffect(work(() => 1)), host.attach()).start();
    expect(await host.settled()).toEqual({ kind: "done" });
    expect(actor.getSnapshot().output?.events.map(({ type }) => type)).toEqual(["note", "effect.part", "error"]);
    const [, ...copied] = exportRun({ file: other, run });
    const [, ...original] = exportRun({ file, run: "r1" });
    expect(copied.length).toBe(original.length + 1);
    expect(copied[0]).not.toBe(original[0]);
  });

  it("is refused where its id is taken, and where it is of a newer format; the file stays as it was", async () => {
    await play("r1");
    const lines = [...exportRun({ file, run: "r1" })];
    const before = listRuns({ file });
    expect(codeOf(() => importRun({ file, lines }))).toMatch(/^RunExists: There is a run "r1" already/);
    const newer = [lines[0]?.replace('"journal":1', '"journal":2') ?? "", ...lines.slice(1)];
    expect(codeOf(() => importRun({ file, lines: newer, run: "r2" }))).toMatch(/^VersionMismatch: The export has format 2/);
    expect(listRuns({ file })).toEqual(before);
    expect(codeOf(() => [...exportRun({ file, run: "none" })])).toMatch(/^UnknownRun/);
    expect(codeOf(() => [...exportRun({ file: join(folder, "none.db"), run: "r1" })])).toMatch(/^UnknownRun/);
  });

  it.each<[string, (lines: string[]) => string[], number]>([
    ["a changed body", (lines) => lines.map((line) => line.replace("break", "brook")), 3],
    ["a missing row", (lines) => lines.filter((_line, index) => index !== 2), 3],
    ["two rows exchanged", ([a, b, c, d, ...rest]) => [a, b, d, c, ...rest].filter((line) => line !== undefined), 3],
    ["another id in its head", (lines) => lines.map((line, index) => (index === 0 ? line.replace("r1", "r9") : line)), 2],
    ["another machine in its head", (lines) => lines.map((line, index) => (index === 0 ? line.replace("one", "two") : line)), 2],
    ["another spelling of the same", (lines) => lines.map((line, index) => (index === 3 ? line.replace(",", ", ") : line)), 4],
    ["no end", (lines) => lines.slice(0, -1), 7],
    ["another end", (lines) => lines.map((line) => line.replace('"kind":"done"', '"kind":"error"')), 7],
    ["more after its end", (lines) => [...lines, lines.at(-1) ?? ""], 8],
    ["nothing in it", () => [], 1],
    ["a line that is no JSON", (lines) => lines.map((line, index) => (index === 4 ? line.slice(1) : line)), 5],
  ])("with %s is refused by line, and leaves nothing behind", async (_name, change, number) => {
    await play("r1");
    const lines = [...exportRun({ file, run: "r1" })];
    expect(lines).toHaveLength(7);
    expect(codeOf(() => importRun({ file: other, lines: change(lines) }))).toMatch(new RegExp(`^StoreCorrupt: Line ${number} `));
    expect(listRuns({ file: other })).toEqual([]);
    expect(codeOf(() => readRows({ file: other, run: "r1" }))).toMatch(/^UnknownRun/);
  });
});

describe("a damaged run", () => {
  it("gives what is still good, and where it breaks", async () => {
    await play("r1");
    const rows = readRows({ file, run: "r1" });
    expect(kinds(rows)).toEqual(["head", "command", "intent", "part", "result"]);
    expect(readRows({ file, run: "r1", salvage: true })).toEqual({ rows });
    expect(readRows({ file, run: "r1", upTo: 3 })).toEqual(rows.slice(0, 3));
    edit("UPDATE host_rows SET at = at + 1 WHERE seq = 4");
    const salvaged = readRows({ file, run: "r1", salvage: true });
    expect(salvaged.rows).toEqual(rows.slice(0, 3));
    expect(salvaged.error).toMatchObject({ code: "StoreCorrupt", message: expect.stringContaining("Row 4 of run") });
    expect(readRows({ file, run: "r1", upTo: 3 })).toEqual(rows.slice(0, 3));
    expect(readRows({ file, run: "r1", upTo: 3, salvage: true })).toEqual({ rows: rows.slice(0, 3) });
    expect(codeOf(() => readRows({ file, run: "r1", upTo: 4 }))).toMatch(/^StoreCorrupt/);
    expect(codeOf(() => readRows({ file, run: "none", salvage: true }))).toMatch(/^UnknownRun/);
    const lines: string[] = [];
    expect(codeOf(() => lines.push(...exportRun({ file, run: "r1" })))).toMatch(/^StoreCorrupt: Row 4/);
  });

  it("never hears a waiting command that was changed, nor one twice that has its row", async () => {
    await play("r1", false);
    const inbox = openInbox({ file, run: "r1" });
    inbox.send({ type: "note", text: "second" }, "n2");
    inbox.close();
    edit("UPDATE host_inbox SET taken = NULL");
    const again = sqliteHost({ file, run: "r1" });
    const actor = createActor(oneEffect(work(() => 1)), again.attach()).start();
    await again.settled();
    expect(actor.getSnapshot().output?.events.filter(({ type }) => type === "note")).toMatchObject([
      { text: "line\nbreak" },
      { text: "second" },
    ]);
    await play("r2", false);
    edit("UPDATE host_inbox SET taken = NULL, id = 'n3', event = replace(event, 'line', 'lime') WHERE run = 'r2'");
    const host = sqliteHost({ file, run: "r2" });
    createActor(oneEffect(work(() => 1)), host.attach()).start();
    expect(await host.settled()).toMatchObject({
      kind: "error",
      error: { code: "StoreCorrupt", message: expect.stringContaining('The command "n3"') },
    });
  });

  it("of before commands had checksums goes on", async () => {
    await play("r1", false);
    edit("ALTER TABLE host_inbox DROP COLUMN checksum");
    edit("INSERT INTO host_inbox (run, id, event) VALUES ('r1', 'n2', '{\"type\":\"note\",\"old\":true}')");
    const host = sqliteHost({ file, run: "r1" });
    const actor = createActor(oneEffect(work(() => 1)), host.attach()).start();
    await host.settled();
    expect(actor.getSnapshot().output?.events).toMatchObject([{}, {}, { type: "note", old: true }, {}]);
  });
});
