// Random plans: layers, chains, stars, meeting points and anything acyclic, over given workers.
import { taskIdAt } from "../../core/ids.ts";
import { randomFrom, seedFrom } from "../../core/random.ts";
import type { Dependency, Plan, Task } from "../../protocol/plan.ts";
import type { WorkerCard } from "../../protocol/work.ts";
import { diceFor } from "../stand-in/bad-brain/dice.ts";
import { instanceOf } from "../stand-in/bad-brain/instance.ts";
import type { Schema } from "../stand-in/bad-brain/instance.ts";

type Random = () => number;

/** Which earlier tasks a task is linked to, by position. */
type Shape = (at: number, count: number, random: Random) => readonly number[];

const LAYER = 4;

const SHAPES: readonly Shape[] = [
  // Anything acyclic, about three links for two tasks.
  (at, _count, random) => positions(at).filter(() => random() < 1.5 / Math.max(1, at)),
  // A chain.
  (at) => (at === 0 ? [] : [at - 1]),
  // A star: one first, all others after it.
  (at) => (at === 0 ? [] : [0]),
  // A meeting point: all side by side, one last.
  (at, count) => (at === count - 1 ? positions(at) : []),
  // Layers of four: each task needs one or two of the layer before.
  (at, _count, random) => {
    const begin = Math.floor(at / LAYER) * LAYER;
    const before = positions(begin).slice(-LAYER);
    return before.filter((_, place) => place === at % LAYER || random() < 0.25);
  },
];

/** A plan of `least` to `most` tasks. */
export function randomPlan(
  random: Random,
  workers: readonly Pick<WorkerCard, "name" | "inputSchema">[],
  [least, most]: readonly [number, number],
): Plan {
  const count = least + Math.floor(random() ** 2 * (most - least + 1));
  const shape = SHAPES[Math.floor(random() * SHAPES.length)] ?? positions;
  const tasks = positions(count).map((at): Task => {
    const worker = workers[Math.floor(random() * workers.length)];
    const { name = "worker", inputSchema = null } = worker ?? {};
    return {
      id: taskIdAt(at),
      label: `n${at + 1}`,
      worker: name,
      task: `do n${at + 1}`,
      input: inputSchema === null ? null : instanceOf(inputSchema as Schema, diceFor(`input of n${at + 1}`)),
      files: [],
      constraints: [],
      outputFormat: "a line",
      dependencies: shape(at, count, random).map((other): Dependency => ({
        task: taskIdAt(other),
        kind: random() < 0.8 ? "hard" : "soft",
      })),
      ...evidenceOf(`${count}/${name}/${at}/${random()}`, at),
      optional: random() < 0.2,
      tier: null,
    };
  });
  return { rationale: "because", tasks };
}

/** What a task promises: a third writes a file of its own, a third has a check. */
function evidenceOf(seed: string, at: number): Pick<Task, "writes" | "acceptance"> {
  const drawn = randomFrom(seedFrom(seed))();
  return { writes: drawn < 0.33 ? [`n${at + 1}.txt`] : [], acceptance: drawn > 0.67 ? ["make check"] : [] };
}

const positions = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at);
