// Children of a run whose every end is decided outside: machines and effects in the places of worker, conversation, wait,
// copy and integration, for replays on real actors.
import { setup } from "xstate";
import { effect } from "../../../host/effect.ts";
import type { OrchestratorMachine } from "../../../machines/orchestrator.ts";

/** What a child ends with; it throws where the child is to break. Asked when the child begins; `id` is its effect's. */
export type EndOf = (child: string, id: string) => unknown;

interface Named {
  readonly key: string;
}

/** The machine with puppets for children; one run of it at a time. */
export function withPuppets(machine: OrchestratorMachine, endOf: EndOf): OrchestratorMachine {
  // An effect settles to `{ value, at }`: of a wait or an integration that is what the chart is told, of a machine its output.
  const direct = effect<Named, unknown>("puppet", { class: "idempotent" }, (_input, { id, key }) => {
    const end = endOf(id.slice(0, -key.length - 1), id);
    return typeof end === "object" && end !== null && "value" in end ? end.value : end;
  });
  const ended = effect<Named, unknown>("puppet", { class: "idempotent" }, (_input, { id, key }) =>
    endOf(id.slice(0, -key.length - "/end:".length), id),
  );
  const begun = new Map<string, number>();
  // A conversation that is held once more has the same id, and its effect needs another key.
  const keyOf = (id: string): string => {
    const count = (begun.get(id) ?? 0) + 1;
    begun.set(id, count);
    return `${id}.${count}`;
  };
  const puppet = setup({
    types: { context: {} as { readonly key: string }, input: {} as { readonly id: string } },
    actors: { ended },
  }).createMachine({
    id: "puppet",
    context: ({ input }) => ({ key: keyOf(input.id) }),
    initial: "waiting",
    // Without onError: where the effect breaks, the machine does.
    states: {
      waiting: { invoke: { id: "end", src: "ended", input: ({ context }) => context, onDone: "over" } },
      over: { type: "final", output: ({ event }): unknown => Reflect.get(Object(event.output), "value") },
    },
    output: ({ event }: { event: { output?: unknown } }) => event.output,
  });
  const actors = { worker: puppet, conversation: puppet, sleepUntil: direct, prepareWorkspace: direct, integrate: direct };
  // To the types each place has its own logic; to the chart what matters is how a child ends.
  return machine.provide({ actors: actors as never });
}
