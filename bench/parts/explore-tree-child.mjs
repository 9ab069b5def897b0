// Explores the tree of so many independent tasks in a process of its own, and tells what it took.
import process from "node:process";
import { exploreHost } from "../../dist/testing/index.js";
import { defineWorker } from "../../dist/workers/index.js";
import { planOf } from "../../prove/parts/explore-tree.mjs";

const tasks = Number(process.argv[2]);
const worker = defineWorker({ name: "function", description: "does it by code", perform: () => "done" });
const explore = (shape) =>
  exploreHost({ workers: [worker], plan: planOf("function", shape), options: { concurrency: shape.length }, crashes: 1 });
// Compiled code is what is measured.
await explore([[]]);
const before = process.cpuUsage();
const { states, transitions } = await explore(Array.from({ length: tasks }, () => []));
const { user, system } = process.cpuUsage(before);
// Peak memory is told in kB.
console.log(
  JSON.stringify({ states, transitions, seconds: (user + system) / 1e6, peakMb: process.resourceUsage().maxRSS / 1_000 }),
);
