import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as door from "quatrain/host";

it("the door has what it says, and nothing by accident", () => {
  expect(Object.keys(door).toSorted()).toEqual([
    "HostError",
    "JOURNAL_FORMAT",
    "effect",
    "exportRows",
    "exportRun",
    "importRun",
    "listRuns",
    "memoryHost",
    "memoryJournal",
    "openInbox",
    "readRows",
    "replayHost",
    "simulatedHost",
    "sleepUntil",
    "sqliteHost",
  ]);
});

it("no file of the host loads a module of Node when it is imported", () => {
  const folder = new URL("../../src/host/", import.meta.url);
  const files = readdirSync(folder);
  const loading = files.filter((file) =>
    /^(import|export) (?!type)[^;()]*from "node:/m.test(readFileSync(new URL(file, folder), "utf8")),
  );
  expect(files.length).toBeGreaterThan(20);
  expect(loading).toEqual([]);
});
