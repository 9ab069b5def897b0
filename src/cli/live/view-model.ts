// The live view as data: what each line says, most urgent first. Pure: made from the fold of the events, the
// orchestrator's context and a moment.
import { rootCause } from "../../core/failure.ts";
import { attemptId, taskIndex, workerActorId } from "../../core/ids.ts";
import { unreachable } from "../../core/unreachable.ts";
import type { RunContext } from "../../machines/run-state.ts";
import { isSettledStatus } from "../../queue/state.ts";
import type { TaskState, TaskStatus } from "../../queue/state.ts";
import { failureText } from "../messages.ts";
import { countText, durationText, moneyText, safe } from "../words.ts";
import { detailOf } from "./view-state.ts";
import type { Detail, ViewState } from "./view-state.ts";

/** One task, or one conversation of the run itself. */
export interface ViewRow {
  readonly id: string;
  readonly status: TaskStatus;
  readonly worker: string;
  readonly label: string;
  /** What it does, or what it waits for. */
  readonly doing: string;
  /** `12 s  3.2k tok  $0.04`; "" before the start. */
  readonly effort: string;
}

/** The whole view. */
export interface ViewModel {
  readonly request: string;
  /** Such as `active: dispatching · running`. */
  readonly path: string;
  /** Elapsed, spend, tokens. */
  readonly totals: string;
  /** Such as `waiting 3 · ready 1 · running 2 · finished 4`; "" while there is no plan. */
  readonly queue: string;
  /** Running, asking and retrying first, then ready, waiting, failed, finished. */
  readonly rows: readonly ViewRow[];
  /** Why it stands still, or what went wrong; "" while all is well. */
  readonly trouble: string;
}

/** Order of the lines. */
const URGENCY: readonly TaskStatus[] = [
  "running",
  "asking",
  "retrying",
  "mending",
  "ready",
  "invalidated",
  "waiting",
  "failed",
  "skipped",
  "finished",
];
/** Order of the counters, and those that are told even when they are 0. */
const COUNTED: readonly TaskStatus[] = [
  "waiting",
  "ready",
  "running",
  "retrying",
  "mending",
  "asking",
  "finished",
  "failed",
  "skipped",
  "invalidated",
];
const ALWAYS: ReadonlySet<TaskStatus> = new Set(["waiting", "ready", "running", "finished"]);

/** Makes the view of a moment (ms). */
export function viewModel(seen: ViewState, context: RunContext, now: number): ViewModel {
  const { queue, options } = context;
  const moment = seen.endedAt ?? now;
  const tasks = (queue?.tasks ?? []).map((task) => taskRow(task, { seen, context, now: moment }));
  const { usd } = options.budget;
  const budget = usd === null ? "" : ` of ${moneyText(usd)}`;
  return {
    request: safe(seen.request, 200),
    path: pathText(seen),
    totals: `${durationText(moment - seen.startedAt)} · ${moneyText(seen.usd)}${budget} · ${countText(seen.tokens)} tokens`,
    queue: queue
      ? COUNTED.filter((status) => ALWAYS.has(status) || queue.counts[status] > 0)
          .map((status) => `${status} ${queue.counts[status]}`)
          .join(" · ")
      : "",
    rows: [...ownRows(seen, moment), ...tasks].toSorted((a, b) => URGENCY.indexOf(a.status) - URGENCY.indexOf(b.status)),
    trouble: troubleText(seen),
  };
}

interface Scene {
  readonly seen: ViewState;
  readonly context: RunContext;
  readonly now: number;
}

function taskRow(task: TaskState, scene: Scene): ViewRow {
  const detail = detailOf(scene.seen, task.id);
  const started = task.startedAt ?? detail.startedAt;
  const until = isSettledStatus(task.status) ? (task.settledAt ?? scene.now) : scene.now;
  const effort = started === null ? "" : effortText({ ms: until - started, tokens: detail.tokens, usd: detail.usd });
  return {
    id: task.id,
    status: task.status,
    worker: safe(task.worker, 30),
    label: safe(task.label, 60),
    doing: taskDoing(task, detail, scene),
    effort,
  };
}

function taskDoing(task: TaskState, detail: Detail, scene: Scene): string {
  const why = task.failure ?? detail.failure;
  switch (task.status) {
    case "running":
      return `${workerActorId(task.id, task.attempts)} ${detail.state || "starting"}${stepText(detail, scene.now)}${sayingText(scene.seen, attemptId(task.id, task.attempts))}`;
    case "retrying":
      return `attempt ${task.attempts} failed (${why?.code ?? "unknown"}), again ${inTime(task.wakeAt, scene.now)}`;
    case "mending":
      return `attempt ${task.attempts} failed (${why?.code ?? "unknown"}), the orchestrator ${mendText(task, scene.context)}`;
    case "asking":
      return `asks whether to try again${why ? `: ${failureText(why)}` : ""}`;
    case "ready":
      return isFull(scene.context) ? "ready, waits for a free place" : "ready";
    case "waiting":
    case "invalidated":
      return `waits for ${blockers(task, scene.context).join(", ")}`;
    case "finished":
      return safe(detail.summary || (task.result?.summary ?? ""));
    case "failed":
    case "skipped":
      return why ? failureText(rootCause(why)) : task.status;
    default:
      return unreachable(task.status);
  }
}

const mendText = ({ id }: TaskState, { mending }: RunContext): string =>
  mending.find(({ task }) => task === id)?.step === "reword" ? "words it anew" : "cuts it into parts";

/** The step of a conversation inside its worker, such as ` › acting(bash)`. */
function stepText({ doing }: Detail, now: number): string {
  if (!doing) return "";
  return ` › ${safe(doing.step, 60)}${doing.until === null ? "" : ` ${inTime(doing.until, now)}`}`;
}

/** The end of what it is saying, such as `: …and then the tests`. */
function sayingText({ saying }: ViewState, conversation: string): string {
  const said = Object.hasOwn(saying, conversation) ? safe(saying[conversation] ?? "", 200) : "";
  return said === "" ? "" : `: …${Array.from(said).slice(-MOST_SAID).join("")}`;
}

/** Most characters shown of what is being said. */
const MOST_SAID = 40;

const isFull = ({ queue }: RunContext): boolean => queue !== null && queue.counts.running >= queue.concurrency;

function blockers(task: TaskState, { plan, queue }: RunContext): readonly string[] {
  const dependencies = plan?.tasks[taskIndex(task.id)]?.dependencies ?? [];
  return dependencies
    .map((edge) => edge.task)
    .filter((id) => !isSettledStatus(queue?.tasks[taskIndex(id)]?.status ?? "finished"));
}

/** The run's own conversation that is alive. */
function ownRows(seen: ViewState, now: number): readonly ViewRow[] {
  if (seen.talking === null) return [];
  const detail = detailOf(seen, seen.talking);
  const effort = effortText({ ms: null, tokens: detail.tokens, usd: detail.usd });
  return [
    {
      id: "",
      status: "running",
      worker: "orchestrator",
      label: seen.talking,
      doing: `${seen.talking}${stepText(detail, now)}${sayingText(seen, seen.talking)}`,
      effort,
    },
  ];
}

function effortText({ ms, tokens, usd }: { readonly ms: number | null; readonly tokens: number; readonly usd: number }): string {
  return [...(ms === null ? [] : [durationText(ms)]), `${countText(tokens)} tok`, moneyText(usd)].join("  ");
}

function pathText({ phase, activity, outcome }: ViewState): string {
  if (outcome === null) return `active: ${phase} · ${activity}`;
  return outcome === "complete" || outcome === "partial" ? `done (${outcome})` : outcome;
}

function troubleText({ failure, conflicts }: ViewState): string {
  const count = conflicts === 0 ? "" : `${conflicts} conflict${conflicts === 1 ? "" : "s"}`;
  return [...(failure ? [failureText(failure)] : []), ...(count === "" ? [] : [count])].join(" · ");
}

const inTime = (at: number | null, now: number): string =>
  at === null || at <= now ? "at once" : `in ${durationText(at - now)}`;
