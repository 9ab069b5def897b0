// Toy machines for the tests of the host: an orchestrator in small, with workers that hold conversations (three deep).
import { assign, enqueueActions, sendParent, setup, stopChild } from "xstate";
import { effect, type EffectOrphaned, type Settled } from "quatrain/host";

export interface TurnInput {
  readonly key: string;
  readonly task: number;
  readonly turn: number;
}

/** Counts performs by `task/turn`: the outside world, which survives crashes. */
export type World = Map<string, number>;

/** A turn that costs 1 and is recorded in the world. */
export function turnIn(world: World, delay?: () => Promise<void>) {
  return effect<TurnInput, { usd: number }>("turn", { class: "idempotent" }, (input) => {
    const id = `${input.task}/${input.turn}`;
    world.set(id, (world.get(id) ?? 0) + 1);
    return delay ? delay().then(() => ({ usd: 1 })) : { usd: 1 };
  });
}

const spent = (event: unknown): number => (event as { output: Settled<{ usd: number }> }).output.value.usd;

/** Root: `tasks` workers, at most three at once, three turns each. Its output tells what is done and what is owed. */
export function toyOrchestrator(turn: ReturnType<typeof turnIn>) {
  const conversation = setup({
    types: { context: {} as { task: number; turn: number }, input: {} as { task: number } },
    actors: { turn },
    guards: { hasMore: ({ context }) => context.turn < 3 },
    actions: {
      reserve: sendParent({ type: "reserve" }),
      spend: sendParent(({ event }) => ({ type: "spent", usd: spent(event) })),
      next: assign({ turn: ({ context }) => context.turn + 1 }),
    },
  }).createMachine({
    id: "conversation",
    context: ({ input }) => ({ task: input.task, turn: 1 }),
    initial: "thinking",
    states: {
      thinking: {
        entry: "reserve",
        invoke: {
          id: "turn",
          src: "turn",
          input: ({ context }) => ({ key: `turn/${context.turn}`, task: context.task, turn: context.turn }),
          onDone: [
            { guard: "hasMore", target: "thinking", reenter: true, actions: ["spend", "next"] },
            { target: "finished", actions: "spend" },
          ],
        },
      },
      finished: { type: "final" },
    },
  });

  const worker = setup({
    types: { context: {} as { task: number }, input: {} as { task: number } },
    actors: { conversation },
    actions: {
      forward: sendParent(({ event }) => event),
      report: sendParent(({ context }) => ({ type: "finished", task: context.task })),
    },
  }).createMachine({
    id: "worker",
    context: ({ input }) => ({ task: input.task }),
    on: { reserve: { actions: "forward" }, spent: { actions: "forward" } },
    initial: "working",
    states: {
      working: {
        invoke: {
          id: "conversation",
          src: "conversation",
          input: ({ context }) => ({ task: context.task }),
          onDone: { actions: "report" },
        },
      },
    },
  });

  type Event =
    | { type: "reserve" }
    | { type: "spent"; usd: number }
    | { type: "finished"; task: number }
    | { type: "task.skip"; task: number; at: number }
    | EffectOrphaned;

  return setup({
    types: {
      context: {} as {
        tasks: number;
        next: number;
        running: number;
        done: number[];
        reserved: number;
        spent: number;
        orphans: number;
      },
      input: {} as { tasks: number },
      events: {} as Event,
    },
    actors: { worker },
    guards: {
      isOpen: ({ context }, task: number) => task < context.next && !context.done.includes(task),
      isSettled: ({ context }) => context.done.length === context.tasks && context.reserved === 0,
    },
    actions: {
      settle: enqueueActions(({ enqueue }, task: number) => {
        enqueue(stopChild(`worker:t${task}#1`));
        enqueue.assign({
          done: ({ context }) => [...context.done, task].toSorted((a, b) => a - b),
          running: ({ context }) => context.running - 1,
        });
      }),
      dispatch: enqueueActions(({ context, enqueue }) => {
        let { next, running } = context;
        for (; next < context.tasks && running < 3; next++, running++) {
          enqueue.spawnChild("worker", { id: `worker:t${next}#1`, input: { task: next } });
        }
        enqueue.assign({ next, running });
      }),
    },
  }).createMachine({
    id: "toy",
    context: ({ input }) => ({ tasks: input.tasks, next: 0, running: 0, done: [], reserved: 0, spent: 0, orphans: 0 }),
    entry: "dispatch",
    on: {
      reserve: { actions: assign({ reserved: ({ context }) => context.reserved + 1 }) },
      spent: {
        actions: assign({
          reserved: ({ context }) => context.reserved - 1,
          spent: ({ context, event }) => context.spent + event.usd,
        }),
      },
      "effect.orphaned": {
        actions: assign({ reserved: ({ context }) => context.reserved - 1, orphans: ({ context }) => context.orphans + 1 }),
      },
      "task.skip": {
        guard: { type: "isOpen", params: ({ event }) => event.task },
        actions: [{ type: "settle", params: ({ event }) => event.task }, "dispatch"],
      },
      finished: {
        guard: { type: "isOpen", params: ({ event }) => event.task },
        actions: [{ type: "settle", params: ({ event }) => event.task }, "dispatch"],
      },
    },
    initial: "dispatching",
    states: { dispatching: { always: { guard: "isSettled", target: "done" } }, done: { type: "final" } },
    output: ({ context }) => context,
  });
}
