// What the matchers judge, without a test runner: each says whether an expectation holds, and in words why not.
import type { Outcome, RunEvent } from "../../protocol/run-event.ts";
import { tokensSpent } from "../../protocol/spend.ts";
import type { Ledger } from "../../model/ledger.ts";
import { describeValue, endingOf } from "./subject.ts";
import type { Ending } from "./subject.ts";
import { report } from "./standing.ts";

/** What a matcher came to: the message is of use when the expectation, or its negation, does not hold. */
export interface Verdict {
  readonly pass: boolean;
  readonly message: () => string;
}

/** How long runs are waited for by default, in ms: less than a test has by default. */
export const WITHIN_MS = 4_000;

/** How a run is expected to settle. */
export interface SettleOptions {
  /** @default any but "suspended" */
  readonly outcome?: Outcome | "suspended";
  /** Longest wait in ms of real time, where the run is live. @default 4_000 */
  readonly withinMs?: number;
}

/** What a run may cost at most; what is left out may be anything. */
export interface CostLimit {
  readonly usd?: number;
  /** Tokens of all classes, in and out. */
  readonly tokens?: number;
}

/** Anything that explorations, simulated runs and crash sweeps report. */
export interface ViolationReport {
  readonly violations: readonly { readonly invariant: string; readonly message: string; readonly script: string }[];
  /** How much was looked at. */
  readonly runs?: number;
  readonly stops?: number;
  readonly states?: number;
}

/** Whether a run comes to its end, and to which. */
export async function judgeSettling(subject: unknown, { outcome, withinMs = WITHIN_MS }: SettleOptions): Promise<Verdict> {
  const ending = await endingOf(subject, withinMs);
  const pass = outcome === undefined ? hasSettled(ending) : ending.outcome === outcome;
  const wish = outcome === undefined ? "settle" : `settle as ${outcome}`;
  return {
    pass,
    message: () => report(`Expected the run ${pass ? "not " : ""}to ${wish}, and it ${endWords(ending)}.`, ending.lines),
  };
}

/** Whether no task started before those it needs had finished. */
export async function judgeDependencies(subject: unknown): Promise<Verdict> {
  const ending: Pick<Ending, "events" | "lines"> & Partial<Ending> = isEvents(subject)
    ? { events: subject, lines: [] }
    : await endingOf(subject, WITHIN_MS);
  const { events } = ending;
  if (!events)
    throw new TypeError(
      `Dependencies are judged by events, and there are none in ${describeValue(subject)}. Give the run itself.`,
    );
  const { breaches, started } = dependencyBreaches(events);
  if (!isEvents(subject) && !hasSettled({ outcome: ending.outcome ?? null }))
    return fails("Expected a run to respect its dependencies, and it has not come to its end.", ending.lines);
  if (started === 0)
    return fails("Expected a run to respect its dependencies, and no task was started: nothing was shown.", ending.lines);
  const pass = breaches.length === 0;
  return {
    pass,
    message: () =>
      pass
        ? `Expected the run to break a dependency, and all of its ${started} starts respect them.`
        : report("Expected every task to start after the tasks it needs.", breaches),
  };
}

/** Whether a run cost no more than it may. Turns without a price can't be judged in money: they fail. */
export async function judgeCost(subject: unknown, limit: number | CostLimit): Promise<Verdict> {
  const { usd, tokens } = typeof limit === "number" ? { usd: limit } : limit;
  const { spend, ledger, outcome, lines } = await endingOf(subject, WITHIN_MS);
  if (outcome === null) return fails("Expected a run to come to its end at a limited cost, and it has not ended.", lines);
  if (usd !== undefined && spend.unpricedTurns > 0)
    return fails(
      `Expected the run to cost at most ${dollars(usd)}, and ${spend.unpricedTurns} of its turns have no price.`,
      bill(ledger),
    );
  const used = tokensSpent(spend);
  const over = [
    ...(usd !== undefined && spend.usd > usd ? [`it cost ${dollars(spend.usd)}, and ${dollars(usd)} were allowed`] : []),
    ...(tokens !== undefined && used > tokens ? [`it took ${used} tokens, and ${tokens} were allowed`] : []),
  ];
  const pass = over.length === 0;
  return {
    pass,
    message: () =>
      pass
        ? report(`Expected the run to cost more, and it cost ${dollars(spend.usd)} and ${used} tokens.`, bill(ledger))
        : report("Expected the run to cost less.", [...over, ...bill(ledger)]),
  };
}

/** Whether a report tells of no broken promise. One that looked at nothing proves nothing: it fails. */
export function judgeViolations(subject: unknown): Verdict {
  if (!isViolationReport(subject))
    throw new TypeError(
      `This expectation is about a report of simulateRuns, crashSweep, exploreRun or exploreHost, not ${describeValue(subject)}. Await it first.`,
    );
  const { violations, runs, stops, states } = subject;
  const nothing = Object.entries({ runs, stops, states }).find(([, count]) => count === 0);
  if (nothing) return fails(`Expected no violations, and nothing was looked at: 0 ${nothing[0]}.`, []);
  const pass = violations.length === 0;
  return {
    pass,
    message: () =>
      pass
        ? "Expected violations, and there are none."
        : report(
            `Expected no violations, and there ${violations.length === 1 ? "is 1" : `are ${violations.length}`}.`,
            violations
              .slice(0, MOST_SHOWN)
              .flatMap(({ invariant, message, script }) => ["", `${invariant}: ${message}`, ...indent(script)]),
          ),
  };
}

/** Most violations whose scripts are shown. */
const MOST_SHOWN = 3;

const hasSettled = ({ outcome }: Pick<Ending, "outcome">): boolean => outcome !== null && outcome !== "suspended";

const fails = (headline: string, lines: readonly string[]): Verdict => ({ pass: false, message: () => report(headline, lines) });

const indent = (script: string): readonly string[] => script.split("\n").map((line) => (line === "" ? "" : `  ${line}`));

const isEvents = (value: unknown): value is readonly RunEvent[] => Array.isArray(value);

const isViolationReport = (value: unknown): value is ViolationReport =>
  typeof value === "object" && value !== null && "violations" in value && Array.isArray(value.violations);

const endWords = ({ outcome }: Ending): string =>
  outcome === null ? "did not" : outcome === "suspended" ? "is suspended" : `settled as ${outcome}`;

const dollars = (usd: number): string => `$${usd.toFixed(4)}`;

/** Where the money went, dearest first. */
function bill(ledger: Ledger | undefined): readonly string[] {
  const lines = (ledger?.lines ?? []).toSorted((a, b) => b.usd - a.usd);
  return lines.map(({ conversation, worker, model, usd, turns }) => {
    const who = worker === null ? conversation : `${conversation} (${worker})`;
    return `${dollars(usd)} ${who}, ${turns} ${turns === 1 ? "turn" : "turns"} of ${model}`;
  });
}

/** Follows the plan and what finished, event by event. */
function dependencyBreaches(events: readonly RunEvent[]): { readonly breaches: readonly string[]; readonly started: number } {
  const needs = new Map<string, readonly { readonly task: string; readonly kind: "hard" | "soft" }[]>();
  const status = new Map<string, string>();
  const breaches: string[] = [];
  let started = 0;
  for (const event of events) {
    if (event.type === "plan.accepted" || event.type === "plan.amended")
      for (const { id, dependencies } of event.tasks) needs.set(id, dependencies);
    if (event.type === "task.started") {
      started += 1;
      for (const { task, kind } of needs.get(event.task) ?? []) {
        const now = status.get(task) ?? "waiting";
        if (kind === "hard" ? now !== "finished" : now === "waiting" || now === "running")
          breaches.push(
            `${event.task} started (attempt ${event.attempt}) while ${task}, which it ${kind === "hard" ? "needs" : "comes after"}, was ${now}`,
          );
      }
    }
    const next = NEXT[event.type];
    if (next !== undefined && "task" in event) status.set(event.task, next);
  }
  return { breaches, started };
}

/** What a task is after an event. */
const NEXT: Readonly<Partial<Record<RunEvent["type"], string>>> = {
  "task.started": "running",
  "task.finished": "finished",
  "task.reused": "finished",
  "task.failed": "failed",
  "task.skipped": "skipped",
  "task.invalidated": "waiting",
  "task.revived": "waiting",
};
