import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Roster } from "../../src/host/roster.ts";

const names = fc.constantFrom("a", "b", "__proto__", "constructor", "toString", "t1#1:2", ":1");
const steps = fc.array(fc.tuple(fc.constantFrom("set", "delete"), names, fc.nat()), { maxLength: 40 });

describe("Roster", () => {
  it("holds what a map holds, in the same order, whatever the names", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const [roster, map] = [new Roster<number>(), new Map<string, number>()];
        for (const [what, name, value] of all) {
          if (what === "set") {
            roster.set(name, value);
            map.set(name, value);
          } else expect(roster.delete(name)).toBe(map.delete(name));
          expect(roster.get(name)).toBe(map.get(name));
          expect(roster.size).toBe(map.size);
          expect(roster.values()).toEqual([...map.values()]);
        }
      }),
    );
  });
});
