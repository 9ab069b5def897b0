// What coverage tells: what was visited of what there is, what is missing by name, and which exceptions are none.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createActor, createMachine } from "xstate";
import { DEFAULT_POLICY, DEFAULT_TABLE } from "../../../src/core/policy.ts";
import type { PolicyTable } from "../../../src/core/policy.ts";
import {
  coverageChart,
  CoverageCounter,
  coverageOf,
  coverageTable,
  drawCoverage,
  mergeCoverage,
  policyRowsOf,
} from "quatrain/testing";
import type { Coverage } from "quatrain/testing";

const door = createMachine({
  id: "door",
  initial: "starting",
  states: {
    starting: { always: "closed" },
    closed: { on: { push: [{ guard: () => false, target: "broken" }, { target: "open" }] } },
    open: { initial: "wide", on: { pull: "closed" }, states: { wide: { on: { pull: { target: "#door.broken" } } } } },
    broken: { type: "final" },
  },
});

/** What a door that is sent these events has visited. */
function visited(...events: readonly string[]): Coverage {
  const counter = new CoverageCounter();
  const actor = createActor(door, { inspect: (event) => counter.inspect(event) }).start();
  for (const type of events) actor.send({ type });
  return counter.counts;
}

describe("coverageOf", () => {
  it("tells what was visited, also where a machine began, and what is missing by name", () => {
    const report = coverageOf({ coverage: visited("push"), machines: [door] });
    expect(report.machines[0]?.states).toEqual({ visited: 4, total: 5, share: 0.8, missing: ["door.broken"] });
    expect(report.transitions.missing).toEqual(["door.closed push[0]", "door.open pull[0]", "door.open.wide pull[0]"]);
    expect(report.codes).toMatchObject({ visited: 0, total: 42, share: 0 });
  });

  it("leaves out what is excepted, and tells exceptions that were visited or are of nothing", () => {
    const except = {
      "door.closed push[0]": "its guard is always false",
      "door.open pull[0]": "the inner state takes it",
      "door.closed push[1]": "visited all the same",
      "door.window open[0]": "there is none",
    };
    const report = coverageOf({ coverage: visited("push", "pull"), machines: [door], except });
    expect(report.transitions).toEqual({ visited: 3, total: 3, share: 1, missing: [] });
    expect(Object.keys(report.excepted)).toEqual(["door.closed push[0]", "door.open pull[0]"]);
    expect(report.stale).toEqual(["door.closed push[1]", "door.window open[0]"]);
  });

  it("counts the rows of the policy that was played", () => {
    const counter = new CoverageCounter();
    counter.add({ type: "policy.applied", at: 1, to: "t1#1", code: "Overloaded", entry: "turn[0] again" });
    const report = coverageOf({ coverage: counter.counts, machines: [], policy: { attempts: 1 } });
    expect(report.rows.visited).toBe(1);
    expect(report.rows.missing).toContain("Overloaded turn[1] again");
    expect(report.rows.missing).not.toContain("Overloaded attempt[0] renew");
    expect(report.states.share).toBe(1);
  });
});

describe("mergeCoverage", () => {
  it("sums what several suites visited, in whatever order", () => {
    const [one, other] = [visited("push"), visited("push", "pull")];
    const sum = mergeCoverage(one, other);
    expect(sum).toEqual(mergeCoverage(other, one));
    expect(sum.machines["door"]?.transitions["door.closed push[1]"]).toBe(2);
    expect(sum.machines["door"]?.states["door.broken"]).toBe(1);
    expect(mergeCoverage(one)).toEqual(one);
    expect(mergeCoverage(mergeCoverage(), one)).toEqual(one);
  });
});

describe("policyRowsOf", () => {
  const rowsWith = (row: Partial<PolicyTable>, more = {}) =>
    policyRowsOf({ ...DEFAULT_POLICY, ...more, table: { ...DEFAULT_TABLE, ...row } });

  it("lists every entry once, as applicable or with the reason why it is not", () => {
    const { rows, outOfReach } = policyRowsOf(DEFAULT_POLICY);
    const entries = Object.values(DEFAULT_TABLE).reduce((sum, { turn, attempt }) => sum + turn.length + attempt.length + 1, 0);
    expect(new Set([...rows, ...Object.keys(outOfReach)]).size).toBe(entries);
    expect(rows.slice(30, 36)).toEqual([
      "RateLimited then suspend",
      "Overloaded turn[0] again",
      "Overloaded turn[1] again",
      "Overloaded attempt[0] renew",
      "Overloaded then suspend",
      "ServerFault turn[0] again",
    ]);
  });

  it("leaves out attempts that the policy does not allow, as long as the step before them is taken", () => {
    const { rows, outOfReach } = policyRowsOf(DEFAULT_POLICY);
    expect(outOfReach["WorkerCrashed attempt[1] renew"]).toBe("it would be attempt 3, and there are 2");
    expect(rows).toContain("WorkerLooping attempt[2] split");
    // Twice the tokens may cost too much: then the second entry is taken at once.
    expect(rows).toContain("OutputTruncated attempt[1] renew");
    expect(rowsWith({}, { attempts: 3 }).outOfReach).toEqual({});
    expect(rowsWith({}, { attempts: 1 }).rows).not.toContain("ServerFault attempt[0] renew");
  });

  it("counts an attempt more for each mending that comes before", () => {
    const renew = { do: "renew", change: {}, waitMs: [0, 0] } as const;
    const split = { do: "split", waitMs: [0, 0] } as const;
    const { rows, outOfReach } = rowsWith({ WorkerCrashed: { turn: [], attempt: [split, renew, renew, renew], then: "fail" } });
    // Split at its first failure, worded anew at its second, as the row of Refused has it: then a third is renewed.
    expect(rows).toContain("WorkerCrashed attempt[2] renew");
    expect(outOfReach["WorkerCrashed attempt[3] renew"]).toBe("it would be attempt 5, and there are 4");
  });

  it("leaves out what nobody can be told, more repairs than there are, and what is redone without a conflict", () => {
    const told = [{ do: "append" }, { do: "append" }, { do: "append" }] as const;
    const { outOfReach } = rowsWith({
      Refused: { turn: told, attempt: [{ do: "redo" }], then: "fail" },
      PlanInvalid: { turn: told, attempt: [], then: "fail" },
    });
    expect(outOfReach).toMatchObject({
      "Refused turn[0] append": "Refused ends a conversation: there is nobody to be told",
      "Refused attempt[0] redo": "only tasks in conflict are redone",
      "PlanInvalid turn[2] append": "there are 2 repairs",
    });
  });
});

describe("coverageTable", () => {
  it("says what is missing, and with onlyMissing nothing else", () => {
    const report = coverageOf({ coverage: visited("push"), machines: [door] });
    expect(coverageTable(report).split("\n").slice(0, 3)).toEqual([
      "door: states                                 4 / 5      80.0 %",
      "door: transitions                            2 / 5      40.0 %",
      "failure codes                                0 / 42      0.0 %",
    ]);
    const missing = coverageTable(report, { onlyMissing: true });
    expect(missing.split("\n").slice(0, 4)).toEqual([
      "not visited, door: states:",
      "  door.broken",
      "not visited, door: transitions:",
      "  door.closed push[0]",
    ]);
    expect(missing).not.toContain("%");
  });

  it("fits a terminal, whatever states and reasons are called", () => {
    const name = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(name, name, (missing, why) => {
        const share = { visited: 1, total: 2, share: 0.5, missing: [missing] };
        const machines = [{ id: missing, states: share, transitions: share }];
        const all = { states: share, transitions: share, codes: share, rows: share, machines };
        const text = coverageTable({ ...all, excepted: { [missing]: why }, stale: [why] });
        expect(Math.max(...text.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(80);
      }),
    );
  });
});

describe("coverageChart", () => {
  it("is the chart with a count at each state and transition", () => {
    const { nodes, edges } = coverageChart(door, visited("push"));
    expect(nodes.map(({ id, parent, count }) => [id, parent, count])).toEqual([
      ["door.starting", "door", 1],
      ["door.closed", "door", 1],
      ["door.open", "door", 1],
      ["door.open.wide", "door.open", 1],
      ["door.broken", "door", 0],
    ]);
    expect(nodes.filter(({ isInitial }) => isInitial).map(({ id }) => id)).toEqual(["door.starting", "door.open.wide"]);
    expect(edges.find(({ name }) => name === "door.closed push[1]")).toMatchObject({
      source: "door.closed",
      event: "push",
      targets: ["door.open"],
      count: 1,
    });
  });

  it("is drawn with what was never visited", () => {
    expect(drawCoverage(coverageChart(door, visited("push"))).split("\n")).toEqual([
      "stateDiagram-v2",
      "  [*] --> door_starting",
      '  state "starting ×1" as door_starting',
      '  state "closed ×1" as door_closed',
      '  state "open ×1" as door_open',
      "  state door_open {",
      "    [*] --> door_open_wide",
      '    state "wide ×1" as door_open_wide',
      "  }",
      '  state "broken never" as door_broken',
      "  door_starting --> door_closed : ×1",
      "  door_closed --> door_broken : push (guard) never",
      "  door_closed --> door_open : push ×1",
      "  door_open --> door_closed : pull never",
      "  door_open --> door_broken : pull never",
      "  door_broken --> [*]",
      "  classDef never stroke-dasharray: 4 4,opacity: 0.6",
      "  class door_broken never",
    ]);
  });
});
