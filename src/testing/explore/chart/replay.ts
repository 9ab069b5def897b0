// Replays ways of the explored chart on real actors: the orchestrator on the simulated host over a durable journal in
// memory, children that end in the order of the way, and after every step the state compared with the explored one.
//   R1  Time stands still, as in the exploration: every delivery comes at the first moment, in the order of the way.
//   R2  One step is one delivery of the host; a late report, which no live actor could send, comes inside the one before.
import { z } from "zod";
import { createActor } from "xstate";
import type { Actor } from "xstate";
import { messageOf } from "../../../core/errors.ts";
import type { Row } from "../../../host/journal.ts";
import { memoryJournal } from "../../../host/memory-journal.ts";
import type { Deliverable } from "../../../host/pool.ts";
import { simulatedHost } from "../../../host/simulated.ts";
import type { SimulatedHost } from "../../../host/simulated.ts";
import type { OrchestratorMachine } from "../../../machines/orchestrator.ts";
import type { RunInput } from "../../../machines/run-state.ts";
import type { RunEvent } from "../../../protocol/run-event.ts";
import { checkGiven, listOf } from "../../check/given.ts";
import { checkExperiment } from "../../check/options.ts";
import { START } from "../../simulate/base-input.ts";
import { eventOf } from "./chart-events.ts";
import { scriptOf, wordsOf } from "./chart-step.ts";
import { ChartStepData } from "./chart-step-data.ts";
import type { ChartStep } from "./chart-step.ts";
import { inputOf, machineOf, stateKeyOf } from "./explore-run.ts";
import type { ExploreRunOptions } from "./explore-run.ts";
import { pathsOf } from "./paths.ts";
import type { ChartPath, PathsOptions } from "./paths.ts";
import { withPuppets } from "./puppets.ts";
import { livingIn, StateKeys } from "./state-key.ts";
import { StillChart } from "./still-chart.ts";

/** How a replay went. */
export interface Replay extends ChartPath {
  /** Steps after which the real state was the explored one. */
  readonly matched: number;
  /** What was different first; null where nothing was. */
  readonly difference: string | null;
  /** The journal of the replay. */
  readonly rows: readonly Row[];
  /** What the run said. */
  readonly events: readonly RunEvent[];
}

/** Replays all ways that `pathsOf` finds, or those given. */
export async function replayPaths(options: PathsOptions, paths = pathsOf(options)): Promise<readonly Replay[]> {
  const stage = new ReplayStage(options);
  checkGiven("replayPaths", listOf(WAY, "ways, such as those of pathsOf"), paths);
  const replays: Replay[] = [];
  for (const path of paths) replays.push(await stage.play(path));
  return replays;
}

/**
 * Replays one way (of `pathsOf`, or the witness of a broken promise) on real actors, with the options that it was found
 * with. What differs is told, not thrown.
 */
export async function replayPath(path: Steps, options: ExploreRunOptions): Promise<Replay> {
  checkGiven("replayPath", WAY, path);
  return new ReplayStage(options).play(path);
}

const WAY = z.looseObject({ steps: listOf(ChartStepData, "steps, such as those of a witness of exploreRun") });

/** A way; one without a title goes by its script. */
type Steps = Pick<ChartPath, "steps"> & Partial<ChartPath>;

/** One step of the model: what is heard, and the state after it. */
interface Expected {
  readonly step: ChartStep;
  readonly event: { readonly type: string; readonly [field: string]: unknown };
  /** The state after it; null where the run breaks by it. */
  readonly key: string | null;
}

/** What replays with the same options share. */
class ReplayStage {
  readonly #options: ExploreRunOptions;
  readonly #input: RunInput;
  readonly #chart: StillChart;
  readonly #keys: StateKeys;
  readonly #machine: OrchestratorMachine;
  #player: Player | undefined;

  constructor(options: ExploreRunOptions) {
    checkExperiment("pathsOf", options);
    this.#options = options;
    this.#input = inputOf(options);
    const machine = machineOf(options);
    this.#chart = new StillChart(machine, this.#input);
    this.#keys = new StateKeys(stateKeyOf(options));
    this.#machine = withPuppets(machine, (child, id) => this.#player?.endOf(child, id));
  }

  async play({ steps, title }: Steps): Promise<Replay> {
    const player = new Player(this.#expect(steps), this.#keys, this.#keys.of(this.#chart.first));
    this.#player = player;
    const difference = await player.play(this.#machine, this.#input);
    const { matched, rows, events } = player;
    return { title: title ?? scriptOf(steps), steps, matched, difference, rows, events };
  }

  #expect(steps: readonly ChartStep[]): readonly Expected[] {
    let snapshot = this.#chart.first;
    return steps.map((step) => {
      const event = eventOf(step, snapshot, this.#options.plans ?? []);
      try {
        snapshot = this.#chart.next(snapshot, event);
      } catch {
        return { step, event, key: null };
      }
      return { step, event, key: snapshot.status === "error" ? null : this.#keys.of(snapshot) };
    });
  }
}

/** Ends a replay: the first thing that differs. */
class Difference extends Error {}

/** One replay. */
class Player {
  readonly #expected: readonly Expected[];
  readonly #keys: StateKeys;
  readonly #firstKey: string;
  readonly #journal = memoryJournal();
  readonly events: RunEvent[] = [];
  /** Children that began, by the ids of their effects. */
  readonly #children = new Map<string, string>();
  #taken = 0;
  /** Commands that are on their way, by the number of their step. */
  readonly #sent = new Set<number>();
  #isOver = false;
  /** Steps after which the states were the same. */
  matched = 0;

  constructor(expected: readonly Expected[], keys: StateKeys, firstKey: string) {
    this.#expected = expected;
    this.#keys = keys;
    this.#firstKey = firstKey;
  }

  get rows(): readonly Row[] {
    return this.#journal.read();
  }

  /** What differed first; null where nothing did. */
  async play(machine: OrchestratorMachine, input: RunInput): Promise<string | null> {
    const host = simulatedHost({
      journal: this.#journal,
      startAt: START,
      latency: () => 0,
      choose: (due) => this.#choose(actor, due),
      crash: () => this.#isOver,
    });
    const actor = createActor(machine, host.attach({ input }));
    actor.on("*", (event) => void this.events.push(event));
    actor.subscribe({ next: () => this.#go(actor, host), error: () => undefined });
    actor.start();
    this.#sendCommand(host);
    const end = await host.run();
    if (end.kind === "error") return this.#brokenBy(end.error);
    try {
      this.#compare(actor);
      return this.matched === this.#expected.length ? null : this.#missing([]);
    } catch (error) {
      return messageOf(error);
    }
  }

  /** A run that breaks where its chart does is as explored. */
  #brokenBy(error: unknown): string | null {
    if (error instanceof Difference) return error.message;
    if (this.#expectedKey !== null) return `the run broke: ${messageOf(error)}`;
    this.matched = this.#taken;
    return null;
  }

  /** What a child that begins now will end with: what the next step about it says. */
  endOf(child: string, id: string): unknown {
    this.#children.set(id, child);
    const next = this.#expected.slice(this.#taken).find(({ event }) => event["actorId"] === child)?.event;
    if (next && "error" in next) throw new Error("crashed, as explored");
    return next?.["output"] ?? null;
  }

  /** A command that comes next is sent when what is being delivered now is done with. */
  #sendCommand(host: SimulatedHost): void {
    const at = this.#taken;
    const next = this.#expected[at];
    if (!next || !isCommand(next.step) || this.#sent.has(at)) return;
    this.#sent.add(at);
    host.clock.setTimeout(() => host.send(withoutTime(next.event), { id: commandId(at) }), 0);
  }

  #choose(actor: Actor<OrchestratorMachine>, due: readonly Deliverable[]): number {
    // Of what was stopped the root is told at once.
    const cancelled = due.findIndex(({ kind }) => kind === "cancelled");
    if (cancelled >= 0) return cancelled;
    this.#compare(actor);
    const next = this.#expected[this.#taken];
    if (!next) {
      this.#isOver = true;
      return 0;
    }
    const command = isCommand(next.step) ? commandId(this.#taken) : undefined;
    const found = due.findIndex(({ id }) =>
      command === undefined ? this.#children.get(id) === next.event["actorId"] : id === command,
    );
    if (found < 0) throw new Difference(this.#missing(due));
    this.#taken += 1;
    return found;
  }

  /** Inside the delivery that the root has just taken: a late report, or the wish for a command, where that comes next. */
  #go(actor: Actor<OrchestratorMachine>, host: SimulatedHost): void {
    const next = this.#expected[this.#taken];
    if (next?.step.kind === "late" && this.#keys.of(actor.getSnapshot()) === this.#expectedKey) {
      this.matched = this.#taken;
      this.#taken += 1;
      // To the types an event that only XState sends.
      actor.send(next.event as unknown as Parameters<typeof actor.send>[0]);
    } else this.#sendCommand(host);
  }

  /** The state after the step taken last is the explored one. */
  #compare(actor: Actor<OrchestratorMachine>): void {
    const real = this.#keys.of(actor.getSnapshot());
    const after = this.#expected[this.#taken - 1];
    const where = after ? `"${wordsOf(after.step)}"` : "the start";
    if (real !== this.#expectedKey)
      throw new Difference(`after ${where} it is ${real}, explored was ${this.#expectedKey ?? "the end of it all, by an error"}`);
    this.matched = this.#taken;
  }

  get #expectedKey(): string | null {
    const last = this.#expected[this.#taken - 1];
    return last ? last.key : this.#firstKey;
  }

  #missing(due: readonly Deliverable[]): string {
    const next = this.#expected[this.#taken];
    const there = livingIn(Object.fromEntries(due.map(({ id }) => [this.#children.get(id) ?? id, undefined]))).join(", ");
    return `"${next ? wordsOf(next.step) : ""}" can't come; there is ${there === "" ? "nothing" : there}`;
  }
}

const commandId = (at: number): string => `step ${at + 1}`;

const isCommand = ({ kind }: ChartStep): boolean => kind === "command" || kind === "decide" || kind === "resume";

/** The host adds the time itself. */
const withoutTime = ({ at: _at, ...event }: Expected["event"]): { readonly type: string } => event;
