// The inspector beside a run.
import type { StatelyInspector } from "../inspect/inspect.ts";
import type { SharedOptions } from "../run/options.ts";
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

/** Does work with the inspector open where `--inspect` asks for it, and closes it after. */
export async function withInspector(
  { inspect }: { readonly inspect?: boolean },
  { io, kind }: { readonly io: Io; readonly kind: ReporterKind },
  work: (options: Pick<SharedOptions, "inspect">) => Promise<number>,
): Promise<number> {
  const inspector = inspect === true ? await openInspector(io, kind) : null;
  try {
    return await work(inspector ? { inspect: inspector.inspect } : {});
  } finally {
    await inspector?.close();
  }
}
