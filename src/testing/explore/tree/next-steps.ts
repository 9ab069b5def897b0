// What can be next in a state of the tree, as steps.
import type { Deliverable } from "../../../host/pool.ts";
import type { Command } from "../../../protocol/command.ts";
import { helpFor } from "../../simulate/stage.ts";
import { askedKey } from "../../simulate/world.ts";
import type { WorldAct } from "../../simulate/world.ts";
import type { Outcomes } from "./options.ts";
import type { Played } from "./player.ts";
import type { TreeStep } from "./steps.ts";

/** What may still happen in a way. */
export interface Left {
  readonly crashes: number;
  readonly stops: number;
  readonly commands: readonly Command[];
}

/** What decides what can be next. */
export interface NextOptions {
  /** The steps that led here from the state before. */
  readonly steps: readonly TreeStep[];
  readonly left: Left;
  readonly outcomes: Outcomes;
  readonly longestEffectMs: number;
}

type Steps = readonly TreeStep[];

/** What leads on from here. */
export interface Next {
  /** What moves the run: without any it stands still for ever. */
  readonly movers: readonly Steps[];
  /** Interruptions. */
  readonly interruptions: readonly Steps[];
  /** What the last step might have been instead, as is known only after it. */
  readonly siblings: readonly Steps[];
}

/** Lists what can be next. */
export function nextSteps(played: Played, options: NextOptions): Next {
  const { left } = options;
  const movers = played.end ? [] : moversOf(played, options);
  return {
    movers,
    interruptions: [
      ...(left.crashes > 0 ? [[{ crash: "rest" }] as const] : []),
      ...(left.stops > 0 && !played.end ? [[{ stop: true }] as const] : []),
    ],
    siblings: [...latecomers(played, options), ...middle(played, options)],
  };
}

/** What is left of the budgets after some steps. */
export const leftAfter = (left: Left, steps: Steps): Left => ({
  crashes: left.crashes - steps.filter((step) => "crash" in step).length,
  stops: left.stops - steps.filter((step) => "stop" in step).length,
  commands: left.commands.filter((command) => !steps.some((step) => "command" in step && step.command === command)),
});

function moversOf(played: Played, options: NextOptions): readonly Steps[] {
  const { pending, life } = played;
  const { left, longestEffectMs } = options;
  const timers = pending.filter(({ kind }) => kind === "timer");
  const inFlight = pending.filter(({ kind }) => kind !== "timer");
  const now = life.host.clock.now();
  const soon = timers.filter(({ dueAt }) => inFlight.length === 0 || dueAt - now <= longestEffectMs);
  const commands = [...left.commands, ...(inFlight.length === 0 ? helpOf(played, options) : [])];
  return [
    ...inFlight.flatMap((one) => deliveries(played, one, options)),
    ...soon.map(({ id }) => [{ deliver: id }]),
    ...commands.map((command) => [{ command }]),
  ];
}

/** A result with each outcome that it may have. */
function deliveries(
  { asked }: Played,
  { id, kind, name, key = "", lost = 0 }: Deliverable,
  options: NextOptions,
): readonly Steps[] {
  const question = asked.get(`${name} ${askedKey(key)}`);
  // What is stopped, a part, or a turn that was lost comes to the same whatever the world would do.
  const isOpen = question && (kind === "result" || kind === "error") && !(name === "modelTurn" && lost > 0);
  if (!isOpen) return [[{ deliver: id }]];
  return options
    .outcomes(question)
    .map((act, at) => [at === 0 ? { deliver: id } : { deliver: id, world: { [nameOf(question)]: act } }]);
}

/** What a person does where nothing else moves the run: each answer that they may give, or they let it go on. */
function helpOf({ life }: Played, { outcomes }: NextOptions): readonly Command[] {
  const snapshot = life.actor.getSnapshot();
  const [ask] = snapshot.context.asks;
  const acts: readonly WorldAct[] = ask ? outcomes({ effect: "person", key: ask.id }) : [{}];
  return acts.flatMap((act) => helpFor(snapshot, () => act.decision ?? "approve") ?? []);
}

/** The same step, and an attempt that was over reports all the same. */
function latecomers({ asked, askedLast }: Played, { steps, outcomes }: NextOptions): readonly Steps[] {
  const step = steps.at(-1);
  if (!step || !("deliver" in step)) return [];
  return askedLast.flatMap((name) => {
    const question = asked.get(name);
    if (question?.effect !== "lateReport" || Object.hasOwn(step.world ?? {}, name)) return [];
    return outcomes(question)
      .slice(1)
      .map((act) => [...steps.slice(0, -1), { ...step, world: { ...step.world, [name]: act } }]);
  });
}

/** The same step, and a crash before anything that it started is on record; at the start, too. */
function middle({ hasBegun, end }: Played, { steps, left }: NextOptions): readonly Steps[] {
  const step = steps.at(-1);
  const isInterruption = step !== undefined && ("crash" in step || "stop" in step);
  if (!hasBegun || end || isInterruption || left.crashes === 0) return [];
  return [[...steps, { crash: "middle" }]];
}

const nameOf = ({ effect, key }: { readonly effect: string; readonly key: string }): string => `${effect} ${key}`;
