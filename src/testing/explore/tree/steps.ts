// One step of a way through the tree: as data that can be played again, and in words.
import type { Deliverable } from "../../../host/pool.ts";
import type { Command } from "../../../protocol/command.ts";
import type { RunEvent } from "../../../protocol/run-event.ts";
import type { WorldScript } from "../../simulate/world.ts";

/** One step of a way. Plain JSON. */
export type TreeStep =
  /** A result, a part or a timer is delivered, by its id. `world`: what effects come to where that is not as usual. */
  | { readonly deliver: string; readonly world?: WorldScript }
  /** A person sends a command. */
  | { readonly command: Command }
  /**
   * The process dies, and the run is resumed. `rest`: when all that follows from the last step has begun. `middle`: when the
   * last delivery was recorded, and nothing of what it started.
   */
  | { readonly crash: "rest" | "middle" }
  /** The host is closed cleanly, and the run is resumed. */
  | { readonly stop: true };

/** A step in words. `delivered`: what it delivered; `events`: what the run said meanwhile. */
export function wordsOf(step: TreeStep, delivered: Deliverable | undefined, events: readonly RunEvent[]): string {
  if ("stop" in step) return "stop → resume";
  if ("crash" in step) return step.crash === "rest" ? "crash → resume" : "crash before anything follows → resume";
  if ("command" in step) return `a person: ${commandWords(step.command)}`;
  const late = Object.keys(step.world ?? {}).flatMap((name) => /^lateReport (.+)$/.exec(name)?.[1] ?? []);
  const plain = delivered ? deliveryWords(delivered) : step.deliver;
  // Who ends a task with a late report is not who is delivered.
  return late.length > 0 ? [plain, ...late.map((one) => `${one} reports late`)].join(", ") : (told(events) ?? plain);
}

/** A way in words. */
export const scriptOf = (words: readonly string[]): string => (words.length === 0 ? "at the start" : words.join(" → "));

/** How a task ends says more than the effect that ended it. */
function told(events: readonly RunEvent[]): string | undefined {
  for (const event of events) {
    if (event.type === "task.finished") return `${event.task} finishes`;
    if (event.type === "task.retrying" || event.type === "task.failed") return `${event.task} fails as ${event.failure.code}`;
  }
  return undefined;
}

function deliveryWords({ kind, name = "", key = "", id }: Deliverable): string {
  const who = /^(.+?#\d+|[a-z]+)(?:\/|$)/.exec(key)?.[1] ?? key;
  if (kind === "cancelled") return `what was stopped of ${who} comes back`;
  if (kind === "timer") return timerWords(id);
  const words = WORDS[name];
  if (words !== undefined) return words.replace("{who}", who);
  return `${key} ${kind === "part" ? "tells a part" : kind === "error" ? "breaks" : "is done"}`;
}

const WORDS: Readonly<Record<string, string>> = {
  prepareWorkspace: "{who} is prepared",
  modelTurn: "{who} takes a turn",
  toolCall: "{who} uses a tool",
  performWork: "{who} works",
  verifyWork: "{who} is checked",
  commitWork: "{who} commits",
  integrate: "the changes are folded",
};

function timerWords(id: string): string {
  if (id.includes("wake:limit/")) return "a time limit is looked at";
  const woken = /wake:([^/:]+)/.exec(id)?.[1] ?? /(t\d+#\d+)/.exec(id)?.[1];
  return woken === undefined ? `timer ${id} goes off` : `${woken.replace(/#\d+$/, "")} is woken`;
}

function commandWords({ type, ...rest }: Command): string {
  const details = Object.values(rest).filter((value) => typeof value === "string");
  return [type, ...details].join(" ");
}
