// `quatrain runs`: what is recorded.
import { listRuns } from "../../run/records.ts";
import type { Io } from "../io.ts";
import { Printer } from "../printer.ts";
import { placeOf } from "../settings.ts";
import type { PlaceFlags } from "../settings.ts";
import { safe } from "../words.ts";

/** Lists the runs of a place, newest first. */
export async function runsCommand(flags: PlaceFlags & { readonly json?: boolean }, io: Io): Promise<number> {
  const { store } = placeOf(flags, io);
  const printer = new Printer(io);
  const runs = listRuns({ store }).toReversed();
  for (const run of runs) {
    const when = new Date(run.createdAt).toISOString();
    if (flags.json === true) printer.line(JSON.stringify(run));
    else printer.line(`${run.id}  ${run.state.padEnd(6)}  ${when.slice(0, 16).replace("T", " ")}  ${safe(run.request, 80)}`);
  }
  if (runs.length === 0 && flags.json !== true) printer.line(`No runs in ${store}.`);
  await printer.close();
  return 0;
}
