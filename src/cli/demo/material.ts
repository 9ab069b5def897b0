// The demo's material: the sample application, and what six scripted workers make of it.
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { QuatrainError } from "../../core/errors.ts";
import { DraftPlan } from "../../protocol/plan.ts";

/** The request that the demo plays. */
export const REQUEST =
  "Add user authentication to this application: people register and sign in, and only signed-in users may add or delete books.";

/** A worker's report, as scripted. */
const Reports = z.record(z.string(), z.looseObject({ summary: z.string(), output: z.string() }));

/** A file with its whole content. */
export interface ScriptedFile {
  readonly path: string;
  readonly content: string;
}

/** All of it. */
export interface Material {
  /** Folder of the sample application. */
  readonly application: string;
  readonly plan: DraftPlan;
  /** What the worker of a task reports, by label. */
  readonly reports: Readonly<Record<string, { readonly summary: string; readonly output: string }>>;
  /** Files that a task writes: of its final version, or of a variant such as `t2-broken`. */
  files(version: string): readonly ScriptedFile[];
  /** Tasks that have a spoiled variant for `--break`. */
  readonly breakable: readonly string[];
}

/** Folder of the package: this file is three folders below it, as source and as build. */
const PACKAGE = fileURLToPath(new URL("../../../", import.meta.url));

/** Reads the material. Throws QuatrainError "MissingWorkspace" when the package was installed without it. */
export function readMaterial(): Material {
  const application = path.join(PACKAGE, "examples", "app");
  const solution = path.join(PACKAGE, "examples", "app.solution");
  if (!existsSync(application) || !existsSync(solution)) {
    throw new QuatrainError(
      "MissingWorkspace",
      `The demo's sample application is missing (${application}); install the package again.`,
    );
  }
  const json = (name: string): unknown => JSON.parse(readFileSync(path.join(solution, name), "utf8"));
  return {
    application,
    plan: DraftPlan.parse(json("plan.json")),
    reports: Reports.parse(json("reports.json")),
    files: (version) => filesIn(path.join(solution, version)),
    breakable: readdirSync(solution).flatMap((name) => /^(t\d+)-spoiled$/.exec(name)?.[1] ?? []),
  };
}

function filesIn(folder: string): readonly ScriptedFile[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted();
  const files = names.filter((name) => statSync(path.join(folder, name)).isFile());
  return files.map((name) => ({ path: name.split(path.sep).join("/"), content: readFileSync(path.join(folder, name), "utf8") }));
}
