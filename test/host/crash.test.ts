import { expect, it } from "vitest";
import { memoryJournal } from "quatrain/host";
import { Crash, type CrashPoint, crashing } from "../../src/host/crash.ts";

it("a journal that crashes on request is asked before and after each append, and is a journal otherwise", () => {
  const journal = memoryJournal();
  const points: string[] = [];
  const crash = ({ when, append, rows }: CrashPoint) => {
    points.push(`${when} ${append}: ${rows.length}`);
    return when === "after" && append === 1;
  };
  const fragile = crashing(journal, crash);
  const row = { at: 1, key: "", cause: 0, body: null } as const;
  expect(fragile.putInbox({ id: "a", event: { type: "go" } })).toBe(true);
  expect(fragile.putInbox({ id: "a", event: { type: "go" } })).toBe(false);
  expect(fragile.inbox()).toEqual([{ id: "a", event: { type: "go" } }]);
  fragile.append([{ ...row, seq: 1, kind: "head" }]);
  expect(() => fragile.append([{ ...row, seq: 2, kind: "gap" }])).toThrow(Crash);
  expect(points).toEqual(["before 0: 1", "after 0: 1", "before 1: 1", "after 1: 1"]);
  expect(Array.from(fragile.read(), ({ seq }) => seq)).toEqual([1, 2]);
  fragile.close();
});
