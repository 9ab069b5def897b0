// The inspector beside a run.
import type { StatelyInspector } from "../inspect/inspect.ts";
import type { Io } from "./io.ts";
import type { ReporterKind } from "./reporting.ts";

/** Starts the inspector and says where it is: a line on stderr, or `{"type":"inspector","url":…}` with `--json`. */
export async function openInspector({ stdout, stderr }: Io, kind: ReporterKind): Promise<StatelyInspector> {
  const { startInspector } = await import("../inspect/inspect.ts");
  const inspector = await startInspector();
  if (kind === "json") stdout.write(`${JSON.stringify({ type: "inspector", url: inspector.url })}\n`);
  else stderr.write(`quatrain: sending to the inspector at ${inspector.url}\n`);
  return inspector;
}
