// What was visited of machines and a policy, against all that there is: shares, and what is missing by name.
//   V1  A name that is missing is either told as missing or excepted with a reason; an exception that is no longer true is
//       told as stale.
import type { AnyStateMachine } from "xstate";
import { FAILURE_CODES } from "../../core/failure.ts";
import { DEFAULT_POLICY } from "../../core/policy.ts";
import type { Policy } from "../../core/policy.ts";
import { chartOf } from "./chart.ts";
import type { Counts, Coverage } from "./coverage.ts";
import { policyRowsOf } from "./policy-rows.ts";

/** How much of one kind was visited. */
export interface Share {
  readonly visited: number;
  /** All that there is, without what is excepted. */
  readonly total: number;
  /** `visited / total`; 1 where there is nothing. */
  readonly share: number;
  /** Names of what was not visited, in the order of the document. */
  readonly missing: readonly string[];
}

/** States and transitions of one machine. */
export interface MachineShare {
  readonly id: string;
  readonly states: Share;
  readonly transitions: Share;
}

/** How much was visited. Plain JSON. */
export interface CoverageReport {
  /** Of all machines together. */
  readonly states: Share;
  readonly transitions: Share;
  /** Failure codes that events named, of the whole closed set. */
  readonly codes: Share;
  /** Entries of the policy table that were applied, of those that can be. */
  readonly rows: Share;
  readonly machines: readonly MachineShare[];
  /** What was not visited for a reason, by name. */
  readonly excepted: Readonly<Record<string, string>>;
  /** Exceptions to take away: those that were visited all the same, and names that there are not. */
  readonly stale: readonly string[];
}

/** What `coverageOf` compares. */
export interface CoverageOptions {
  readonly coverage: Coverage;
  /** Machines with different ids, such as those of `createMachines` and your own. */
  readonly machines: readonly AnyStateMachine[];
  /** Parts of the policy that differ from the default. */
  readonly policy?: Partial<Policy>;
  /** What can't be visited, by name, each with the reason: `{ "run.active… always[0]": "why" }`. @default nothing */
  readonly except?: Readonly<Record<string, string>>;
}

/** Compares what was visited with all that there is. */
export function coverageOf({ coverage, machines, policy, except = {} }: CoverageOptions): CoverageReport {
  const charts = machines.map(chartOf);
  const share = (names: readonly string[], counts: Counts) => shareOf(names, counts, except);
  const all = charts.map(({ id, states, transitions }) => {
    const counts = Object.hasOwn(coverage.machines, id) ? coverage.machines[id] : undefined;
    const names = transitions.map(({ name }) => name);
    return { id, states: share(states, counts?.states ?? {}), transitions: share(names, counts?.transitions ?? {}) };
  });
  const states = together(all.map((one) => one.states));
  const transitions = together(all.map((one) => one.transitions));
  const codes = share(FAILURE_CODES, coverage.failures);
  const rows = share(policyRowsOf({ ...DEFAULT_POLICY, ...policy }).rows, coverage.rows);
  const excepted = new Set([states, transitions, codes, rows].flatMap((one) => one.excepted));
  return {
    states: plain(states),
    transitions: plain(transitions),
    codes: plain(codes),
    rows: plain(rows),
    machines: all.map((one) => ({ id: one.id, states: plain(one.states), transitions: plain(one.transitions) })),
    excepted: Object.fromEntries(Object.entries(except).filter(([name]) => excepted.has(name))),
    stale: Object.keys(except).filter((name) => !excepted.has(name)),
  };
}

/** A share that knows which exceptions it has used. */
interface Found {
  readonly visited: number;
  readonly missing: readonly string[];
  readonly excepted: readonly string[];
}

function shareOf(names: readonly string[], counts: Counts, except: Readonly<Record<string, string>>): Found {
  const unvisited = names.filter((name) => !Object.hasOwn(counts, name));
  const excepted = unvisited.filter((name) => Object.hasOwn(except, name));
  return {
    visited: names.length - unvisited.length,
    missing: unvisited.filter((name) => !Object.hasOwn(except, name)),
    excepted,
  };
}

const together = (all: readonly Found[]): Found => ({
  visited: all.reduce((sum, { visited }) => sum + visited, 0),
  missing: all.flatMap(({ missing }) => missing),
  excepted: all.flatMap(({ excepted }) => excepted),
});

function plain({ visited, missing }: Found): Share {
  const total = visited + missing.length;
  return { visited, total, share: total === 0 ? 1 : visited / total, missing };
}
