// The recorded run that a command is about.
import { QuatrainError } from "../core/errors.ts";
import { nearest } from "../core/text.ts";
import { listRuns } from "../run/records.ts";
import type { RunSummary } from "../run/records.ts";
import type { Place } from "./settings.ts";

/** The run of this id. Throws QuatrainError "UnknownRun" naming those there are. */
export function foundRun(id: string, { store, flags }: Place): RunSummary {
  const runs = listRuns({ store });
  const found = runs.find((run) => run.id === id);
  if (found) return found;
  const recent = runs.slice(-5).map((run) => run.id);
  const near = nearest(id, recent);
  const known =
    recent.length > 0
      ? `${near ? `Did you mean ${near}? ` : ""}Recent runs: ${recent.join(", ")}. See all with: quatrain runs${flags}`
      : "It holds no runs; name another place with --workspace or --state-dir.";
  throw new QuatrainError("UnknownRun", `There is no run "${id}" in ${store}. ${known}`);
}
