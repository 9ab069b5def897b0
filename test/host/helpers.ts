// Small instruments of the host's tests: promises settled by hand, a clock moved by hand, one-effect machines.
import { assign, createActor, setup } from "xstate";
import {
  effect,
  type EffectContext,
  type EffectError,
  type EffectLogic,
  type EffectSpec,
  type HostClock,
  type Journal,
  memoryHost,
  memoryJournal,
  type MemoryJournal,
  type Row,
  type Settled,
} from "quatrain/host";

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

/** A clock that stands still until `advance`; `waiting` counts the timers that are set. It may tick, by `tick`. */
export function fakeClock(startAt = 1_000, { ticks = false } = {}) {
  let now = startAt;
  let count = 0;
  const waits = new Map<number, { dueAt: number; readonly fn: () => void }>();
  const listeners = new Set<() => void>();
  const clock: HostClock = {
    now: () => now,
    setTimeout(fn, ms) {
      if (ms > 2_147_483_647) throw new RangeError("longer than JavaScript's timers can wait");
      waits.set(++count, { dueAt: now + ms, fn });
      return count;
    },
    clearTimeout(handle) {
      waits.delete(handle as number);
    },
    ...(ticks && {
      everySecond(fn: () => void) {
        listeners.add(fn);
        return () => listeners.delete(fn);
      },
    }),
  };
  return {
    clock,
    get waiting() {
      return waits.size;
    },
    get listeners() {
      return listeners.size;
    },
    /** The machine sleeps: its wall clock goes on, its timers stand still. */
    sleep(ms: number) {
      now += ms;
      for (const wait of waits.values()) wait.dueAt += ms;
    },
    /** What happens once a second. */
    async tick() {
      for (const listener of listeners) listener();
      await turn();
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

export type Input = { readonly key: string; readonly [field: string]: unknown };

/**
 * A machine that performs one effect, notes every event it hears, and ends when it settled. `run.stop` leaves the state
 * of the effect, `run.end` ends the machine, `run.pause` and `run.resume` close and open the gate.
 */
export function oneEffect<O>(logic: EffectLogic<Input, O>, input: Input = { key: "k" }) {
  return setup({
    types: { context: {} as Told, output: {} as Told },
    actors: { effect: logic },
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

export function kinds(rows: Iterable<Row>): string[] {
  return Array.from(rows, ({ kind }) => kind);
}

/** An effect named "work" of class idempotent, unless told otherwise. */
export function work(perform: (input: Input, context: EffectContext) => unknown, spec: Partial<EffectSpec<Input, unknown>> = {}) {
  return effect<Input, unknown>("work", { class: "idempotent", ...spec }, perform);
}

/** A journal whose run was cut off while its effect was in flight. */
export async function cutOff(spec: Partial<EffectSpec<Input, unknown>> = {}, parts = 0): Promise<MemoryJournal> {
  const journal = memoryJournal();
  const host = memoryHost({ journal });
  const never = deferred();
  const perform = (_input: Input, { part }: EffectContext) => {
    for (let n = 0; n < parts; n++) part(n);
    return never.promise;
  };
  createActor(oneEffect(work(perform, spec)), host.attach()).start();
  await turn();
  await host.close();
  return journal;
}

/** Resumes it, and returns what the machine heard and with which contexts it performed. */
export async function resumed(journal: Journal, spec: Partial<EffectSpec<Input, unknown>> = {}) {
  const host = memoryHost({ journal });
  const contexts: EffectContext[] = [];
  const perform = (_input: Input, context: EffectContext) => contexts.push(context);
  const actor = createActor(oneEffect(work(perform, spec)), host.attach()).start();
  const end = await host.settled();
  return { end, events: actor.getSnapshot().output?.events, lost: contexts.map(({ lost, recovering }) => [lost, recovering]) };
}
