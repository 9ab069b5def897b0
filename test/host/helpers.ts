// Small instruments of the host's tests: promises settled by hand, a clock moved by hand, one-effect machines.
import { assign, setup } from "xstate";
import type { EffectLogic, EffectError, HostClock, Row, Settled } from "quatrain/host";

export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((whenResolved, whenRejected) => {
    resolve = whenResolved;
    reject = whenRejected;
  });
  return { promise, resolve, reject };
}

/** A clock that stands still until `advance`; `waiting` counts the timers that are set. */
export function fakeClock(startAt = 1_000) {
  let now = startAt;
  let count = 0;
  const waits = new Map<number, { readonly dueAt: number; readonly fn: () => void }>();
  const clock: HostClock = {
    now: () => now,
    setTimeout(fn, ms) {
      waits.set(++count, { dueAt: now + ms, fn });
      return count;
    },
    clearTimeout(handle) {
      waits.delete(handle as number);
    },
  };
  return {
    clock,
    get waiting() {
      return waits.size;
    },
    /** Moves time and lets everything that follows from it happen. */
    async advance(ms: number) {
      now += ms;
      for (const [handle, { dueAt, fn }] of waits) {
        if (dueAt > now) continue;
        waits.delete(handle);
        fn();
      }
      await turn();
    },
  };
}

/** Lets every microtask run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

export interface Told {
  readonly events: readonly { readonly type: string; readonly [field: string]: unknown }[];
}

type Input = { readonly key: string; readonly [field: string]: unknown };

/**
 * A machine that performs one effect, notes every event it hears, and ends when it settled. `run.stop` leaves the state
 * of the effect, `run.end` ends the machine, `run.pause` and `run.resume` close and open the gate.
 */
export function oneEffect<O>(effect: EffectLogic<Input, O>, input: Input = { key: "k" }) {
  return setup({
    types: { context: {} as Told, output: {} as Told },
    actors: { effect },
    actions: { note: assign({ events: ({ context, event }) => [...context.events, event] }) },
  }).createMachine({
    id: "one",
    context: { events: [] },
    on: {
      "effect.orphaned": { actions: "note" },
      "effect.part": { actions: "note" },
      "run.end": ".ended",
      note: { actions: "note" },
    },
    initial: "working",
    states: {
      working: {
        invoke: {
          id: "work",
          src: "effect",
          input: () => input,
          onDone: {
            target: "ended",
            actions: assign({ events: ({ context, event }) => [...context.events, doneEvent(event.output)] }),
          },
          onError: {
            target: "ended",
            actions: assign({ events: ({ context, event }) => [...context.events, errorEvent(event.error)] }),
          },
        },
        initial: "open",
        states: { open: { on: { "run.pause": "closed" } }, closed: { tags: "hold", on: { "run.resume": "open" } } },
        on: { "run.stop": "stopped" },
      },
      stopped: {},
      ended: { type: "final" },
    },
    output: ({ context }) => context,
  });
}

function doneEvent<O>(output: Settled<O>) {
  return { type: "done", value: output.value };
}

function errorEvent(error: unknown) {
  const { code, message, retryable } = error as EffectError;
  return { type: "error", code, message, retryable };
}

export function kinds(rows: readonly Row[]): string[] {
  return rows.map(({ kind }) => kind);
}
