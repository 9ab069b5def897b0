// Tasks for any workers: a diamond, and two in a row. Inputs are made up from the workers' schemas.
import type { Json } from "../../core/json.ts";
import { diceFor } from "../../testing/stand-in/bad-brain/dice.ts";
import { instanceOf } from "../../testing/stand-in/bad-brain/instance.ts";
import type { Schema } from "../../testing/stand-in/bad-brain/instance.ts";
import type { Worker } from "../../workers/define-worker.ts";

/** A task of such a plan. */
export interface SampleTask {
  readonly label: string;
  readonly worker: string;
  readonly task: string;
  readonly dependsOn: readonly string[];
  readonly input: Json;
}

/** The tasks, and the workers that they had to leave out. */
export interface SamplePlan {
  /** One first, some side by side, one last: four tasks, or five for many workers. Empty where no worker has an input. */
  readonly diamond: readonly SampleTask[];
  /** Two tasks, the second of a machine where there is one, else of a function, since both have few states. */
  readonly tree: readonly SampleTask[];
  /** No input that fits could be made up for these. */
  readonly withoutInput: readonly string[];
}

/** Each task that may run beside the others multiplies the states of an exploration by five. */
const MOST_BETWEEN = 3;
const TRIES = 50;
const MIDDLE = ["left", "right", "middle"];
const BY_STATES: readonly Worker["card"]["kind"][] = ["machine", "perform", "model"];

interface Able {
  readonly worker: Worker;
  readonly input: Json;
}

/** Tasks for any workers; each worker has one, as far as there is room. */
export function samplePlan(workers: readonly Worker[]): SamplePlan {
  const able = workers.flatMap((worker): readonly Able[] => {
    const input = inputFor(worker);
    return input === undefined ? [] : [{ worker, input }];
  });
  const between = MIDDLE.slice(0, Math.min(MOST_BETWEEN, Math.max(2, able.length - 2)));
  const diamond = ["first", ...between, "last"].map((label) => ({
    label,
    dependsOn: label === "first" ? [] : label === "last" ? between : ["first"],
  }));
  const chain = [
    { label: "first", dependsOn: [] },
    { label: "second", dependsOn: ["first"] },
  ];
  const rank = ({ worker }: Able): number => BY_STATES.indexOf(worker.card.kind);
  return {
    diamond: tasksOf(diamond, able),
    tree: tasksOf(
      chain,
      able
        .toSorted((a, b) => rank(a) - rank(b))
        .slice(0, chain.length)
        .toReversed(),
    ),
    withoutInput: workers.flatMap((worker) => (able.some((one) => one.worker === worker) ? [] : [worker.name])),
  };
}

/** The workers in turn. */
function tasksOf(places: readonly Pick<SampleTask, "label" | "dependsOn">[], able: readonly Able[]): readonly SampleTask[] {
  return places.flatMap(({ label, dependsOn }, at) => {
    const next = able[at % Math.max(1, able.length)];
    if (!next) return [];
    const { worker, input } = next;
    return [{ label, worker: worker.name, task: `Do the ${label} part.`, dependsOn, input }];
  });
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
