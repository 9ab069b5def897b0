// What must hold of any run, checked while it goes on and when it is over.
import { expect } from "vitest";
import { taskIndex, taskOfConversation } from "../../src/core/ids.ts";
import type { Row } from "../../src/host/journal.ts";
import type { Account, RunContext } from "../../src/machines/run-state.ts";
import type { RunLimits } from "../../src/protocol/budget.ts";
import type { RunEvent } from "../../src/protocol/run-event.ts";
import { tokensSpent } from "../../src/protocol/spend.ts";
import { countOf } from "../../src/queue/state.ts";
import type { TaskState } from "../../src/queue/state.ts";
import type { RunSnapshot, SimulatedRun } from "./simulate.ts";

/** Where a snapshot is above a limit: spent and reserved together, or time. Counted from tasks and accounts, not from what is kept for it. */
export function overruns(context: RunContext): readonly string[] {
  const { accounts, options, queue, spend, use } = context;
  const { budget } = options;
  const reserved = (of: (task: string) => boolean) =>
    Object.entries(accounts).flatMap(([name, one]) => (of(taskOfConversation(name) ?? name) ? [one] : []));
  const above = (who: string, limits: RunLimits, { usd, tokens }: { usd: number; tokens: number }, held: readonly Account[]) => {
    const usdAll = held.reduce((sum, one) => sum + one.reservedUsd, usd);
    const tokensAll = held.reduce((sum, one) => sum + one.reservedInputTokens + one.reservedOutputTokens, tokens);
    return [
      ...(limits.usd !== null && usdAll > limits.usd + SLACK_USD ? [`${who}: $${usdAll} of $${limits.usd}`] : []),
      ...(limits.tokens !== null && tokensAll > limits.tokens ? [`${who}: ${tokensAll} of ${limits.tokens} tokens`] : []),
    ];
  };
  const tasks = queue?.tasks ?? [];
  const usdOf = ({ id, usd, status, attempts }: TaskState) =>
    usd + (status === "running" ? (accounts[`${id}#${attempts}`]?.usd ?? 0) : 0);
  const isBounded = Object.values(budget.task).some((limit) => limit !== null);
  return [
    ...above(
      "run",
      budget,
      { usd: spend.usd, tokens: tokensSpent(spend) },
      reserved(() => true),
    ),
    ...(isBounded ? tasks : []).flatMap((task, at) => {
      const kept = use.tasks[at] ?? { usd: 0, tokens: 0 };
      const drift = Math.abs(kept.usd - usdOf(task)) > SLACK_USD ? [`${task.id}: kept $${kept.usd}, is $${usdOf(task)}`] : [];
      return [
        ...drift,
        ...above(
          task.id,
          budget.task,
          { usd: usdOf(task), tokens: kept.tokens },
          reserved((id) => id === task.id),
        ),
      ];
    }),
    ...Object.entries(budget.worker).flatMap(([worker, limits]) => {
      const own = tasks.filter((task) => task.worker === worker);
      const usd = own.reduce((sum, task) => sum + usdOf(task), 0);
      const held = reserved((id) => own.some((task) => task.id === id));
      return above(worker, limits, { usd, tokens: use.workers[worker]?.tokens ?? 0 }, held);
    }),
    ...overtimes(context),
  ];
}

/** Attempts that run beyond their own limit, or their task's. */
function overtimes({ queue, asks, now, workers, options, standstill, use }: RunContext): readonly string[] {
  if (standstill.since !== null) return [];
  return (queue?.tasks ?? []).flatMap(({ id, status, attempts, startedAt, worker }, at) => {
    if (status !== "running" || startedAt === null || asks.some(({ from }) => from === `${id}#${attempts}`)) return [];
    const longest = workers.find(({ name }) => name === worker)?.maxMs ?? 0;
    const { ms } = options.budget.task;
    const most = ms === null ? longest : Math.min(longest, ms - (use.tasks[at]?.ms ?? 0));
    return now - startedAt > most + SLACK_MS ? [`${id} has taken ${now - startedAt} of ${most} ms`] : [];
  });
}

type Fate = "open" | "asking" | "mending" | "running" | "finished" | "failed" | "skipped";

const SLACK_USD = 1e-9;
/** What is delivered in the same moment may come before the timer. */
const SLACK_MS = 1;

/** Follows one run. Give `watch` and `hear` to `simulate`, then call `expectSound`. */
export class RunAuditor {
  readonly #fates = new Map<string, Fate>();
  readonly #faults: string[] = [];
  #settlings = 0;
  readonly #edges = new Map<string, readonly { readonly task: string; readonly kind: "hard" | "soft" }[]>();
  #billedUsd = 0;
  readonly #bills = new Map<string, number>();
  #ends = 0;
  #began = false;

  readonly watch = ({ context }: RunSnapshot): void => {
    const { queue, options } = context;
    this.#faults.push(...overruns(context));
    if (!queue) return;
    const running = queue.tasks.filter(({ status }) => status === "running");
    if (queue.counts.mending !== context.mending.length) this.#fault("tasks being mended and mendings differ");
    if (context.mending.some(({ task }) => queue.tasks[taskIndex(task)]?.status !== "mending"))
      this.#fault("what is mended is not being mended");
    if (context.plan?.tasks.length !== queue.tasks.length || context.reports.length !== queue.tasks.length)
      this.#fault("plan, queue and reports differ in length");
    if (running.length > options.concurrency) this.#fault(`${running.length} tasks run at once`);
    for (const [worker, cap] of Object.entries(queue.caps)) {
      if (running.filter((task) => task.worker === worker).length > cap) this.#fault(`more than ${cap} tasks of ${worker} run`);
      if (countOf(queue.runningBy, worker) > cap) this.#fault(`${worker} is counted above its cap`);
    }
  };

  readonly hear = (event: RunEvent): void => {
    if (event.type === "plan.accepted" || event.type === "plan.amended")
      for (const { id, dependencies } of event.tasks) this.#edges.set(id, dependencies);
    if (event.type === "task.started") this.#start(event.task);
    else if (event.type === "task.finished") this.#settle(event.task, "finished");
    else if (event.type === "task.failed") this.#settle(event.task, "failed");
    else if (event.type === "task.skipped") this.#settle(event.task, "skipped");
    else if (event.type === "task.retrying") this.#retry(event.task, "mending");
    else if (event.type === "task.mending") this.#retry(event.task);
    else if (event.type === "task.invalidated" || event.type === "task.revived") this.#reopen(event.task);
    else if (event.type === "ask.opened" && event.ask.kind === "escalation")
      this.#fates.set(event.ask.id.replace(/#.*/, ""), "asking");
    else if (event.type === "turn.completed" || event.type === "turn.failed") this.#bill(event.conversation, event.usd ?? 0);
    else if (event.type === "run.finished") this.#ends++;
  };

  /** Fails unless the run ended well in order, whatever its outcome. */
  expectSound({ end, output, snapshot, journal }: SimulatedRun): void {
    const { context } = snapshot;
    const { value } = snapshot;
    // Where it hangs is told with it.
    const stuck = end.kind === "done" ? null : [value, context.queue?.counts, context.accounts, context.funding];
    expect({ end, stuck }).toEqual({ end: { kind: "done" }, stuck: null });
    expect(this.#faults).toEqual([]);
    expect(this.#ends).toBe(1);
    expect(context.accounts).toEqual({});
    expect(Object.entries(snapshot.children).filter(([, child]) => child?.getSnapshot().status === "active")).toEqual([]);
    this.#expectTasks(output?.tasks ?? []);
    expect(overruns(context)).toEqual([]);
    expect(context.funding).toEqual([]);
    expect(context.spend.usd).toBeGreaterThanOrEqual(this.#billedUsd - SLACK_USD);
    expectOneClosingRowEach(journal.read());
  }

  #expectTasks(tasks: readonly { readonly id: string; readonly status: string; readonly usd: number }[]): void {
    // A plan that was turned down leaves tasks that nobody began.
    const began = this.#began;
    for (const { id, usd } of tasks) expect(usd, `money of ${id}`).toBeGreaterThanOrEqual((this.#bills.get(id) ?? 0) - SLACK_USD);
    for (const { id, status } of tasks) if (began) expect({ id, fate: this.#fates.get(id) }).toEqual({ id, fate: status });
    if (began) expect(this.#settlings).toBe(tasks.length);
  }

  #bill(conversation: string, usd: number): void {
    const name = conversation.replace(/^mend:/, "").replace(/#.*/, "");
    this.#billedUsd += usd;
    this.#bills.set(name, (this.#bills.get(name) ?? 0) + usd);
  }

  #start(task: string): void {
    const fate = this.#fates.get(task) ?? "open";
    this.#began = true;
    if (fate === "running") this.#fault(`${task} is started while it runs`);
    this.#fates.set(task, "running");
    for (const edge of this.#edges.get(task) ?? []) {
      const before = this.#fates.get(edge.task) ?? "open";
      const fits = edge.kind === "hard" ? before === "finished" : before !== "open" && before !== "running";
      if (!fits) this.#fault(`${task} is started while ${edge.task} is ${before}`);
    }
  }

  /** An attempt is over, the task is not: it waits for its next one, or is mended. */
  #retry(task: string, also: Fate = "running"): void {
    const fate = this.#fates.get(task) ?? "open";
    if (fate !== "running" && fate !== also) this.#fault(`${task} is retried but was ${fate}`);
    this.#fates.set(task, also === "mending" ? "open" : "mending");
  }

  #reopen(task: string): void {
    const fate = this.#fates.get(task) ?? "open";
    if (["finished", "failed", "skipped"].includes(fate)) this.#settlings--;
    this.#fates.set(task, "open");
  }

  #settle(task: string, fate: Fate): void {
    if (fate !== "skipped" && this.#fates.get(task) === "open") this.#fault(`${task} is ${fate} but did not run`);
    this.#fates.set(task, fate);
    this.#settlings++;
  }

  #fault(what: string): void {
    this.#faults.push(what);
  }
}

/** Every effect with an intent has exactly one closing row, and rows are numbered without gaps. */
export function expectOneClosingRowEach(rows: readonly Row[]): void {
  const closed = rows.filter(({ kind }) => kind === "result" || kind === "error" || kind === "cancelled").map(({ id }) => id);
  const ids = new Set(closed);
  expect(closed.length).toBe(ids.size);
  expect(rows.filter(({ kind, id }) => kind === "intent" && !ids.has(id))).toEqual([]);
  expect(rows.every(({ seq }, at) => seq === at + 1)).toBe(true);
}
