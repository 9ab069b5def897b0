// A diamond of tasks for any workers: one first, some side by side, one last. Inputs are made up from the workers' schemas.
import type { Json } from "../../core/json.ts";
import { diceFor } from "../../testing/stand-in/bad-brain/dice.ts";
import { instanceOf } from "../../testing/stand-in/bad-brain/instance.ts";
import type { Schema } from "../../testing/stand-in/bad-brain/instance.ts";
import type { Worker } from "../../workers/define-worker.ts";

/** A task of the diamond. */
export interface SampleTask {
  readonly label: string;
  readonly worker: string;
  readonly task: string;
  readonly dependsOn: readonly string[];
  readonly input: Json;
}

/** The tasks, and the workers that they had to leave out. */
export interface SamplePlan {
  readonly tasks: readonly SampleTask[];
  /** No input that fits could be made up for these. */
  readonly withoutInput: readonly string[];
}

/** Each task that may run beside the others multiplies the states of an exploration by five. */
const MOST_BETWEEN = 3;
const TRIES = 50;

/** A diamond of four tasks, or of five for many workers. Every worker stands in it, as far as there is room. */
export function samplePlan(workers: readonly Worker[]): SamplePlan {
  const able = workers.flatMap((worker) => {
    const input = inputFor(worker);
    return input === undefined ? [] : [{ name: worker.name, input }];
  });
  const between = Math.min(MOST_BETWEEN, Math.max(2, able.length - 2));
  const middle = ["left", "right", "middle"].slice(0, between);
  const labels = ["first", ...middle, "last"];
  const tasks = labels.flatMap((label, at): readonly SampleTask[] => {
    const worker = able[at % Math.max(1, able.length)];
    if (!worker) return [];
    const dependsOn = label === "first" ? [] : label === "last" ? middle : ["first"];
    return [{ label, worker: worker.name, task: `Do the ${label} part.`, dependsOn, input: worker.input }];
  });
  return { tasks, withoutInput: workers.flatMap(({ name }) => (able.some((one) => one.name === name) ? [] : [name])) };
}

/** An input that a worker takes; undefined where none was found. */
function inputFor({ name, card, checkInput }: Worker): Json | undefined {
  if (card.inputSchema === null) return null;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const input = instanceOf(card.inputSchema as Schema, diceFor(`input of ${name} ${attempt}`));
    if (checkInput(input).length === 0) return input;
  }
  return undefined;
}
