// A job without a workspace: no files, no tools, only text. With a budget that can't be exceeded, and the answer as it is written.
import { orchestrate } from "quatrain";

const run = orchestrate("Compare event sourcing and change data capture for an order system, then recommend one.", {
  budget: { usd: 1 },
  concurrency: 3,
});

run.deltas().subscribe(({ conversation, text }) => {
  if (conversation === "synthesis") process.stdout.write(text);
});

for await (const event of run.events) {
  if (event.type === "route.decided") console.log(`${event.mode}: ${event.reason}`);
  if (event.type === "plan.accepted") console.log(`${event.tasks.length} tasks`);
  if (event.type === "task.finished") console.log(`${event.task} done, $${event.usd.toFixed(4)}`);
}

const { outcome, answer, spend, budgetReached } = await run.result;
console.log(`\n${outcome}${budgetReached ? ", budget reached" : ""}: $${spend.usd.toFixed(4)}\n\n${answer}`);
