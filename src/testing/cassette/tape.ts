// A cassette while it is played: gives each started effect what was recorded of it, and keeps what was asked.
//   T1  In an unchanged run everything is delivered at its recorded moment and in its recorded order.
//   T2  What has no recorded end is never answered; a wait that was not recorded is really waited for (time is virtual).
import { sleepUntil } from "../../host/effect.ts";
import type { Deliverable, SimulatedEffect } from "../../host/pool.ts";
import type { EffectContext } from "../../host/port.ts";
import type { Json } from "../../core/json.ts";
import type { Cassette, RecordedEffect, RecordedEnd, RecordedError } from "../../run/cassette.ts";

/** An effect as it is asked for now. */
export interface Asked {
  readonly effect: string;
  readonly key: string;
  readonly input: Json;
  /** Null: nothing like it was recorded. */
  readonly recorded: RecordedEffect | null;
}

/** How a recorded result is given, where that is not as it was. */
export type Retold = (asked: Asked, result: Json) => Json;

/** One cassette being played. */
export class Tape {
  /** What was asked, in its order. */
  readonly asked: Asked[] = [];
  readonly #byId: ReadonlyMap<string, RecordedEffect>;
  readonly #byKey = new Map<string, RecordedEffect | null>();
  readonly #nths = new Map<string, number[]>();
  readonly #used = new Set<RecordedEffect>();
  readonly #retold: Retold;

  constructor({ effects, arrivals }: Cassette, retold: Retold) {
    this.#retold = retold;
    this.#byId = new Map(effects.map((one) => [`${one.path}:${one.key}`, one]));
    for (const one of effects) {
      const name = `${one.effect} ${one.key}`;
      // Only where the key alone tells which is meant.
      this.#byKey.set(name, this.#byKey.has(name) ? null : one);
      this.#nths.set(`${one.path}:${one.key}`, [...one.parts.map(({ nth }) => nth), ...(one.ends ? [one.ends.nth] : [])]);
    }
    for (const one of arrivals) if ("command" in one) this.#nths.set(one.key, [one.nth]);
  }

  /** What was recorded and not asked for. */
  get unused(): readonly RecordedEffect[] {
    return [...this.#byId.values()].filter((one) => !this.#used.has(one));
  }

  /** The work in place of a started effect's own. */
  readonly instead = (started: SimulatedEffect): ((context: EffectContext) => unknown) | "never" | undefined => {
    const { name, input, id } = started;
    const found = this.#byId.get(id) ?? this.#byKey.get(`${name} ${input.key}`);
    const recorded = found?.effect === name && !this.#used.has(found) ? found : null;
    // A durable host takes nothing but JSON.
    const asked: Asked = { effect: name, key: input.key, input: input as unknown as Json, recorded };
    this.asked.push(asked);
    if (!recorded) return name === sleepUntil.effectName ? undefined : "never";
    this.#used.add(recorded);
    const { ends } = recorded;
    if (ends === null || ("stopped" in ends && !ends.stopped.performed)) return "never";
    return (context) => this.#play(asked, { recorded, ends }, context);
  };

  /** Picks what was delivered first of what is due; what was not recorded comes last. */
  readonly choose = (options: readonly Deliverable[]): number => {
    const nths = options.map(({ id }) => this.#nths.get(id)?.[0] ?? Number.POSITIVE_INFINITY);
    const at = Math.max(0, nths.indexOf(Math.min(...nths)));
    this.#nths.get(options[at]?.id ?? "")?.shift();
    return at;
  };

  #play(
    asked: Asked,
    { recorded, ends }: { readonly recorded: RecordedEffect; readonly ends: RecordedEnd },
    context: EffectContext,
  ): Promise<Json> {
    for (const { at, value } of recorded.parts) context.clock.setTimeout(() => context.part(value), at - recorded.at);
    return new Promise((resolve, reject) => {
      context.clock.setTimeout(() => {
        const error = errorIn(ends);
        if (error) reject(Object.assign(new Error(error.message), error));
        else resolve(this.#retold(asked, valueIn(ends)));
      }, ends.at - recorded.at);
    });
  }
}

function errorIn(ends: RecordedEnd): RecordedError | undefined {
  if ("error" in ends) return ends.error;
  return "stopped" in ends ? ends.stopped.error : undefined;
}

function valueIn(ends: RecordedEnd): Json {
  if ("result" in ends) return ends.result;
  return "stopped" in ends ? (ends.stopped.value ?? null) : null;
}
