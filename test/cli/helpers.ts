// What the tests of the command line share: an outside of their own, and a server with models that know one small job.
import { EventEmitter } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { vi } from "vitest";
import type { EndSignal, Io } from "../../src/cli/io.ts";
import { runCommandLine } from "../../src/cli/program.ts";
import type { Json } from "../../src/core/json.ts";
import type { BrainAnswer, Brain } from "../../src/testing/stand-in/brain.ts";

/** A command line that runs inside the test. */
export interface Called {
  /** The exit code. */
  readonly code: Promise<number>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves when stdout holds the text. */
  shows(text: string): Promise<void>;
  type(text: string): void;
  signal(name: EndSignal): void;
  /** Codes with which the process was to end at once. */
  readonly left: readonly number[];
  /** Breaks the pipe of stdout. */
  breakPipe(): void;
}

/** How a command line is called. */
export interface CallOptions {
  readonly directory?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Terminals at both ends, of this size. */
  readonly terminal?: { readonly columns: number; readonly rows: number };
  /** Time that the test moves itself. @default the machine's */
  readonly later?: Io["later"];
}

/** Calls the command line. */
export function call(argv: readonly string[], options: CallOptions = {}): Called {
  const { directory = tmpdir(), environment = {}, terminal } = options;
  const signals = new EventEmitter();
  const left: number[] = [];
  const size = terminal === undefined ? {} : { isTTY: true, ...terminal };
  const stdin = Object.assign(
    new PassThrough(),
    { setRawMode: () => {}, ref: () => {}, unref: () => {} },
    terminal ? { isTTY: true } : {},
  );
  const stdout = Object.assign(new PassThrough(), size);
  const stderr = new PassThrough();
  const texts = { stdout: "", stderr: "" };
  stdout.on("data", (chunk: Buffer) => {
    texts.stdout += chunk.toString();
  });
  stderr.on("data", (chunk: Buffer) => {
    texts.stderr += chunk.toString();
  });
  const io: Io = {
    stdin,
    stdout,
    stderr,
    environment,
    directory,
    now: () => Date.now(),
    onSignal(listener) {
      signals.on("signal", listener);
      return () => void signals.off("signal", listener);
    },
    later: options.later ?? usualLater,
    leave: (code) => void left.push(code),
  };
  return {
    code: runCommandLine(argv, io),
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    left,
    shows: (text) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!texts.stdout.includes(text)) return;
          stdout.off("data", look);
          resolve();
        };
        stdout.on("data", look);
        look();
      }),
    type: (text) => void stdin.write(text),
    signal: (name) => void signals.emit("signal", name),
    breakPipe: () => void stdout.destroy(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })),
  };
}

const usualLater: Io["later"] = (ms, act) => {
  const timer = setTimeout(act, ms).unref();
  return () => clearTimeout(timer);
};

/** Calls the command line and waits for its end. */
export async function ended(
  argv: readonly string[],
  options: CallOptions = {},
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const called = call(argv, options);
  const code = await called.code;
  return { code, stdout: called.stdout(), stderr: called.stderr() };
}

/** Lets model clients of this process talk to a server; null: without a key. Undone by `vi.unstubAllEnvs()`. */
export function talkTo(url: string, key: string | null = "test-key"): void {
  vi.stubEnv("ANTHROPIC_BASE_URL", url);
  vi.stubEnv("ANTHROPIC_API_KEY", key ?? undefined);
  vi.stubEnv("ANTHROPIC_AUTH_TOKEN", undefined);
}

/** Models that answer only when told to. */
export function held(answer: BrainAnswer): { readonly brain: Brain; release(): void } {
  let release = (): void => {};
  const answered = new Promise<BrainAnswer>((resolve) => {
    release = () => resolve(answer);
  });
  return { brain: () => answered, release: () => release() };
}

/** Folders that are removed by `clean`. */
export function folders(): { make(): Promise<string>; clean(): Promise<void> } {
  const made: string[] = [];
  return {
    async make() {
      const folder = await mkdtemp(path.join(tmpdir(), "quatrain-cli-"));
      made.push(folder);
      await writeFile(path.join(folder, "a.txt"), "one\n");
      return folder;
    },
    async clean() {
      await Promise.all(made.splice(0).map((one) => rm(one, { recursive: true, force: true, maxRetries: 3 })));
    },
  };
}

/** A task of a plan as a model writes it. */
export function draft(label: string, worker: string, more: Readonly<Record<string, Json>> = {}): Json {
  const lists = { files: [], constraints: [], depends_on: [], after: [], writes: [], acceptance: [] };
  return {
    label,
    worker,
    task: `job ${label}`,
    input: null,
    output_format: "text",
    optional: false,
    tier: null,
    ...lists,
    ...more,
  };
}

/** The small job: `a` writes a.txt, `b` comes after it and writes b.md. */
export const SMALL_PLAN: Json = {
  rationale: "two steps",
  tasks: [draft("a", "backend", { writes: ["a.txt"] }), draft("b", "docs", { depends_on: ["a"], writes: ["b.md"] })],
};

/** Models that know the small job. `job` answers for a worker instead; undefined leaves it to the usual answer. */
export function smallJob(
  options: { readonly plan?: Json; readonly job?: (label: string, turn: number, brief: string) => BrainAnswer | undefined } = {},
): Brain {
  return (request, { turn }) => {
    const format = JSON.stringify(request.output_config?.format ?? null);
    if (format.includes("rationale")) return { content: [JSON.stringify(options.plan ?? SMALL_PLAN)] };
    if (format.includes("reason"))
      return { content: [JSON.stringify({ mode: "orchestrate", worker: null, reason: "two domains" })] };
    const label = /job (\w+)/.exec(JSON.stringify(request.messages[0]))?.[1];
    if (label === undefined || request.model.includes("opus")) return { content: ["All is done."] };
    const own = options.job?.(label, turn, JSON.stringify(request.messages[0]));
    if (own) return own;
    const file = label === "a" ? "a.txt" : `${label}.md`;
    if (turn === 0 && label === "a") return { content: [{ tool: "read", input: { file_path: file } }] };
    if (turn < (label === "a" ? 2 : 1))
      return { content: [{ tool: "write", input: { file_path: file, content: `made by ${label}\n` } }] };
    return { content: [`Did ${label}.`] };
  };
}
