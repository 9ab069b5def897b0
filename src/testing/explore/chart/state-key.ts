// When two snapshots of the orchestrator are the same state: when all that decides what may follow is the same. Times,
// texts and money are left out, so that the states of a plan are finitely many; explorations check on samples that the
// same key has the same future (`sameKeySameFuture`).
import { FAILURES } from "../../../core/failure.ts";
import { taskIndex } from "../../../core/ids.ts";
import type { Plan } from "../../../protocol/plan.ts";
import type { RunContext } from "../../../machines/run-state.ts";
import type { TaskStatus } from "../../../queue/state.ts";
import type { RunSnapshot } from "../../simulate/stage.ts";

const LETTERS: Readonly<Record<TaskStatus, string>> = {
  waiting: "w",
  ready: "r",
  running: "R",
  retrying: "y",
  asking: "a",
  mending: "m",
  finished: "f",
  failed: "x",
  skipped: "s",
  invalidated: "i",
};

/** Makes keys that can be compared with those of the same maker only. */
export class StateKeys {
  readonly #more: (snapshot: RunSnapshot) => string;
  /** Long parts by what they say, as small numbers; looked up once for each object. */
  readonly #numbers = new Map<string, number>();
  readonly #known = new WeakMap<object, number>();

  /** `more`: what a chart of the user's own adds. */
  constructor(more: (snapshot: RunSnapshot) => string = () => "") {
    this.#more = more;
  }

  of(snapshot: RunSnapshot): string {
    const { status, value, context, children } = snapshot;
    return [
      status === "active" ? placeOf(value) : status,
      this.#tasks(context),
      childrenOf(children),
      mendings(context),
      ownMatters(context),
      this.#more(snapshot),
    ].join("|");
  }

  #tasks({ queue, plan, history, reports }: RunContext): string {
    if (!queue || !plan) return "";
    let text = `${this.#numberOf(plan, signatureOf)},${this.#numberOf(queue.priorities, String)},${queue.ready.join(".")}`;
    for (const [at, { id, status, attempts, failure }] of queue.tasks.entries()) {
      const followed = status === "skipped" && failure?.code === "DependencyFailed" ? "'" : "";
      text += `,${LETTERS[status]}${followed}${attempts}${reports[at] ? "!" : ""}`;
      const failed = Object.hasOwn(history, id) ? (history[id] ?? []) : [];
      if (failed.length === 0) continue;
      let own = 0;
      for (const { code } of failed) if (FAILURES[code].level !== "run") own += 1;
      text += `-${own}`;
      if (own < failed.length) text += `-${failed.length - own}`;
    }
    return text;
  }

  #numberOf<T extends object>(part: T, say: (part: T) => string): number {
    const known = this.#known.get(part);
    if (known !== undefined) return known;
    const text = say(part);
    const number = this.#numbers.get(text) ?? this.#numbers.size;
    this.#numbers.set(text, number);
    this.#known.set(part, number);
    return number;
  }
}

/** The state value in few characters. */
function placeOf(value: unknown): string {
  if (typeof value === "string") return value;
  let text = "";
  for (const [name, inner] of Object.entries(value as Readonly<Record<string, unknown>>)) text += `${name}(${placeOf(inner)})`;
  return text;
}

/** The children but the timer of the deadlines, which is set anew for ever while nothing is over its time. */
export const livingIn = (children: RunSnapshot["children"]): string[] =>
  Object.keys(children).filter((id) => !id.startsWith("wake:limit/"));

const childrenOf = (children: RunSnapshot["children"]): string => livingIn(children).toSorted().join();

function mendings({ mending, mended }: RunContext): string {
  let text = "";
  for (const { id, attempt, step, why, rest, begun } of mending)
    text += `${id}${attempt}${step}${why.code}${rest.steps.length}${rest.then}${begun};`;
  const tasks = Object.keys(mended);
  if (tasks.length === 0) return text;
  for (const task of tasks.toSorted((a, b) => taskIndex(a) - taskIndex(b))) {
    const { calls = 0, asked = [], parts = [], reworded = false } = mended[task] ?? {};
    text += `${task}:${calls}${asked.join(".")}/${parts.join(".")}${reworded}`;
  }
  return text;
}

/** What is the run's own: its calls, questions, and what holds or ends it. */
function ownMatters(context: RunContext): string {
  const { route, calls, talking, returning, integration, restarts, asks, accounts, funding, standstill } = context;
  const parts: unknown[] = [
    route?.mode === "direct" ? route.worker : route && "",
    calls.route.tried,
    calls.plan.tried,
    calls.synthesis.tried,
    talking,
    returning?.call,
    returning?.woken,
    restarts.length,
    context.suspension?.code,
    // Which of several losses a run names in the end is a matter of words.
    context.failure && (context.failure.code === "Cancelled" ? "cancelled" : "failed"),
    context.broke,
    context.answer === null ? "" : "!",
    context.outcome,
    standstill.since === null ? "" : "!",
  ];
  if (integration.tried > 0)
    parts.push(
      integration.tried,
      integration.failed,
      integration.redone,
      integration.asked,
      ...context.conflicts.map(({ path, tasks }) => [path, ...tasks].join(".")),
    );
  if (asks.length > 0) parts.push(...asks.map(({ id }) => id));
  const open = Object.entries(accounts).map(([name, { inFlight }]) => `${name}${inFlight}`);
  if (open.length > 0 || funding.length > 0) parts.push(...open, ...funding.map(({ from }) => from));
  return parts.join();
}

/** What of a plan decides what follows. */
const signatureOf = ({ tasks }: Plan): string =>
  tasks
    .map(({ worker, optional, dependencies }) =>
      [worker, optional, ...dependencies.map(({ task, kind }) => `${kind}${task}`)].join(),
    )
    .join(";");
