import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assign, createActor, enqueueActions, setup, transition } from "xstate";
import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine } from "xstate";
import { lean } from "../../src/machines/lean.ts";

interface Counted {
  readonly count: number;
  readonly log: readonly string[];
}

/** A machine that does with its actions what ours do. */
function toy(): AnyStateMachine {
  const child = setup({}).createMachine({ initial: "up", states: { up: { on: { end: "over" } }, over: { type: "final" } } });
  return setup({
    types: { context: {} as Counted, emitted: {} as { type: "said"; count: number } },
    actors: { child },
    guards: { isMany: ({ context }) => context.count >= 5 },
    actions: {
      count: assign(({ context }) => ({ count: context.count + 1 })),
      reset: assign({ count: 0, log: ({ context }) => [...context.log, "reset"] }),
      decide: enqueueActions(({ context, event, enqueue }) => {
        const next = { ...context, log: [...context.log, event.type] };
        enqueue.assign(() => next);
        enqueue.emit({ type: "said", count: next.count });
        enqueue.assign({ count: next.count + 2 });
      }),
      begin: enqueueActions(({ enqueue }) => enqueue.spawnChild("child", { id: "one" })),
      tell: enqueueActions(({ enqueue }) => enqueue.sendTo("one", { type: "end" })),
      stop: enqueueActions(({ enqueue }) => enqueue.stopChild("one")),
      note: assign(({ context, event }) => ({ log: [...context.log, event.type] })),
    },
  }).createMachine({
    context: { count: 0, log: [] },
    initial: "alone",
    on: { count: { actions: "count" }, decide: { actions: ["decide", "count"] }, "xstate.done.actor.*": { actions: "note" } },
    states: {
      alone: {
        entry: "note",
        always: { guard: "isMany", actions: "reset", target: "alone", reenter: true },
        on: { begin: { target: "together", actions: "begin" } },
      },
      together: { tags: "busy", on: { tell: { actions: "tell" }, stop: { target: "alone", actions: "stop" } } },
    },
  });
}

/** What can be seen of a machine that is sent some events. */
function seenOf(machine: AnyStateMachine, events: readonly string[]): readonly unknown[] {
  const seen: unknown[] = [];
  const inspect = (event: { readonly type: string }): unknown => seen.push(event.type);
  const actor = createActor(machine, { id: "toy", inspect });
  actor.on("*", (event) => seen.push(event));
  actor.start();
  for (const type of events) {
    actor.send({ type });
    const snapshot = actor.getSnapshot() as AnyMachineSnapshot;
    seen.push(JSON.stringify(snapshot), JSON.stringify(actor.getPersistedSnapshot()), snapshot.hasTag("busy"));
  }
  return seen;
}

const events = fc.array(fc.constantFrom("count", "decide", "begin", "stop", "unknown"), { maxLength: 12 });

describe("a lean machine", () => {
  it("shows exactly what the machine shows otherwise", () => {
    fc.assert(
      fc.property(events, (types) => {
        expect(seenOf(lean(toy()), types)).toEqual(seenOf(toy(), types));
      }),
    );
    const talking = ["decide", "begin", "tell", "count", "stop", "decide"];
    expect(seenOf(lean(toy()), talking)).toEqual(seenOf(toy(), talking));
  });

  it("runs its steps with the executor that it was given, and puts none in its place", () => {
    const ran: string[] = [];
    const scope = scopeOf(createActor(toy()), (type) => ran.push(type));
    const machine = lean(toy());
    const first = machine.getInitialSnapshot(scope, undefined);
    expect(machine.transition(first, { type: "decide" }, scope).context).toEqual({ count: 3, log: ["xstate.init", "decide"] });
    expect(ran).toEqual(["xstate.emit"]);
    // The control: XState's own step does put one there.
    const plain = toy();
    expect(() => plain.transition(plain.getInitialSnapshot(scope, undefined), { type: "decide" }, scope)).toThrow(TypeError);
  });

  it("gives its actions to those who only ask for them", () => {
    const machine = lean(toy());
    const [first] = transition(machine, createActor(machine).getSnapshot(), { type: "begin" });
    const [, actions] = transition(machine, first, { type: "tell" });
    expect(actions.map(({ type }) => type)).toEqual(["xstate.sendTo"]);
  });

  it("leaves an action that is asked otherwise as it is", () => {
    const machine = toy();
    const actions: Readonly<Record<string, unknown>> = machine.implementations.actions;
    const { count, note } = actions as Readonly<Record<"count" | "note", { resolve: unknown }>>;
    const resolve = count.resolve;
    const resolveNewly = (_asked: unknown): unknown => undefined;
    note.resolve = resolveNewly;
    lean(machine);
    expect(note.resolve).toBe(resolveNewly);
    expect(count.resolve).not.toBe(resolve);
  });

  it("keeps the state object of a step that changes the context only", () => {
    const machine = lean(toy());
    const actor = createActor(machine).start();
    const before = actor.getSnapshot() as AnyMachineSnapshot;
    actor.send({ type: "count" });
    expect((actor.getSnapshot() as AnyMachineSnapshot).value).toBe(before.value);
  });
});

/** A frozen scope: whoever assigns to it breaks. */
function scopeOf(self: AnyActorScope["self"], ran: (type: string) => unknown): AnyActorScope {
  return Object.freeze({
    self,
    id: "toy",
    sessionId: "x:0",
    logger: () => undefined,
    defer: () => undefined,
    system: self.system,
    stopChild: () => undefined,
    emit: () => undefined,
    actionExecutor: ({ type }: { readonly type: string }) => void ran(type),
  });
}
