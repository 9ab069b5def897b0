// bash: one command, one process group, one result. Not sandboxed yet: see the doc comment.
import { realpath } from "node:fs/promises";
import { z } from "zod";
import { cleanEnvironment } from "../process/environment.ts";
import { defaultOutputCap } from "../process/output.ts";
import { runProcess } from "../process/run-process.ts";
import type { ProcessResult } from "../process/run-process.ts";
import { defineTool, errorResult } from "./define-tool.ts";
import { withHome } from "./home.ts";
import type { Tool, ToolEnvironment, ToolResult } from "./port.ts";

/** Limits of the bash tool. */
export interface BashOptions {
  /** Time a command has when the call names none. @default 120_000 */
  readonly timeoutMs?: number;
  /** Bytes of output kept, half of them for stdout and half for stderr. @default 65_536 */
  readonly outputCap?: number;
}

/** Longest time a call may ask for, in ms. */
const longestMs = 600_000;

/**
 * Makes the bash tool: `bash -c` in the workspace copy with an empty environment plus named variables. Each call is its
 * own shell; its whole process group ends with it. A command that exits with another code than 0 is an error result
 * that keeps the output and the code.
 *
 * There is no sandbox: a command can read and change whatever the user of this process can, and reach the network.
 * Leave `bash` out of a worker's tools, or have every command asked (the default), wherever that matters.
 */
export function bashTool(options: BashOptions = {}): Tool {
  return defineTool({
    name: "bash",
    description:
      "Runs a command with bash in the workspace and answers with its output and exit code. Each call is a new shell: no folder or variable is kept, background processes end with the command, stdin is empty.",
    class: "once",
    input: z.strictObject({
      command: z.string().min(1).describe("The command line."),
      timeout_ms: z.int().min(1).max(longestMs).optional().describe("Most time it may take, in milliseconds."),
    }),
    async run(input, environment) {
      if (environment.root === "") return errorResult("bash: this run has no workspace to run commands in");
      if (input.command.includes("\0")) return errorResult("bash: the command contains a null character");
      const timeoutMs = input.timeout_ms ?? Math.min(options.timeoutMs ?? 120_000, longestMs);
      const act = (home: string): Promise<ProcessResult> => execute(input.command, { environment, home, timeoutMs, options });
      const result = environment.home === undefined ? await withHome(environment.runId, act) : await act(environment.home);
      if (result.aborted) environment.signal.throwIfAborted();
      return resultOf(result, timeoutMs);
    },
  });
}

interface Execution {
  readonly environment: ToolEnvironment;
  readonly home: string;
  readonly timeoutMs: number;
  readonly options: BashOptions;
}

async function execute(command: string, { environment, home, timeoutMs, options }: Execution): Promise<ProcessResult> {
  const root = await realpath(environment.root);
  const env = cleanEnvironment({ names: environment.environment ?? [], home, runId: environment.runId, workspace: root });
  const outputCap = (options.outputCap ?? defaultOutputCap) / 2;
  return runProcess({ shell: command }, { cwd: root, env, timeoutMs, outputCap, signal: environment.signal });
}

function resultOf(result: ProcessResult, timeoutMs: number): ToolResult {
  if (result.failure) return errorResult(`bash: ${result.failure.message}`);
  const output = [result.stdout.text, result.stderr.text === "" ? "" : `[stderr]\n${result.stderr.text}`];
  const ending = result.timedOut
    ? `[timed out after ${timeoutMs} ms; its processes were ended]`
    : result.exitCode === null
      ? `[ended by ${result.signal ?? "an unknown signal"}]`
      : `[exit code ${result.exitCode}]`;
  const content = [...output, ending].filter((part) => part !== "").join("\n");
  const isError = result.timedOut || result.exitCode !== 0;
  return result.exitCode === null ? { content, isError } : { content, isError, exitCode: result.exitCode };
}
