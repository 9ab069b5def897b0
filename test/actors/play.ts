// Single effects, played in a machine of their own on a host whose time stands still.
import { createActor } from "xstate";
import type { EffectLogic } from "../../src/host/effect.ts";
import { memoryHost, memoryJournal } from "../../src/host/index.ts";
import { fakeClock, oneEffect, turn } from "../host/helpers.ts";
import type { Input } from "../host/helpers.ts";

/** What the machine of an effect heard. */
export type Events = readonly { readonly type: string; readonly [field: string]: unknown }[];

/** Plays one effect in a machine of its own; `stopAt` leaves its state once everything is at rest. */
export async function play(
  logic: unknown,
  input: object,
  options: { readonly stop?: boolean; readonly waitMs?: number } = {},
): Promise<Events> {
  const { clock, advance } = fakeClock();
  const host = memoryHost({ clock });
  // The machine is the same for every effect; what goes in and comes out is looked at as it is.
  const machine = oneEffect(logic as EffectLogic<Input, unknown>, { key: "k", ...input });
  const actor = createActor(machine, host.attach()).start();
  await turn();
  if (options.stop) host.send({ type: "run.stop" });
  await turn();
  if (options.waitMs !== undefined) await advance(options.waitMs);
  await turn();
  if (options.stop) host.send({ type: "run.end" });
  else await host.settled();
  await turn();
  const { events } = actor.getSnapshot().context;
  await host.close();
  return events;
}

/** Plays an effect whose process ends while it is in flight, once or more often, then again in another. */
export async function playTwice(logic: unknown, input: object, crashes = 1): Promise<Events> {
  const journal = memoryJournal();
  const machine = oneEffect(logic as EffectLogic<Input, unknown>, { key: "k", ...input });
  for (let crash = 0; crash < crashes; crash++) {
    const first = memoryHost({ journal });
    createActor(machine, first.attach()).start();
    await turn();
    await first.close();
  }
  const second = memoryHost({ journal });
  const actor = createActor(machine, second.attach()).start();
  await second.settled();
  return actor.getSnapshot().context.events;
}

/** Work that never ends. */
export const never = new Promise<never>(() => {});
