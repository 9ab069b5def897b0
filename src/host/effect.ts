// Effects as XState actor logic. The logic only registers with the runtime of its actor system and takes what the
// runtime delivers; all order, storage and repetition is the runtime's.
import type { ActorLogic, Snapshot } from "xstate";
import { messageOf } from "../core/errors.ts";
import type { Job } from "./entry.ts";
import { privateRuntime } from "./live.ts";
import type { EffectClass, EffectContext, EffectInput, EffectSchema, EffectSpec, Settled } from "./port.ts";
import { registry } from "./registry.ts";

/** The snapshot of an effect actor; `input` is dropped when it settles. */
export type EffectSnapshot<I, O> = Snapshot<Settled<O>> & { readonly input: I | undefined };

/** Actor logic for `setup({ actors })`: `onDone` gives `event.output: Settled<O>`, `onError` gives `event.error: EffectError`. */
export interface EffectLogic<I extends EffectInput, O> extends ActorLogic<
  EffectSnapshot<I, O>,
  { type: string; [field: string]: unknown },
  I
> {
  /** The name given to `effect`. */
  readonly effectName: string;
}

/** Work bound to an input, and the rules that hold for it. */
interface Bound {
  readonly class: EffectClass;
  readonly gated: boolean;
  readonly job: Job;
}

/**
 * Defines a named piece of asynchronous work, for `invoke` or `spawnChild` in any machine. Its input must hold a `key`
 * that is unique under the actor's path. Without a host it runs at once in a private memory runtime. A perform that
 * throws settles as an error event with the thrown `code` (default `Internal`), `message` and `retryable` (default false).
 */
export function effect<I extends EffectInput, O>(
  name: string,
  spec: EffectSpec<I, O>,
  perform: (input: I, context: EffectContext) => O | Promise<O>,
): EffectLogic<I, O> {
  return logicOf<I, O>(name, (input) => bind(spec, perform, input));
}

/**
 * A timer the host keeps by its clock: done at `dueAt` (wall-clock ms), at once when overdue, never for Infinity. It
 * survives a restart. NaN is an error `EffectInput`.
 */
export const sleepUntil: EffectLogic<{ readonly key: string; readonly dueAt: number }, null> = logicOf("sleepUntil", (input) => ({
  class: "pure",
  gated: false,
  job: {
    dueAt: input.dueAt,
    perform: () => null,
    inputFault: () =>
      typeof input.dueAt === "number" && !Number.isNaN(input.dueAt) ? undefined : `dueAt is ${String(input.dueAt)}`,
    outputFault: () => undefined,
  },
}));

function logicOf<I extends EffectInput, O>(name: string, bound: (input: I) => Bound): EffectLogic<I, O> {
  return {
    effectName: name,
    getInitialSnapshot: (_scope, input) => ({ status: "active", output: undefined, error: undefined, input }),
    getPersistedSnapshot: (snapshot) => snapshot,
    restoreSnapshot: (persisted) => persisted as EffectSnapshot<I, O>,
    start(snapshot, { self, system }) {
      if (snapshot.status !== "active") return;
      const host = registry.find(system, () => privateRuntime(self));
      const input = snapshot.input as I;
      host.start({ name, actor: self, input, ...(input === undefined ? unbound : bound(input)) });
    },
    transition(snapshot, event, { self, system }) {
      if (snapshot.status !== "active") return snapshot;
      switch (event.type) {
        case "effect.result":
          return { status: "done", output: event["output"] as Settled<O>, error: undefined, input: undefined };
        case "effect.error":
          return { status: "error", output: undefined, error: event["error"], input: undefined };
        case "xstate.stop":
          registry.get(system)?.stop(self);
          return { status: "stopped", output: undefined, error: undefined, input: undefined };
        default:
          return snapshot;
      }
    },
  };
}

/** Stands in where there is no input: registration refuses it by its missing key. */
const unbound: Bound = {
  class: "pure",
  gated: false,
  job: { perform: () => null, inputFault: () => undefined, outputFault: () => undefined },
};

function bind<I extends EffectInput, O>(
  spec: EffectSpec<I, O>,
  perform: (input: I, context: EffectContext) => O | Promise<O>,
  input: I,
): Bound {
  const { admission, inDoubt } = spec;
  const effectClass = typeof spec.class === "function" ? spec.class(input) : spec.class;
  const gated = typeof spec.gated === "function" ? spec.gated(input) : (spec.gated ?? effectClass === "once");
  const job: Job = {
    perform: (context) => perform(input, context),
    inputFault: () => faultOf(spec.input, input),
    outputFault: (value) => faultOf(spec.output, value),
    ...(admission && { admission, enter: (place) => admission.enter(input, place) }),
    ...(inDoubt && { inDoubt: () => inDoubt(input) }),
  };
  return { class: effectClass, gated, job };
}

function faultOf(schema: EffectSchema | undefined, value: unknown): string | undefined {
  const checked = schema?.safeParse(value);
  return !checked || checked.success ? undefined : messageOf(checked.error).slice(0, 2_000);
}
