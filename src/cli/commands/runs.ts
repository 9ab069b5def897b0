// `quatrain runs`: what is recorded, how it went, what it cost, and what goes on from what.
import { peekRun } from "../../run/peek.ts";
import { listRuns } from "../../run/records.ts";
import type { RunSummary } from "../../run/records.ts";
import type { Io } from "../io.ts";
import { Printer } from "../printer.ts";
import { placeOf } from "../settings.ts";
import type { PlaceFlags } from "../settings.ts";
import { moneyText, safe } from "../words.ts";

/** Flags of `runs`. */
export interface RunsFlags extends PlaceFlags {
  readonly json?: boolean;
  readonly all?: boolean;
}

/** Runs that are shown unless all are asked for: each is replayed to tell how it went. */
const SHOWN = 20;

/** Lists the runs of a place, newest first. */
export async function runsCommand(flags: RunsFlags, io: Io): Promise<number> {
  const { store, flags: named } = placeOf(flags, io);
  const printer = new Printer(io);
  const all = listRuns({ store }).toReversed();
  const shown = flags.all === true ? all : all.slice(0, SHOWN);
  for (const run of shown) {
    const end = await endOf(run, store);
    printer.line(flags.json === true ? JSON.stringify({ ...run, ...end }) : lineOf(run, end));
  }
  if (flags.json !== true && all.length > shown.length)
    printer.line(`${all.length - shown.length} older runs are not shown: quatrain runs --all${named}`);
  if (all.length === 0 && flags.json !== true) printer.line(`No runs in ${store}.`);
  await printer.close();
  return 0;
}

interface End {
  /** Null: not over, or not to be told here. */
  readonly outcome: string | null;
  /** Null where it can't be told: workers of one's own, another version. */
  readonly usd: number | null;
}

async function endOf({ id }: RunSummary, store: string): Promise<End> {
  try {
    const { context } = await peekRun(id, { store });
    return { outcome: context.outcome, usd: context.spend.usd };
  } catch {
    return { outcome: null, usd: null };
  }
}

function lineOf({ id, state, createdAt, request, parent }: RunSummary, { outcome, usd }: End): string {
  const when = new Date(createdAt).toISOString().slice(0, 16).replace("T", " ");
  const money = usd === null ? "?" : moneyText(usd);
  const from = parent ? `  (${parent.as} of ${parent.run})` : "";
  return `${id}  ${(outcome ?? state).padEnd(9)}  ${money.padStart(7)}  ${when}  ${safe(request, 60)}${from}`;
}
