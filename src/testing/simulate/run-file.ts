// A simulated run as the file that `quatrain export` writes: whoever reads exports can open it.
import { digestOf, isPlainObject } from "../../core/json.ts";
import type { Row } from "../../host/journal.ts";
import { exportRows } from "../../host/transfer.ts";
import type { SimulatedRun } from "./stage.ts";

/**
 * A simulated run, a witness that was played again (`playCase`, `replayTree`) as the text of a run file: NDJSON, one line
 * end after each line. `quatrain import FILE` takes it in. `id` is what the run is called there.
 * @default `id` is made of what happened: the same run has the same id
 */
export function runFileOf(run: Pick<SimulatedRun, "rows" | "lines" | "end">, id = idOf(run)): string {
  const { kind } = run.end;
  const ended = kind === "done" || kind === "error" ? kind : undefined;
  return [...exportRows({ rows: named(run.rows, id), run: id, ended }), ""].join("\n");
}

/** The rows of a run of another name: it stands in what the run was begun with, and nothing depends on it. */
function named(rows: readonly Row[], runId: string): readonly Row[] {
  return rows.map((row) => {
    const { kind, body } = row;
    if (kind !== "head" || !isPlainObject(body) || !isPlainObject(body["input"])) return row;
    return { ...row, body: { ...body, input: { ...body["input"], runId } } };
  });
}

const idOf = ({ lines }: Pick<SimulatedRun, "lines">): string => `w-${digestOf(lines.join("\n")).slice(0, 12)}`;
