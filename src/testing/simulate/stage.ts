// One simulated run: the real machines over a simulated world on the simulated host, driven to its end. A run that waits
// for a person is given one.
//   S1  The same case over the same journal gives the same run, byte by byte; what people answer depends on the question.
import { createActor } from "xstate";
import type { EventFromLogic, InspectionEvent, SnapshotFrom } from "xstate";
import { parseAttemptId, taskIndex } from "../../core/ids.ts";
import type { CrashPoint } from "../../host/crash.ts";
import type { Row } from "../../host/journal.ts";
import { memoryJournal } from "../../host/memory-journal.ts";
import type { MemoryJournal } from "../../host/memory-journal.ts";
import type { SimulatedEffect } from "../../host/pool.ts";
import { simulatedHost } from "../../host/simulated.ts";
import type { SimulatedEnd } from "../../host/simulated.ts";
import { createOrchestrator } from "../../machines/create-orchestrator.ts";
import type { MachineOptions } from "../../machines/create-orchestrator.ts";
import type { OrchestratorMachine } from "../../machines/orchestrator.ts";
import type { RunOutput } from "../../machines/run-events.ts";
import type { RunInput } from "../../machines/run-state.ts";
import type { Policy } from "../../core/policy.ts";
import type { Command } from "../../protocol/command.ts";
import type { RunEvent } from "../../protocol/run-event.ts";
import { NO_SPEND } from "../../protocol/spend.ts";
import type { Report, WorkerOutcome } from "../../protocol/work.ts";
import type { ModelOptions } from "../../model/models.ts";
import { versionsOf } from "../../run/world.ts";
import type { Worker } from "../../workers/define-worker.ts";
import type { Performed } from "../simulated-ports.ts";
import { checkedAnswers } from "../check/given.ts";
import { isAct, orchestratorFrom } from "../check/options.ts";
import { baseInput, START } from "./base-input.ts";
import type { PromptCommand, SimulatedCase } from "./case.ts";
import { randomWorld } from "./random-world.ts";
import { scriptedWorld, WorldPorts } from "./world.ts";
import type { World, WorldScript } from "./world.ts";

/** A snapshot of the orchestrator. */
export type RunSnapshot = SnapshotFrom<OrchestratorMachine>;

/** How long effects take: log-normal around a median in virtual ms; `spread` is the standard deviation of the logarithm. */
export interface Latency {
  readonly medianMs: number;
  /** @default 0.8 */
  readonly spread?: number;
}

/** What simulated runs are made with. */
export interface StageOptions {
  readonly workers: readonly Worker[];
  /** Parts of the policy that differ from the default. */
  readonly policy?: Partial<Policy>;
  /** Models by role, as for `orchestrate`: their prices and token limits decide what budgets can hold. */
  readonly models?: ModelOptions;
  /** Latencies by worker name; `*` is for all others. @default { "*": { medianMs: 200 } } */
  readonly latency?: Readonly<Record<string, Latency>>;
  /** Looks at each effect before the case's own world does; undefined leaves it to that. It must not remember anything. */
  readonly world?: (...question: Parameters<World>) => ReturnType<World> | undefined;
  /** Another orchestrator than `createOrchestrator` makes, for example with other actions provided. */
  readonly machine?: (options: MachineOptions) => OrchestratorMachine;
}

/** What looks at a run while it goes on. */
export interface RunListener {
  /** Every snapshot of the root, also during a replay. */
  snapshot(snapshot: RunSnapshot): void;
  /** Every event the moment it is emitted, also during a replay. */
  event(event: RunEvent): void;
}

/** How a case is played. */
export interface PlayOptions {
  /** @default a new one; one with rows resumes */
  readonly journal?: MemoryJournal;
  readonly listener?: RunListener;
  /** Asked before and after every append: true ends the run as crashed. */
  readonly crash?: (point: CrashPoint) => boolean;
  /** Told of every perform. */
  readonly performing?: (performed: Performed) => void;
  /** Gets XState's inspection events, nothing during a replay. */
  readonly inspect?: (event: InspectionEvent) => void;
}

/** How a simulated run went. */
export interface SimulatedRun {
  readonly case: SimulatedCase;
  /** `stalled` where nobody could have helped. */
  readonly end: SimulatedEnd;
  readonly output: RunOutput | undefined;
  readonly snapshot: RunSnapshot;
  readonly events: readonly RunEvent[];
  /** The journal: as rows, and as the texts that were stored. */
  readonly rows: readonly Row[];
  readonly lines: readonly string[];
  /** What did not behave well: with it as the world's script the run is the same. */
  readonly acts: WorldScript;
}

const ACTS = {
  name: "world",
  fits: (answer: unknown) => answer === undefined || isAct(answer),
  advice: 'answer an act such as { fail: "Refused" }, {} for good behaviour, or undefined',
};

/** Most times a person helps a run along. */
const MOST_HELP = 300;
/** Rows of a journal after which a run is taken for endless; ten tasks of models need some hundred. */
const MOST_ROWS = 20_000;
const OVERRUN = `it did not end within ${MOST_ROWS.toLocaleString("en")} rows of its journal: something in it repeats for ever`;
const USUAL: Latency = { medianMs: 200 };

/** Plays cases, one after the other: machines are made once. */
export class Stage {
  /** What is behind the machine's effects. */
  readonly ports: WorldPorts;
  readonly machine: OrchestratorMachine;
  readonly #options: StageOptions;
  readonly #base: RunInput;
  /** What the world of the caller threw in this play. */
  #fault: { readonly error: unknown } | undefined;

  /** Throws QuatrainError for bad workers, models or policies, as `orchestrate` does. */
  constructor(options: StageOptions) {
    const { workers, policy, models, machine = createOrchestrator } = options;
    this.#options = options;
    this.ports = new WorldPorts(Object.fromEntries(workers.map(({ name, card }) => [name, card.outputSchema])));
    this.#base = baseInput({ workers, policy, models });
    this.machine = orchestratorFrom(() => machine({ workers, ports: this.ports.ports, ...(policy && { policy }) }));
  }

  /** The models of all runs. */
  get models(): RunInput["models"] {
    return this.#base.models;
  }

  /** What the machine is started with. */
  inputOf({ seed, mode, plan, options }: SimulatedCase): RunInput {
    return { ...this.#base, mode, plan, seed, options: { ...this.#base.options, ...options } };
  }

  /** What the journals of its runs are bound to, as those of real runs are: whoever has the same may open them. */
  versionsOf(input: RunInput): Readonly<Record<string, string>> {
    const { workers, policy } = this.#options;
    return versionsOf({ workers, ...(policy && { policy }), maxTasks: input.options.maxTasks });
  }

  /** Plays to the end, a crash, or a stall that no person could mend. Not twice at once. */
  async play(played: SimulatedCase, how: PlayOptions = {}): Promise<SimulatedRun> {
    const { journal = memoryJournal(), listener, crash, performing = () => undefined, inspect } = how;
    this.#setWorld(played, performing);
    const latency = (effect: SimulatedEffect, random: () => number) => this.#latencyOf(effect, random, actor.getSnapshot());
    let rowsLeft = MOST_ROWS;
    const isOver = ({ when, rows: appended }: CrashPoint): boolean => {
      if (when === "before") rowsLeft -= appended.length;
      return rowsLeft < 0;
    };
    const host = simulatedHost({
      seed: played.seed,
      journal,
      startAt: START,
      latency,
      crash: (point) => isOver(point) || (crash?.(point) ?? false),
    });
    const input = this.inputOf(played);
    const versions = this.versionsOf(input);
    const actor = createActor(this.machine, host.attach({ input, versions, ...(inspect && { inspect }) }));
    const events: RunEvent[] = [];
    const prompted = promptly(played.prompts ?? [], (command, id) => host.send(command, { id }));
    actor.on("*", (event) => {
      events.push(event);
      listener?.event(event);
      // Inside the delivery, so that a replay says it again at the same place.
      if (event.type === "task.started" && event.attempt > 1 && this.ports.isLate(`${event.task}#${event.attempt - 1}`))
        actor.send(lateReport(event.task, event.attempt - 1));
      prompted(event);
    });
    actor.subscribe({ next: (snapshot) => listener?.snapshot(snapshot), error: () => undefined });
    actor.start();
    for (const [at, { afterMs, event }] of played.commands.entries()) host.send(event, { id: `c${at}`, at: START + afterMs });
    for (const { afterMs, ms } of played.sleeps ?? []) host.clock.setTimeout(() => host.sleep(ms), afterMs);
    let end = await host.run();
    for (let round = 0; end.kind === "stalled" && round < MOST_HELP; round++) {
      const help = helpFor(actor.getSnapshot(), (ask) => this.ports.decisionOn(ask));
      if (!help) break;
      host.send(help, { id: `help-${host.seq}` });
      end = await host.run();
    }
    if (this.#fault) throw this.#fault.error;
    if (rowsLeft < 0) end = { kind: "error", error: new Error(OVERRUN) };
    const snapshot = actor.getSnapshot();
    const { acts } = this.ports;
    let rows: readonly Row[] | undefined;
    return {
      case: played,
      end,
      output: snapshot.output,
      snapshot,
      events,
      get rows() {
        rows ??= journal.read();
        return rows;
      },
      lines: journal.lines,
      acts,
    };
  }

  #setWorld({ seed, world }: SimulatedCase, performing: (performed: Performed) => void): void {
    const ports = this.ports;
    const cards = this.#options.workers.map(({ card }) => card);
    const own = "script" in world ? scriptedWorld(world.script) : randomWorld(seed, world, cards);
    const { world: asked } = this.#options;
    const first = asked && checkedAnswers(asked, ACTS);
    this.#fault = undefined;
    ports.forget();
    ports.performing = performing;
    ports.world = (question) => {
      try {
        return first?.(question) ?? own(question);
      } catch (error) {
        // To the run the effect breaks; whoever wrote the world is told what did.
        this.#fault ??= { error };
        throw error;
      }
    };
  }

  #latencyOf({ id }: SimulatedEffect, random: () => number, { context }: RunSnapshot): number {
    const { latency = {} } = this.#options;
    const attempt = /(?:^|[/:])(t\d+#\d+)/.exec(id)?.[1] ?? "";
    const worker = context.queue?.tasks[taskIndex(parseAttemptId(attempt)?.task ?? "")]?.worker ?? "*";
    const { medianMs, spread = 0.8 } = (Object.hasOwn(latency, worker) ? latency[worker] : latency["*"]) ?? USUAL;
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.round(medianMs * Math.exp(spread * normal));
  }
}

/** Sends each command once, the moment its event is told; in a replay it is sent again, under the same id. */
function promptly(prompts: readonly PromptCommand[], send: (command: Command, id: string) => void): (event: RunEvent) => void {
  const left = prompts.map(({ nth = 1 }) => nth);
  return (event) => {
    for (const [at, { after, task, event: command }] of prompts.entries()) {
      if (event.type !== after || (task !== undefined && !("task" in event && event.task === task))) continue;
      left[at] = (left[at] ?? 0) - 1;
      if (left[at] === 0) send(command, `p${at}`);
    }
  };
}

/** The success of an attempt that is over, for the root. To the types it is an event that only XState sends. */
export function lateReport(task: string, attempt: number): EventFromLogic<OrchestratorMachine> {
  const actorId = `worker:${task}#${attempt}`;
  const report: Report = {
    worker: "late",
    success: true,
    output: { ref: "late", bytes: 4, value: "late" },
    summary: "late",
    changes: { ref: "late", files: [] },
    evidence: [],
  };
  const output: WorkerOutcome = { kind: "finished", report, spend: NO_SPEND, at: START };
  return { type: `xstate.done.actor.${actorId}`, actorId, output } as unknown as EventFromLogic<OrchestratorMachine>;
}

/** What a person does when a run waits for one: answers its question, or lets it go on. */
export function helpFor(snapshot: RunSnapshot, decide: (ask: string) => "approve" | "reject"): Command | undefined {
  const [ask] = snapshot.context.asks;
  if (ask) return { type: "ask.answer", ask: ask.id, decision: decide(ask.id) };
  return snapshot.hasTag("hold") ? { type: "run.resume" } : undefined;
}
