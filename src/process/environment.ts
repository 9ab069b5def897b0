// The environment of a child: starts empty, so that no key of the parent ever reaches it by accident.
import path from "node:path";
import process from "node:process";

/** The variable that marks every process of a run, so that orphans can be found (see `endProcessesOf`). */
export const runVariable = "QUATRAIN_RUN";

/** What a child's environment is made of. */
export interface EnvironmentOptions {
  /** Names of variables to pass on. `ANTHROPIC_*` is never passed on, named or not. @default [] */
  readonly names?: readonly string[];
  /** Absolute path of the folder that serves as HOME and TMPDIR; it must exist and be private to the run. */
  readonly home: string;
  /** Written to `QUATRAIN_RUN`. */
  readonly runId: string;
  /** Real path of the workspace copy the child works in: git looks for no repository above it. @default none */
  readonly workspace?: string;
  /** Where PATH, LANG and the named variables are taken from. @default process.env */
  readonly source?: Readonly<Record<string, string | undefined>>;
}

/**
 * Makes an environment of PATH, HOME, TMPDIR, LANG, TERM, the run marker and the named variables, and nothing else
 * (with `workspace` also git's ceiling, so that a copy inside a repository is never taken for that repository).
 * Relative entries of PATH are dropped: they would let a file of the workspace stand in for a program.
 * A name that the source doesn't hold is left out; the fixed variables can be replaced by naming them, the marker can't.
 */
export function cleanEnvironment(options: EnvironmentOptions): Record<string, string> {
  const source = options.source ?? process.env;
  const environment: Record<string, string> = {
    PATH: absoluteEntries(source["PATH"] ?? ""),
    HOME: options.home,
    TMPDIR: options.home,
    LANG: source["LANG"] ?? "C.UTF-8",
    TERM: "dumb",
  };
  for (const name of options.names ?? []) {
    const value = source[name];
    if (value !== undefined && isPassable(name)) environment[name] = value;
  }
  if (options.workspace !== undefined) environment["GIT_CEILING_DIRECTORIES"] = path.dirname(options.workspace);
  environment[runVariable] = options.runId;
  return environment;
}

function isPassable(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !/^anthropic_/i.test(name);
}

function absoluteEntries(searchPath: string): string {
  const entries = searchPath.split(path.delimiter).filter((entry) => path.isAbsolute(entry));
  return entries.length > 0 ? entries.join(path.delimiter) : "/usr/local/bin:/usr/bin:/bin";
}
