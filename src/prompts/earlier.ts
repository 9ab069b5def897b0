// What came before a follow-up request, as parts of a prompt: shown as data, never followed.
import { oneLine } from "../core/text.ts";
import type { EarlierRun } from "../protocol/lineage.ts";
import { bulletList } from "./fence.ts";
import type { Part } from "./fence.ts";

/** The runs that a request follows up, each as its request and what came of it, oldest first. */
export function earlierParts(earlier: readonly EarlierRun[]): readonly Part[] {
  return earlier.flatMap((run, at): readonly Part[] => {
    const name = earlier.length === 1 ? "earlier request" : `earlier request ${at + 1}`;
    return [
      { name, origin: "user", kind: "data", text: run.request },
      { name: `what came of the ${name}`, origin: "orchestrator", kind: "data", text: outcomeText(run) },
    ];
  });
}

function outcomeText({ outcome, answer, tasks }: EarlierRun): string {
  const lines = tasks.map(
    ({ label, worker, task, status, summary }) =>
      `${label} (${worker}, ${status}): ${oneLine(task, 300)}${summary === "" ? "" : `\nreported: ${oneLine(summary, 600)}`}`,
  );
  return [`Outcome: ${outcome}`, `Answer:\n${answer}`, `Tasks:\n${bulletList(lines)}`].join("\n\n");
}
