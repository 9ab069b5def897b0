// What exploring the tree takes: states and ways a second of work, and peak memory, for two and three independent tasks with
// one crash at any moment.
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { rowOf, summaryOf } from "./measure.mjs";

const child = fileURLToPath(new URL("explore-tree-child.mjs", import.meta.url));

/** The rows of the tree for the bench `explore`. Quick: two tasks only, once. */
export function treeRows({ quick }) {
  return (quick ? [2] : [2, 3]).flatMap((tasks) => {
    const runs = Array.from({ length: quick ? 1 : 3 }, () => measured(tasks));
    const name = `tree, ${tasks} tasks, a crash anywhere`;
    const of = (figure) => summaryOf(runs.map(figure));
    return [
      rowOf(
        `${name}: states`,
        of(({ states, seconds }) => states / seconds),
        { unit: "states/s" },
      ),
      rowOf(
        `${name}: ways on`,
        of(({ transitions, seconds }) => transitions / seconds),
        { unit: "ways/s" },
      ),
      rowOf(
        `${name}: peak memory`,
        of(({ peakMb }) => peakMb),
        { unit: "MB" },
      ),
    ];
  });
}

function measured(tasks) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [child, String(tasks)], { encoding: "utf8" });
  if (status !== 0) throw new Error(`The child of ${tasks} tasks failed: ${stderr}`);
  return JSON.parse(stdout);
}
