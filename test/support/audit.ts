// What must hold of any run, checked while it goes on and when it is over.
import { expect } from "vitest";
import { taskIndex } from "../../src/core/ids.ts";
import type { Row } from "../../src/host/journal.ts";
import type { RunInput } from "../../src/machines/run-state.ts";
import type { Plan } from "../../src/protocol/plan.ts";
import type { RunEvent } from "../../src/protocol/run-event.ts";
import { countOf } from "../../src/queue/state.ts";
import type { RunSnapshot, SimulatedRun, TimedCommand } from "./simulate.ts";

type Fate = "open" | "asking" | "running" | "finished" | "failed" | "skipped";

const SLACK_USD = 1e-9;

/** Follows one run. Give `watch` and `hear` to `simulate`, then call `expectSound`. */
export class RunAuditor {
  readonly #input: RunInput;
  readonly #fates = new Map<string, Fate>();
  readonly #faults: string[] = [];
  #settlings = 0;
  #plan: Plan | null = null;
  #billedUsd = 0;
  readonly #bills = new Map<string, number>();
  #ends = 0;
  #began = false;

  constructor(input: RunInput) {
    this.#input = input;
  }

  readonly watch = ({ context }: RunSnapshot): void => {
    const { queue, spend, accounts, options } = context;
    this.#plan = context.plan;
    if (options.budgetUsd !== null) {
      const reserved = Object.values(accounts).reduce((sum, account) => sum + account.reservedUsd, 0);
      if (spend.usd + reserved > options.budgetUsd + SLACK_USD)
        this.#fault(`${spend.usd} spent and ${reserved} reserved of ${options.budgetUsd}`);
    }
    if (!queue) return;
    const running = queue.tasks.filter(({ status }) => status === "running");
    if (running.length > options.concurrency) this.#fault(`${running.length} tasks run at once`);
    for (const [worker, cap] of Object.entries(queue.caps)) {
      if (running.filter((task) => task.worker === worker).length > cap) this.#fault(`more than ${cap} tasks of ${worker} run`);
      if (countOf(queue.runningBy, worker) > cap) this.#fault(`${worker} is counted above its cap`);
    }
  };

  readonly hear = (event: RunEvent): void => {
    if (event.type === "task.started") this.#start(event.task);
    else if (event.type === "task.finished" || event.type === "task.reused") this.#settle(event.task, "finished");
    else if (event.type === "task.failed") this.#settle(event.task, "failed");
    else if (event.type === "task.skipped") this.#settle(event.task, "skipped");
    else if (event.type === "task.retrying") this.#retry(event.task);
    else if (event.type === "ask.opened" && event.ask.kind === "escalation")
      this.#fates.set(event.ask.id.replace(/#.*/, ""), "asking");
    else if (event.type === "turn.completed" || event.type === "turn.failed") this.#bill(event.conversation, event.usd ?? 0);
    else if (event.type === "run.finished") this.#ends++;
  };

  /** Fails unless the run ended well in order, whatever its outcome. */
  expectSound({ end, output, snapshot, journal }: SimulatedRun, commands: readonly TimedCommand[] = []): void {
    const { context } = snapshot;
    const { value } = snapshot;
    // Where it hangs is told with it.
    const stuck = end.kind === "done" ? null : [value, context.queue?.counts, context.accounts, context.funding];
    expect({ end, stuck }).toEqual({ end: { kind: "done" }, stuck: null });
    expect(this.#faults).toEqual([]);
    expect(this.#ends).toBe(1);
    expect(context.accounts).toEqual({});
    expect(Object.entries(snapshot.children).filter(([, child]) => child?.getSnapshot().status === "active")).toEqual([]);
    this.#expectTasks(output?.tasks ?? [], commands);
    const { budgetUsd } = this.#input.options;
    if (budgetUsd !== null) expect(context.spend.usd).toBeLessThanOrEqual(budgetUsd + SLACK_USD);
    expect(context.spend.usd).toBeGreaterThanOrEqual(this.#billedUsd - SLACK_USD);
    expectOneClosingRowEach(journal.read());
  }

  #expectTasks(
    tasks: readonly { readonly id: string; readonly status: string; readonly usd: number }[],
    commands: readonly TimedCommand[],
  ): void {
    // A plan that was turned down leaves tasks that nobody began.
    const began = this.#began;
    for (const { id, usd } of tasks) expect(usd, `money of ${id}`).toBeGreaterThanOrEqual((this.#bills.get(id) ?? 0) - SLACK_USD);
    for (const { id, status } of tasks) if (began) expect({ id, fate: this.#fates.get(id) }).toEqual({ id, fate: status });
    const revived = commands.some(({ event }) => event.type === "task.retry");
    if (began && !revived) expect(this.#settlings).toBe(tasks.length);
  }

  #bill(conversation: string, usd: number): void {
    const name = conversation.replace(/#.*/, "");
    this.#billedUsd += usd;
    this.#bills.set(name, (this.#bills.get(name) ?? 0) + usd);
  }

  #start(task: string): void {
    const fate = this.#fates.get(task) ?? "open";
    this.#began = true;
    if (fate === "running") this.#fault(`${task} is started while it runs`);
    this.#fates.set(task, "running");
    for (const edge of this.#input.plan?.tasks[taskIndex(task)]?.dependencies ??
      this.#plan?.tasks[taskIndex(task)]?.dependencies ??
      []) {
      const before = this.#fates.get(edge.task) ?? "open";
      const fits = edge.kind === "hard" ? before === "finished" : before !== "open" && before !== "running";
      if (!fits) this.#fault(`${task} is started while ${edge.task} is ${before}`);
    }
  }

  #retry(task: string): void {
    if (this.#fates.get(task) !== "running") this.#fault(`${task} is retried but did not run`);
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
