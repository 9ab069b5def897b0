// `quatrain replay`: plays a cassette without a key and tells what drifted.
import path from "node:path";
import { cassetteText } from "../../run/cassette-text.ts";
import { driftText } from "../../testing/cassette/drift.ts";
import type { CassetteReport, CassetteTally } from "../../testing/cassette/drift.ts";
import { readCassette, replayCassette, updateCassette } from "../../testing/cassette/replay-cassette.ts";
import { EXIT } from "../exit-code.ts";
import type { Io } from "../io.ts";
import { writeWhole } from "../recording.ts";
import { moneyText, plural } from "../words.ts";

/** Flags of `replay`. */
export interface ReplayFlags {
  readonly lenient?: boolean;
  readonly update?: boolean;
  readonly json?: boolean;
}

/** Plays a cassette with today's machines, prompts and built-in workers. Resolves to 1 for a drift. Throws QuatrainError. */
export async function replayCommand(file: string, flags: ReplayFlags, io: Io): Promise<number> {
  const target = path.resolve(io.directory, file);
  const cassette = readCassette(target);
  const mode = flags.lenient === true ? "lenient" : "strict";
  const report = await replayCassette(cassette, { mode });
  if (flags.update === true && report.drifts.length + report.tolerated.length > 0) {
    writeWhole(target, cassetteText(await updateCassette(cassette)));
    print(io, flags, { report, lines: [driftText(report), `Updated ${file}.`], updated: true });
    return EXIT.done;
  }
  print(io, flags, { report, lines: linesOf(report, file), updated: false });
  return report.ok ? EXIT.done : EXIT.failed;
}

function linesOf(report: CassetteReport, file: string): readonly string[] {
  const { tolerated, replayed } = report;
  const passed = tolerated.length === 0 ? [] : [`Let pass: ${plural(tolerated.length, "drift")} of prompts or order.`];
  if (report.ok) return [`No drift: ${tallyText(replayed)}.`, ...passed];
  return [driftText(report), ...passed, `If this is wanted: quatrain replay ${file} --update`];
}

const tallyText = ({ outcome, turns, usd }: CassetteTally): string =>
  `${outcome ?? "unfinished"}, ${plural(turns, "turn")}, ${moneyText(usd)} by today's prices`;

function print(
  io: Io,
  { json }: ReplayFlags,
  { report, lines, updated }: { readonly report: CassetteReport; readonly lines: readonly string[]; readonly updated: boolean },
): void {
  const { ok, drifts, tolerated, recorded, replayed } = report;
  const line = JSON.stringify({ type: "replay", schema: 1, ok, updated, drifts, tolerated, recorded, replayed });
  io.stdout.write(json === true ? `${line}\n` : `${lines.filter((one) => one !== "").join("\n")}\n`);
}
