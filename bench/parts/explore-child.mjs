// One exploration in a process of its own, so that its memory can be told: node explore-child.mjs <tasks>
// Prints one JSON line: `{ peakMb, states, transitions, ms }`, the time as the thread was at work.
import process from "node:process";
import { explore } from "./explore-stage.mjs";

const workMs = () => {
  const { user, system } = process.threadCpuUsage ? process.threadCpuUsage() : process.cpuUsage();
  return (user + system) / 1_000;
};

const begin = workMs();
const found = explore(Number(process.argv[2]));
const ms = workMs() - begin;
// The system counts in 1,024 bytes.
console.log(JSON.stringify({ ...found, ms, peakMb: (process.resourceUsage().maxRSS * 1_024) / 1e6 }));
