// The inspector beside a run.
import type { InspectionEvent } from "xstate";
import type { Io } from "./io.ts";
import type { ReporterKind } from "./reporter.ts";
import { loadLater } from "./load-later.ts";

/** A live inspector. */
export interface Inspector {
  readonly url: string;
  readonly inspect: (event: InspectionEvent) => void;
  close(): Promise<void>;
}

/** Starts the inspector and says where it is: a line on stderr, or `{"type":"inspector","url":…}` with `--json`. */
export async function openInspector({ stdout, stderr }: Io, kind: ReporterKind): Promise<Inspector> {
  const { startInspector } = await loadLater<{ startInspector(): Promise<Inspector> }>("../inspect/inspect");
  const inspector = await startInspector();
  if (kind === "json") stdout.write(`${JSON.stringify({ type: "inspector", url: inspector.url })}\n`);
  else stderr.write(`quatrain: inspector at ${inspector.url}\n`);
  return inspector;
}
