// From flags of `stand-in` to the server's options: every value is checked here, by the name of its flag.
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileTrouble, QuatrainError } from "../../core/errors.ts";
import { badBrain } from "../../testing/stand-in/bad-brain/bad-brain.ts";
import { scriptedBrain } from "../../testing/stand-in/brain.ts";
import type { Brain } from "../../testing/stand-in/brain.ts";
import { echoBrain } from "../../testing/stand-in/echo-brain.ts";
import { GENEROUS_LIMITS } from "../../testing/stand-in/limits.ts";
import type { RateLimits } from "../../testing/stand-in/limits.ts";
import { randomFaults } from "../../testing/stand-in/random-faults.ts";
import { scriptFromJson } from "../../testing/stand-in/script-file.ts";
import type { StandInOptions } from "../../testing/stand-in/stand-in.ts";
import type { Io } from "../io.ts";
import { countOf } from "../settings.ts";

/** Flags of `stand-in`, as the command parser gives them. */
export interface StandInFlags {
  readonly port?: string;
  readonly script?: string;
  readonly bad?: string;
  readonly echo?: boolean;
  readonly faults?: string;
  readonly seed?: string;
  readonly latency?: string;
  readonly limits?: string;
  readonly models?: string;
  readonly log?: string;
  readonly strict?: boolean;
  readonly json?: boolean;
}

/** What the flags ask for. */
export interface StandInSetup {
  readonly options: StandInOptions;
  /** What answers, in words: `by the script rules.json`. */
  readonly how: string;
}

/** Reads the flags, and the script. Throws QuatrainError "BadOption" naming the flag. */
export function standInSetup(flags: StandInFlags, { directory }: Pick<Io, "directory">): StandInSetup {
  const { port, faults, seed, latency, limits, models } = flags;
  const { brain, how } = brainOf(flags, directory);
  if (seed !== undefined && faults === undefined)
    throw bad("--seed is for --faults, which is missing; the seed of bad answers is the value of --bad.");
  const share = faults === undefined ? undefined : shareOf(faults);
  const seeded = seed === undefined ? 1 : seedOf("--seed", seed);
  const names = (models ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  return {
    how: share === undefined ? how : `${how}; ${Math.round(share * 100)} % of the requests go wrong (seed ${seeded})`,
    options: {
      brain,
      keepBodies: false,
      models: names,
      ...(port === undefined ? {} : { port: countOf("--port", port, 65_535) }),
      ...(share === undefined ? {} : { faults: randomFaults({ share, seed: seeded }) }),
      ...(latency === undefined ? {} : { latency: { firstByteMs: latencyOf(latency) } }),
      ...(limits === undefined ? {} : { limits: limitsOf(limits) }),
    },
  };
}

function brainOf(
  { script, bad: badSeed, echo }: StandInFlags,
  directory: string,
): { readonly brain: Brain; readonly how: string } {
  const seed = badSeed === undefined ? undefined : seedOf("--bad", badSeed);
  const badly = seed === undefined ? undefined : badBrain({ seed });
  if (script === undefined) {
    if (badly) return { brain: badly, how: `as badly as models do (seed ${seed})` };
    return { brain: echoBrain(), how: "with what it was told" };
  }
  const rules = scriptOf(script, directory);
  const otherwise = badly ?? (echo === true ? echoBrain() : undefined);
  const rest = badly ? `, else as badly as models do (seed ${seed})` : otherwise ? ", else with what it was told" : "";
  return { brain: scriptedBrain(rules, otherwise), how: `by the script ${script}${rest}` };
}

function scriptOf(file: string, directory: string): ReturnType<typeof scriptFromJson> {
  const text = attempt(
    () => readFileSync(path.resolve(directory, file), "utf8"),
    (why) => `--script ${file} can't be read: ${why}.`,
  );
  const script = attempt(
    (): unknown => JSON.parse(text),
    (why) => `--script ${file} is no JSON: ${why}.`,
  );
  return attempt(
    () => scriptFromJson(script),
    (why) => `--script ${file}: ${why}`,
  );
}

function attempt<Value>(act: () => Value, say: (why: string) => string): Value {
  try {
    return act();
  } catch (error) {
    throw new QuatrainError("BadOption", say(fileTrouble(error)), { cause: error });
  }
}

function shareOf(text: string): number {
  const value = text.endsWith("%") ? Number(text.slice(0, -1)) / 100 : Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw bad(`--faults is "${text}"; give the share of requests that go wrong, such as 0.2 or 20%.`);
}

function seedOf(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value)) return value;
  throw bad(
    `${flag} is "${text}"; give a whole number, such as 7: the same one gives the same ${flag === "--bad" ? "answers" : "faults"}.`,
  );
}

/** The longest wait that a timer takes. */
const LONGEST_MS = 2 ** 31 - 1;

function latencyOf(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= LONGEST_MS) return value;
  throw bad(`--latency is "${text}"; give milliseconds, such as 300.`);
}

function limitsOf(text: string): RateLimits {
  const values = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  const [requests, inputTokens = GENEROUS_LIMITS.inputTokens, outputTokens = GENEROUS_LIMITS.outputTokens] = values;
  if (requests !== undefined && values.length <= 3 && values.every((value) => Number.isSafeInteger(value) && value >= 1))
    return { requests, inputTokens, outputTokens };
  throw bad(`--limits is "${text}"; give requests, input tokens and output tokens for a minute, such as 50 or 50,40000,8000.`);
}

const bad = (message: string): QuatrainError => new QuatrainError("BadOption", message);
