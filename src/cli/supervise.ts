// Watches over one run from its start to the exit code: shows it, passes questions on, stops it when told to, ends it.
//   S1  With `json`, stdout carries JSON lines only and stderr nothing.
//   S2  A run that stands still at the end tells the command that takes it up again.
import { existsSync } from "node:fs";
import { messageOf } from "../core/errors.ts";
import type { RunContext } from "../machines/run-state.ts";
import type { Ask } from "../protocol/command.ts";
import type { Run, RunResult } from "../run/run.ts";
import { resultTree } from "../workspace/copy-workspace.ts";
import { askText } from "./ask-text.ts";
import { EXIT, exitCodeOf } from "./exit-code.ts";
import { isInteractive, SIGNAL_CODES } from "./io.ts";
import type { EndSignal, Io } from "./io.ts";
import { inFlags } from "./messages.ts";
import { Printer } from "./printer.ts";
import { planData, planLines } from "./plan-text.ts";
import { openReporter } from "./reporter.ts";
import type { Reporter, ReporterKind } from "./reporting.ts";
import type { Recording } from "./recording.ts";
import { resultLine } from "./result-line.ts";
import { forkCommandText, resumeCommand } from "./settings.ts";
import type { Place } from "./settings.ts";
import { stopOnSignals } from "./stopping.ts";
import { summaryLines } from "./summary.ts";
import { countText } from "./words.ts";

/** How a run is watched. */
export interface Watching {
  readonly io: Io;
  readonly kind: ReporterKind;
  readonly place: Place;
  /** Whether its result is carried into the workspace at the end. */
  readonly apply: boolean;
  /** Answers the question whether to carry out the plan with yes. */
  readonly approvePlan?: boolean;
  /** Stops the run when the plan waits for a person, since none is here. */
  readonly leavePlan?: boolean;
  /** Ends the run as soon as its plan is there, and tells the plan. */
  readonly planOnly?: "cancel" | "keep";
  /** Where its cassette goes at the end. */
  readonly recording?: Recording | undefined;
}

/** Shows a run until it ends. Resolves to the exit code; never rejects for what happens to the run. */
export async function superviseRun(run: Run, watching: Watching): Promise<number> {
  const { io, kind } = watching;
  const printer = new Printer(io);
  let reporter: Reporter | null = null;
  const say = (text: string): void => {
    if (kind === "json") return;
    if (reporter) reporter.notice(text);
    else printer.notice(text);
  };
  const stopping = stopOnSignals(run, watching, { printer, say });
  reporter = await openReporter(kind, { io, printer, run, onInterrupt: () => stopping.signal("SIGINT") });
  const asking = passQuestions(run, watching, reporter);
  const result = await run.result;
  stopping.over();
  asking.close();
  await reporter.close();
  const ended = { run, result, watching, printer, signal: stopping.received() };
  const code = asking.planned ? concludePlan(ended, asking.planned) : await conclude(ended);
  const kept = await keepCassette(run.id, watching, printer);
  await printer.close();
  stopping.close();
  return kept ? code : Math.max(code, EXIT.failed);
}

/** Writes the cassette, where one is wanted. False: it could not be written. */
async function keepCassette(run: string, { recording, place, kind, io }: Watching, printer: Printer): Promise<boolean> {
  if (!recording) return true;
  try {
    const bytes = await recording.write(run, place.store);
    const size = `${countText(bytes)} bytes`;
    if (kind !== "json")
      printer.line(`Cassette: ${recording.file} (${size}). Play it without a key: quatrain replay ${recording.file}`);
    return true;
  } catch (error) {
    if (kind !== "json") io.stderr.write(`quatrain: no cassette was written: ${messageOf(error)}\n`);
    return false;
  }
}

/** How a run is best shown here. */
export function reporterKind(flags: { readonly json?: boolean; readonly plain?: boolean }, canRepaint: boolean): ReporterKind {
  return flags.json === true ? "json" : flags.plain === true || !canRepaint ? "plain" : "live";
}

/** The folder with all files of a run as it left them; null when there is none. */
export function resultFolderOf(run: string, { store }: Pick<Place, "store">): string | null {
  const folder = resultTree({ state: store, run });
  return existsSync(folder) ? folder : null;
}

/** The questions of a run on their way to a person. */
interface Asking {
  /** The context with the plan, once a run that only plans has it. */
  readonly planned: RunContext | null;
  close(): void;
}

/** Puts open questions to the person at the terminal, one after the other; with nobody there the run answers itself. */
function passQuestions(run: Run, watching: Watching, reporter: Reporter): Asking {
  const { io, kind } = watching;
  const end = new AbortController();
  const open = new Map<string, AbortController>();
  let planned: RunContext | null = null;
  let line = Promise.resolve();
  const answer = (ask: Ask, decision: "approve" | "reject"): void =>
    run.send({ type: "ask.answer", ask: ask.id, hash: ask.hash, decision });
  const put = (ask: Ask): void => {
    if (open.has(ask.id)) return;
    const closed = new AbortController();
    open.set(ask.id, closed);
    if (ask.kind === "plan") planned = endWithPlan(run, watching);
    if (planned !== null) return;
    if (ask.kind === "plan" && watching.approvePlan === true) return answer(ask, "approve");
    if (ask.kind === "plan" && watching.leavePlan === true) return leavePlan(run, watching);
    if (kind === "json" || !isInteractive(io)) return;
    const signal = AbortSignal.any([closed.signal, end.signal]);
    line = line.then(async () => {
      const decision = signal.aborted ? null : await reporter.ask(askText(ask, run.snapshot.context), signal);
      if (decision !== null) answer(ask, decision ? "approve" : "reject");
    });
  };
  const putAll = (): void => run.asks.forEach(put);
  const subscription = run.events.subscribe((event) => {
    if (event.type === "ask.closed") {
      open.get(event.ask)?.abort();
      open.delete(event.ask);
    }
    // After the delivery that asked has come to rest: then the run lists the question.
    if (event.type === "ask.opened") queueMicrotask(putAll);
  });
  putAll();
  return {
    get planned() {
      return planned;
    },
    close() {
      subscription.unsubscribe();
      end.abort();
    },
  };
}

function leavePlan(run: Run, { io, kind }: Watching): void {
  if (kind !== "json")
    io.stderr.write("quatrain: the plan waits for a person. Resume on a terminal, or carry it out with --yes.\n");
  void run.stop();
}

function endWithPlan(run: Run, { planOnly }: Watching): RunContext | null {
  if (planOnly === undefined) return null;
  if (planOnly === "keep") void run.stop();
  else run.send({ type: "run.cancel", reason: "only the plan was wanted" });
  return run.snapshot.context;
}

interface Conclusion {
  readonly run: Run;
  readonly result: RunResult;
  readonly watching: Watching;
  readonly printer: Printer;
  readonly signal: EndSignal | "EPIPE" | null;
}

/** Applies, prints the end, and tells the exit code. */
async function conclude({ run, result, watching, printer, signal }: Conclusion): Promise<number> {
  const { place, kind, apply } = watching;
  const resultFolder = place.workspace === null ? null : resultFolderOf(run.id, place);
  const { applied, notApplied } = apply ? await applyResult(run, result, resultFolder) : { applied: null, notApplied: null };
  const isOpen = result.outcome === "suspended";
  const stopped = isOpen && signal !== null;
  const ended = notApplied === null || result.files.length === 0 ? exitCodeOf(result) : Math.max(exitCodeOf(result), EXIT.failed);
  const exitCode = !stopped ? ended : signal === "EPIPE" ? EXIT.readerGone : SIGNAL_CODES[signal];
  const resume = isOpen ? againCommand(run.id, result, place) : null;
  const extras = { exitCode, resultFolder, applied, notApplied, resume };
  if (kind === "json") printer.line(JSON.stringify(resultLine(result, extras)));
  else
    for (const line of [
      "",
      ...summaryLines(result, {
        ...extras,
        applyLater: `${resumeCommand(run.id, place)} --apply`,
        budgetUsd: run.snapshot.context.options.budget.usd,
      }),
    ])
      printer.line(line);
  return exitCode;
}

/** A run that its own journal or machine stops would stop at the same place again: a fork goes on from it. */
const againCommand = (id: string, { failure }: RunResult, place: Place): string =>
  failure !== null && ["Internal", "StoreCorrupt"].includes(failure.code) ? forkCommandText(id, place) : resumeCommand(id, place);

/** Tells the plan of a run that was to make no more. */
function concludePlan({ run, result, watching, printer }: Conclusion, planned: RunContext): number {
  const { kind, place } = watching;
  const resume = watching.planOnly === "keep" ? resumeCommand(run.id, place) : null;
  const nothing = { exitCode: EXIT.done, resultFolder: null, applied: null, notApplied: null, resume };
  if (kind === "json") printer.line(JSON.stringify({ ...resultLine(result, nothing), plan: planData(planned) }));
  else {
    for (const line of ["", ...planLines(planned)]) printer.line(line);
    if (resume !== null) printer.line(`Carry it out: ${resume} --yes`);
  }
  return EXIT.done;
}

async function applyResult(
  run: Run,
  result: RunResult,
  folder: string | null,
): Promise<{ readonly applied: readonly string[] | null; readonly notApplied: string | null }> {
  const refuse = (why: string) => ({ applied: null, notApplied: why });
  if (result.outcome !== "complete" && result.outcome !== "partial") return refuse(`the run is ${result.outcome}.`);
  if (result.files.length === 0 || folder === null) return refuse("the run changed no files.");
  if (result.conflicts.length > 0) {
    const files = result.conflicts.map((conflict) => conflict.path).join(", ");
    return refuse(
      `tasks disagree about ${files}. Look at the versions that were kept, in ${folder}, and copy by hand what you want.`,
    );
  }
  try {
    return { applied: await run.apply(), notApplied: null };
  } catch (error) {
    return refuse(inFlags(messageOf(error)));
  }
}
