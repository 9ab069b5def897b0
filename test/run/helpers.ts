// What the tests of runs share: folders that go away, a model whose answers depend on the request alone, and ways to
// wait for an event instead of for time.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";
import { from, map } from "rxjs";
import { z } from "zod";
import { DEFAULT_TABLE } from "../../src/core/policy.ts";
import type { PolicyRow, PolicyTable } from "../../src/core/policy.ts";
import { QuatrainError } from "../../src/core/errors.ts";
import { FAILURE_CODES } from "../../src/core/failure.ts";
import type { ModelPort } from "../../src/model/port.ts";
import type { NumberedEvent } from "../../src/protocol/run-event.ts";
import type { TurnRequest } from "../../src/protocol/turn.ts";
import type { Run } from "../../src/run/run.ts";
import type { ScriptedAnswer } from "../../src/testing/scripted-model.ts";
import { scriptedOutcome } from "../../src/testing/scripted-model.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";

/** A folder with one file, `a.txt`, removed after the test and what was begun in it (`whenOver`: at another time). */
export async function folder(whenOver: (clean: () => Promise<void>) => void = onTestFinished): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), "quatrain-"));
  whenOver(() => rm(made, { recursive: true, force: true, maxRetries: 3 }));
  await writeFile(path.join(made, "a.txt"), "one\n");
  return made;
}

/** Stops the run after the test, whatever became of it. */
export function kept<R extends Pick<Run, "stop">>(run: R): R {
  onTestFinished(() => run.stop());
  return run;
}

/** The default table without its waits. */
export const hasty: PolicyTable = { ...DEFAULT_TABLE };
for (const code of FAILURE_CODES) {
  const { turn, attempt, then } = DEFAULT_TABLE[code];
  Object.assign(hasty, {
    [code]: {
      turn: turn.map((step) => (step.do === "again" ? { ...step, waitMs: [0, 0] } : step)),
      attempt: attempt.map((step) => (step.do === "redo" ? step : { ...step, waitMs: [0, 0] })),
      then,
    } satisfies PolicyRow,
  });
}

/** The table without its waits, by which files that collide stand as they are. */
export const keeping: PolicyTable = { ...hasty, ConflictingOutputs: { turn: [], attempt: [], then: "skip" } };

/** Answers by conversation (or task, or `*`), from the request alone: the same after a resume. */
export type Answers = Readonly<
  Record<string, ScriptedAnswer | ((request: TurnRequest) => ScriptedAnswer | Promise<ScriptedAnswer>)>
>;

/** A model without memory, and what it was asked as `conversation/turn`. */
export function fixedModel(
  answers: Answers,
): ModelPort & { readonly asked: readonly string[]; readonly requests: readonly TurnRequest[] } {
  const requests: TurnRequest[] = [];
  const asked: string[] = [];
  return {
    asked,
    requests,
    turn(request) {
      requests.push(request);
      asked.push(`${request.conversation}/${request.turn}`);
      const names = [request.conversation, request.conversation.replace(/#.*/, ""), "*"];
      const answer = names
        .map((name) => (Object.hasOwn(answers, name) ? answers[name] : undefined))
        .find((one) => one !== undefined);
      if (answer === undefined) throw new QuatrainError("BadOption", `There is no answer for ${request.conversation}.`);
      const given = typeof answer === "function" ? answer(request) : answer;
      return from(given instanceof Promise ? given : [given]).pipe(
        map((one) => ({ kind: "outcome" as const, outcome: scriptedOutcome(one, request) })),
      );
    },
  };
}

/** The first event of a kind (or that fits), once it comes. Rejects when the run ends without it. */
export async function eventOf<T extends NumberedEvent["type"]>(
  run: Pick<Run, "events">,
  type: T,
  fits: (event: Extract<NumberedEvent, { type: T }>) => boolean = () => true,
): Promise<Extract<NumberedEvent, { type: T }>> {
  const seen: string[] = [];
  for await (const event of run.events) {
    seen.push(event.type);
    if (isOf(event, type) && fits(event)) return event;
  }
  throw new Error(`The run ended without ${type}: ${seen.join(" ")}`);
}

const isOf = <T extends NumberedEvent["type"]>(event: NumberedEvent, type: T): event is Extract<NumberedEvent, { type: T }> =>
  event.type === type;

/** All events of a run that has ended (or stopped). */
export async function eventsOf(run: Pick<Run, "events">): Promise<readonly NumberedEvent[]> {
  const events: NumberedEvent[] = [];
  for await (const event of run.events) events.push(event);
  return events;
}

/** A promise and the function that settles it. */
export function deferred<T = void>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let settle: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: settle };
}

/** A function worker that repeats its task. */
export const echo = defineWorker({ name: "echo", description: "repeats", perform: ({ task }) => `echo of ${task}` });
/** A function worker with typed input and output. */
export const tables = defineWorker({
  name: "tables",
  description: "makes tables",
  input: z.object({ entity: z.string() }),
  output: z.object({ tables: z.array(z.string()) }),
  perform: ({ input }) => ({ tables: [input.entity] }),
});

/** The scripts of a run that changes a.txt and writes b.md after it, then c.md beside it. */
export const threeTasks: Answers = {
  route: { json: { mode: "orchestrate", worker: null, reason: "two domains" } },
  plan: ({ turn }) =>
    turn === 1
      ? { calls: [{ tool: "read", input: { file_path: "a.txt" } }] }
      : {
          json: {
            rationale: "three steps",
            tasks: [
              { label: "a", worker: "backend", task: "change a", writes: ["a.txt"] },
              { label: "b", worker: "docs", task: "write b", depends_on: ["a"], writes: ["b.md"] },
              { label: "c", worker: "docs", task: "write c", writes: ["c.md"] },
            ],
          },
        },
  t1: ({ turn }) => (turn === 1 ? { calls: [{ tool: "write", input: { file_path: "a.txt", content: "two\n" } }] } : "Changed a."),
  t2: ({ turn }) => (turn === 1 ? { calls: [{ tool: "write", input: { file_path: "b.md", content: "# b\n" } }] } : "Wrote b."),
  t3: ({ turn }) => (turn === 1 ? { calls: [{ tool: "write", input: { file_path: "c.md", content: "# c\n" } }] } : "Wrote c."),
  synthesis: "All done.",
};
