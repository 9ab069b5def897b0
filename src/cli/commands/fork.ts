// `quatrain fork`: a new run that goes another way from any moment of an old one, with another plan if wanted.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { messageOf, QuatrainError } from "../../core/errors.ts";
import { openEditor } from "../../process/editor.ts";
import { draftAt, forkRun } from "../../run/fork.ts";
import { foundRun } from "../found-run.ts";
import { withInspector } from "../inspector.ts";
import { canRepaint, isInteractive } from "../io.ts";
import type { Io } from "../io.ts";
import { budgetOf } from "../budget-flags.ts";
import type { BudgetFlags } from "../budget-flags.ts";
import { recordingOf } from "../recording.ts";
import { countOf, modelOptions, placeOf } from "../settings.ts";
import type { Place, SharedFlags } from "../settings.ts";
import { reporterKind, superviseRun } from "../supervise.ts";

/** Flags of `fork`. */
export interface ForkFlags extends SharedFlags, BudgetFlags {
  readonly at?: string;
  /** True: in the user's editor. Else a file. */
  readonly editPlan?: string | true;
}

/** Forks a run and watches the fork to its end. Throws QuatrainError "UnknownRun", "BadPlan", "BadOption" … */
export async function forkCommand(id: string, flags: ForkFlags, io: Io): Promise<number> {
  const place = placeOf(flags, io);
  const recorded = foundRun(id, place);
  const at = flags.at === undefined ? undefined : countOf("--at", flags.at, 10_000_000);
  const budget = budgetOf(flags);
  const kind = reporterKind(flags, canRepaint(io));
  const isPerson = kind !== "json" && isInteractive(io);
  const models = modelOptions(flags, io);
  const recording = recordingOf(flags, io);
  const plan = flags.editPlan === undefined ? undefined : await planFile(id, { at, file: flags.editPlan, place, io });
  if (plan?.isNew === true) {
    io.stdout.write(
      `Wrote the plan of ${id} to ${plan.file}. Edit it, then carry it out: quatrain fork ${id}${place.flags} --edit-plan ${plan.file}\n`,
    );
    return 0;
  }
  return withInspector(flags, { io, kind }, async (inspect) => {
    const run = await forkRun(id, {
      store: place.store,
      asks: isPerson ? "wait" : "deny",
      ...(isPerson && flags.yes !== true ? {} : { review: false }),
      ...(at === undefined ? {} : { at }),
      ...(plan === undefined ? {} : { plan: plan.text }),
      ...(budget === undefined ? {} : { budget }),
      ...(typeof flags.workspace === "string" && place.workspace !== null ? { workspace: place.workspace } : {}),
      ...(models === undefined ? {} : { models }),
      ...inspect,
    }).catch((error: unknown) => {
      throw withFile(error, plan?.file);
    });
    if (plan?.isOurs === true) rmSync(plan.file, { force: true });
    const { parent } = run.snapshot.context.lineage ?? {};
    if (kind !== "json") io.stderr.write(`quatrain: ${run.id} goes on from ${id} at row ${parent?.seq ?? 0}.\n`);
    const workspace = recorded.workspace === null ? null : (place.workspace ?? recorded.workspace);
    return superviseRun(run, { io, kind, place: { ...place, workspace }, apply: flags.apply === true, recording });
  });
}

interface PlanFile {
  readonly file: string;
  readonly text: string;
  /** It was not there: the plan was written to it, to be edited. */
  readonly isNew: boolean;
  /** Made for the editor; goes once its plan is carried out. */
  readonly isOurs: boolean;
}

interface Editing {
  readonly at: number | undefined;
  readonly file: string | true;
  readonly place: Place;
  readonly io: Io;
}

async function planFile(id: string, { at, file, place, io }: Editing): Promise<PlanFile> {
  if (typeof file === "string" && existsSync(path.resolve(io.directory, file))) {
    const whole = path.resolve(io.directory, file);
    return { file, text: readFileSync(whole, "utf8"), isNew: false, isOurs: false };
  }
  const draft = await draftAt(id, { store: place.store, ...(at === undefined ? {} : { at }) });
  if (!draft)
    throw new QuatrainError(
      "BadOption",
      `Run ${id} has no plan${at === undefined ? "" : ` at row ${at}`} to edit; fork it without --edit-plan.`,
    );
  const text = `${JSON.stringify(draft, null, 2)}\n`;
  if (typeof file === "string") {
    writeFileSync(path.resolve(io.directory, file), text);
    return { file, text, isNew: true, isOurs: false };
  }
  return { ...(await inEditor(id, text, { place, io })), isNew: false, isOurs: true };
}

async function inEditor(
  id: string,
  text: string,
  { place, io }: Pick<Editing, "place" | "io">,
): Promise<{ readonly file: string; readonly text: string }> {
  const editor = io.environment["VISUAL"] || io.environment["EDITOR"];
  if (!isInteractive(io) || !editor)
    throw new QuatrainError(
      "BadOption",
      "--edit-plan opens the editor that EDITOR names, on a terminal; elsewhere name a file: --edit-plan plan.json writes the plan there, called again it takes what you made of it.",
    );
  const file = path.join(place.store, "plans", `${id}.json`);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, text);
  const code = await openEditor(editor, file, io.environment);
  if (code !== 0)
    throw new QuatrainError("BadOption", `${editor} ended with ${code}; nothing was forked. Your version is in ${file}.`);
  return { file, text: readFileSync(file, "utf8") };
}

/** What is wrong with an edited plan is mended in its file. */
function withFile(error: unknown, file: string | undefined): unknown {
  if (file === undefined || !QuatrainError.is(error) || error.code !== "BadPlan") return error;
  return new QuatrainError("BadPlan", `${messageOf(error)}\nMend it in ${file} and call again with --edit-plan ${file}.`, {
    cause: error,
  });
}
