// The commands and their flags. Loads the work of a command only when it is called, so that version and help stay quick.
import { readFileSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import type { Argument } from "commander";
import type { Command as SentCommand } from "../protocol/command.ts";
import type { Io } from "./io.ts";

export { processIo } from "./io.ts";

/** Runs one command line (without node and script). Resolves to the exit code; never rejects. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  const asJson = argv.includes("--json");
  const outcome = { code: 0 };
  const program = buildProgram(io, (work) => async () => {
    outcome.code = await work();
  });
  if (asJson) program.configureOutput({ writeErr: () => {} });
  for (const command of program.commands) command.copyInheritedSettings(program);
  try {
    await program.parseAsync(argv, { from: "user" });
    return outcome.code;
  } catch (error) {
    if (error instanceof CommanderError) return usageCode(error, io, asJson);
    return failed(error, io, asJson);
  }
}

/** Keeps the exit code of a command's work. */
type Keep = (work: () => Promise<number>) => () => Promise<void>;

function buildProgram(io: Io, keep: Keep): Command {
  const program = new Command("quatrain")
    .description("Opus conducts, Sonnets perform: a request becomes a plan, workers perform it, an answer comes back.")
    .version(versionOf(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .showHelpAfterError("Try: quatrain --help")
    .exitOverride()
    .configureHelp({ subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(argumentTerm)].join(" ") })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns ?? 80,
      getErrHelpWidth: () => io.stderr.columns ?? 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: (text, write) => write(`quatrain: ${text.replace(/^error: /, "")}`),
    })
    .addHelpText(
      "after",
      "\nExit codes: 0 done, 1 failed, 2 usage or configuration, 3 partial, 4 budget reached, 5 no or refused key, 130/143 by signal.",
    );
  addRunning(program, io, keep);
  addGoingOn(program, io, keep);
  addRecorded(program, io, keep);
  addReplay(program, io, keep);
  addSteering(program, io, keep);
  addTesting(program, io, keep);
  addInit(program, io, keep);
  addRest(program, io, keep);
  return program;
}

/** Commands that start or go on with a run. */
function addRunning(program: Command, io: Io, keep: Keep): void {
  const run = program.command("run").description("carry out a request").argument("<request...>", "what is to be done, in words");
  withRunFlags(run).action(async (words: string[], flags: object) =>
    keep(async () => (await import("./commands/run.ts")).runCommand(words.join(" "), flags, io))(),
  );
  const plan = program
    .command("plan")
    .description("only make the plan: its graph, longest path and worst-case cost")
    .argument("<request...>", "what is to be done, in words");
  withRunFlags(plan)
    .option("--keep", "keep the plan, so that resume carries it out")
    .action(async (words: string[], flags: object) =>
      keep(async () => (await import("./commands/plan.ts")).planCommand(words.join(" "), flags, io))(),
    );
  const resume = program
    .command("resume")
    .description("take a run up where it stopped (or apply the result of an ended one)")
    .argument("[run]", "id of the run; the newest open one if left out");
  withShared(resume).action(async (id: string | undefined, flags: object) =>
    keep(async () => (await import("./commands/resume.ts")).resumeCommandLine(id, flags, io))(),
  );
}

/** Commands that begin a run from another one. */
function addGoingOn(program: Command, io: Io, keep: Keep): void {
  const fork = program
    .command("fork")
    .description("go another way from any moment of a run, keeping what it has finished")
    .argument("<run>", "id of the run");
  withBudget(withShared(fork), "as the old one")
    .option("--at <row>", "journal row after which the ways part (default: the last)")
    .option("--edit-plan [file]", "with another plan: in EDITOR, or from a file (made with the present plan where there is none)")
    .action(async (id: string, flags: object) =>
      keep(async () => (await import("./commands/fork.ts")).forkCommand(id, flags, io))(),
    );
  const follow = program
    .command("continue")
    .description("a new request on top of what an ended run came to")
    .argument("<run>", "id of the run")
    .argument("<request...>", "what is to be done now, in words");
  withLimits(withShared(follow)).action(async (id: string, words: string[], flags: object) =>
    keep(async () => (await import("./commands/continue.ts")).continueCommand({ id, request: words.join(" ") }, flags, io))(),
  );
}

/** Commands about recorded runs. */
function addRecorded(program: Command, io: Io, keep: Keep): void {
  withPlace(program.command("runs").description("list the recorded runs, newest first"))
    .option("--all", "all of them (default: the newest 20)")
    .option("--json", "one JSON line for each run")
    .action(async (flags: object) => keep(async () => (await import("./commands/runs.ts")).runsCommand(flags, io))());
  withPlace(program.command("show").description("show a run without working on it").argument("<run>", "id of the run"))
    .option("--at <row>", "its state after this journal row")
    .option("--json", "one JSON line")
    .option("--cost", "where the money went")
    .action(async (id: string, flags: object) =>
      keep(async () => (await import("./commands/show.ts")).showCommand(id, flags, io))(),
    );
  withPlace(
    program
      .command("export")
      .description("write the journal of a run as JSON lines")
      .argument("<run>", "id of the run")
      .argument("[file]", "where to (default: stdout)")
      .option("--cassette", "a cassette for replay instead, without secrets and machine paths")
      .option("--force", "overwrite the cassette"),
  ).action(async (id: string, file: string | undefined, flags: object) =>
    keep(async () => (await import("./commands/transfer.ts")).exportCommand(id, file, { flags, io }))(),
  );
  withPlace(program.command("import").description("take an exported journal in").argument("<file>", "what export wrote"))
    .option("--as <id>", "under another id")
    .action(async (file: string, flags: object) =>
      keep(async () => (await import("./commands/transfer.ts")).importCommand(file, flags, io))(),
    );
}

/** Cassettes. */
function addReplay(program: Command, io: Io, keep: Keep): void {
  program
    .command("replay")
    .description("play a cassette without a key, and tell what is otherwise now")
    .argument("<cassette>", "what --record or export --cassette wrote")
    .option("--lenient", "let prompts be worded otherwise and tasks start in another order")
    .option("--update", "bring the cassette up to date where the drift is wanted")
    .option("--json", "one JSON line")
    .action(async (file: string, flags: object) =>
      keep(async () => (await import("./commands/replay.ts")).replayCommand(file, flags, io))(),
    );
}

/** Commands to a run, whoever works on it. */
function addSteering(program: Command, io: Io, keep: Keep): void {
  const steer = (command: Command, description: string): Command =>
    withPlace(command.description(description).argument("<run>", "id of the run"));
  const send = (id: string, flags: object, command: () => SentCommand | Promise<SentCommand>): Promise<void> =>
    keep(async () => (await import("./commands/steer.ts")).steerCommand(id, await command(), { flags, io }))();
  steer(program.command("tell"), "say something to the workers of a run, now and later")
    .argument("<text...>", "what to say")
    .option("--task <task>", "only to the worker of this task, such as t3")
    .action(async (id: string, words: string[], { task, ...flags }: { task?: string }) =>
      send(id, flags, () => ({ type: "run.tell", text: words.join(" "), ...(task === undefined ? {} : { task }) })),
    );
  steer(program.command("answer"), "answer a question of a run; show lists them")
    .argument("<ask>", "id of the question, such as plan")
    .argument("<yes|no>", "the answer")
    .argument("[text...]", "words that go with it")
    .action(async (...[id, ask, decision, words, flags]: [string, string, string, string[], object]) =>
      send(id, flags, async () => (await import("./commands/steer.ts")).answerOf(ask, decision, words)),
    );
  steer(program.command("pause"), "let nothing new start; resume goes on").action(async (id: string, flags: object) =>
    send(id, flags, () => ({ type: "run.pause" })),
  );
  const because = (reason: string | undefined) => (reason === undefined ? {} : { reason });
  steer(program.command("cancel"), "end a run with what it has")
    .option("--reason <text>", "a few words that go with it")
    .action(async (id: string, { reason, ...flags }: { reason?: string }) =>
      send(id, flags, () => ({ type: "run.cancel", ...because(reason) })),
    );
  steer(program.command("skip"), "leave a task out, and what needs its result")
    .argument("<task>", "such as t3")
    .option("--reason <text>", "a few words that go with it")
    .action(async (id: string, task: string, { reason, ...flags }: { reason?: string }) =>
      send(id, flags, () => ({ type: "task.skip", task, ...because(reason) })),
    );
  steer(program.command("retry"), "do a task again: a failed or skipped one, or a finished one with what builds on it")
    .argument("<task>", "such as t3")
    .action(async (id: string, task: string, flags: object) => send(id, flags, () => ({ type: "task.retry", task })));
}

/** Commands for tests. */
function addTesting(program: Command, io: Io, keep: Keep): void {
  program
    .command("stand-in")
    .description("serve the Messages API on loopback, without models: for tests of any client")
    .option("--port <n>", "port to listen on (default: a free one)")
    .option("--script <file>", "answer by the rules of a JSON file; requests that none expects are refused")
    .option("--echo", "answer with what was said; with --script: what no rule expects (the default without --script)")
    .addOption(new Option("--bad <seed>", "answer as badly as models do; with --script: what no rule expects").conflicts("echo"))
    .option("--faults <share>", "break a share of the requests at random, such as 0.2: errors, delays, stalls, cuts")
    .option("--seed <n>", "which faults come (default: 1)")
    .option("--latency <ms>", "wait so long before each answer")
    .option("--limits <numbers>", "most requests[,input tokens[,output tokens]] in a minute, for each model")
    .option("--models <ids>", "model ids to accept besides the known ones, separated by commas")
    .option("--log <file>", "append a JSON line for each request to a file; - for stdout")
    .option("--strict", "exit code 1 when a request was invalid, or expected by no rule")
    .option("--json", "one JSON line at the start, for each request, and at the end")
    .action(async (flags: object) => keep(async () => (await import("./commands/stand-in.ts")).standInCommand(flags, io))());
}

/** The command that writes files to begin with. */
function addInit(program: Command, io: Io, keep: Keep): void {
  program
    .command("init")
    .description("write a model-based test for your workers")
    .option("--tests", "write the test (for vitest)")
    .option(
      "--workers <file>",
      "module that exports the workers (default: quatrain.workers.ts, workers.ts, src/workers.ts or .js)",
    )
    .option("--out <file>", "file to write (default: quatrain.test.ts, or .js for workers in .js)")
    .option("--example", "first write the module, too: a worker of each kind")
    .option("--force", "overwrite what is there")
    .option("--dry-run", "print the test instead of writing it")
    .action(async (flags: object) => keep(async () => (await import("./commands/init.ts")).initCommand(flags, io))());
}

/** The demo and the doctor. */
function addRest(program: Command, io: Io, keep: Keep): void {
  program
    .command("demo")
    .description("play a real job on a sample application; needs no key")
    .option("--fast", "without the pauses that let people follow")
    .option("--break <task>", "spoil one edit of this task, such as t3: the application's tests fail then")
    .option("--live", "with real models; needs a key")
    .option("--keep <dir>", "work in this folder and keep it")
    .option("--record <file>", "write a cassette of the run at the end, for replay")
    .option("--force", "overwrite the file of --record")
    .option("--plain", "plain lines instead of the live view")
    .option("--json", "one JSON event a line")
    .action(async (flags: object) => keep(async () => (await import("./commands/demo.ts")).demoCommand(flags, io))());
  program
    .command("doctor")
    .description("check Node, key, endpoint, git, sandbox and state folder")
    .option("--json", "one JSON line")
    .option("--base-url <url>", "check this endpoint instead of the Anthropic API")
    .option("--workspace <dir>", "folder whose state folder is checked (default: the current folder)")
    .option("--state-dir <dir>", "folder for the state of runs (default: .quatrain in the workspace)")
    .action(async (flags: object) => keep(async () => (await import("./commands/doctor.ts")).doctorCommand(flags, io))());
}

function withRunFlags(command: Command): Command {
  return withLimits(withShared(command))
    .option("--no-workspace", "text only: no files are read or written")
    .option("--mode <mode>", "auto, direct (one worker, no plan) or orchestrate (default: auto)");
}

function withLimits(command: Command): Command {
  return withBudget(command, "no limit")
    .option("--workers <names>", "workers that may be used, separated by commas (default: all)")
    .option("--concurrency <n>", "most tasks at once (default: 8)")
    .option("--allow-bash", "let workers run commands without asking; they are not sandboxed yet");
}

function withBudget(command: Command, usual: string): Command {
  return command
    .option("--budget <usd>", `most money for the whole run, in USD (default: ${usual})`)
    .option("--budget-tokens <n>", `most tokens for the whole run, cached ones included (default: ${usual})`)
    .option("--budget-time <time>", `most time for the whole run, such as 90s, 30m or 2h (default: ${usual})`)
    .option("--task-budget <usd>", `most money for each task, over all its attempts (default: ${usual})`)
    .option("--task-time <time>", `most time for each task, over all its attempts (default: ${usual})`);
}

function withShared(command: Command): Command {
  return withPlace(command)
    .option("--model-orchestrator <model>", "plans and writes the answer (default: claude-opus-5-5)")
    .option("--model-worker <model>", "does the tasks (default: claude-sonnet-5-5)")
    .option("--model-router <model>", "decides whether a plan is needed (default: claude-haiku-5-5)")
    .option("--base-url <url>", "endpoint of your own for all models; QUATRAIN_API_KEY holds its key, if it wants one")
    .option("--yes", "carry the plan out without asking")
    .option("--apply", "carry the result into the workspace at the end")
    .option("--inspect", "open the inspector")
    .option("--record <file>", "write a cassette of the run at the end, for replay")
    .option("--force", "overwrite the file of --record")
    .addOption(new Option("--json", "one JSON event a line, the result last").conflicts("plain"))
    .option("--plain", "plain lines instead of the live view");
}

function withPlace(command: Command): Command {
  return command
    .option("--workspace <dir>", "folder to work on; it is changed only with --apply (default: the current folder)")
    .option("--state-dir <dir>", "folder for the state of runs; also QUATRAIN_STATE_DIR (default: .quatrain in the workspace)");
}

function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

async function failed(error: unknown, io: Io, asJson: boolean): Promise<number> {
  const { exitCodeOfError } = await import("./exit-code.ts");
  const { errorText } = await import("./messages.ts");
  const code = exitCodeOfError(error);
  if (asJson) await printError(io, { code: codeOf(error), message: errorText(error), exitCode: code });
  else io.stderr.write(`quatrain: ${errorText(error)}\n`);
  return code;
}

/** Help and version are no errors; everything else that the parser refuses is usage. */
async function usageCode(error: CommanderError, io: Io, asJson: boolean): Promise<number> {
  if (error.exitCode === 0) return 0;
  if (asJson) await printError(io, { code: "BadOption", message: error.message.replace(/^error: /, ""), exitCode: 2 });
  return 2;
}

async function printError(
  io: Io,
  { code, message, exitCode }: { readonly code: string; readonly message: string; readonly exitCode: number },
): Promise<void> {
  const { errorLine } = await import("./result-line.ts");
  io.stdout.write(`${JSON.stringify(errorLine(code, message, exitCode))}\n`);
}

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string" ? error.code : "Internal";

function versionOf(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { readonly version: string };
  return version;
}
