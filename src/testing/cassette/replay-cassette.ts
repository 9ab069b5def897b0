// Plays a cassette: a new run of today's machines, prompts and workers, every effect of which is answered as recorded. It
// tells what is otherwise now. No key, no network, no disk, no waiting.
import { readFileSync } from "node:fs";
import { createActor } from "xstate";
import { z } from "zod";
import { fileTrouble, messageOf, QuatrainError } from "../../core/errors.ts";
import type { Policy } from "../../core/policy.ts";
import { systemClock } from "../../host/clocks.ts";
import type { Row } from "../../host/journal.ts";
import { memoryJournal } from "../../host/memory-journal.ts";
import type { CrashPoint } from "../../host/crash.ts";
import { simulatedHost } from "../../host/simulated.ts";
import type { SimulatedEnd, SimulatedHost } from "../../host/simulated.ts";
import { createOrchestrator } from "../../machines/create-orchestrator.ts";
import type { MachineOptions } from "../../machines/create-orchestrator.ts";
import { inertActors } from "../../machines/inert.ts";
import type { OrchestratorMachine } from "../../machines/orchestrator.ts";
import type { RunInput } from "../../machines/run-state.ts";
import type { ModelOptions } from "../../model/models.ts";
import { resolveModels } from "../../model/models.ts";
import type { PriceTable } from "../../model/price-table.ts";
import { endOf } from "../../run/cassette.ts";
import type { Cassette, CassetteEnd } from "../../run/cassette.ts";
import { cleaner } from "../../run/cassette-clean.ts";
import { cassetteOf, DELIVERED, ownVersion } from "../../run/cassette-record.ts";
import { parseCassette } from "../../run/cassette-text.ts";
import { checkShared, checkWorkers, workersNamed } from "../../run/options.ts";
import { versionsOf } from "../../run/world.ts";
import { createToolbox, declarationsOf } from "../../tools/toolbox.ts";
import type { Tool } from "../../tools/port.ts";
import type { Worker } from "../../workers/define-worker.ts";
import { aFunction, checkGiven, listOf, oneOf, optionsOf } from "../check/given.ts";
import { orchestratorFrom } from "../check/options.ts";
import { endDrifts, inputDrifts, orderDrift, unusedDrift } from "./compare.ts";
import { DRIFT_KINDS, gathered } from "./drift.ts";
import type { CassetteReport, CassetteTally, Drift, DriftKind } from "./drift.ts";
import { pricedModels, repriced } from "./prices.ts";
import { Tape } from "./tape.ts";

/** Options of `replayCassette`: what is in use today. */
export interface ReplayOptions {
  /** @default the built-in workers of the recorded names */
  readonly workers?: readonly Worker[];
  /** Tools besides the built-in ones. */
  readonly tools?: readonly Tool[];
  /** Parts of the policy that differ from the default. @default as recorded */
  readonly policy?: Partial<Policy>;
  /** Models by role, as for `orchestrate`. @default as recorded */
  readonly models?: ModelOptions;
  /** Prices that win over the shipped table. @default none */
  readonly prices?: PriceTable;
  /** Another orchestrator than `createOrchestrator` makes. Its effects are answered all the same. */
  readonly machine?: (options: MachineOptions) => OrchestratorMachine;
  /**
   * `strict`: any drift fails. `lenient`: prompts may be worded otherwise and effects may start in another order; what has no
   * answer, another plan, other costs and another result still fail. @default "strict"
   */
  readonly mode?: "strict" | "lenient";
  /** Kinds of drift that do not fail, on top of those of the mode. @default none */
  readonly ignore?: readonly DriftKind[];
}

const TOLERATED: Readonly<Record<"strict" | "lenient", readonly DriftKind[]>> = { strict: [], lenient: ["prompt", "order"] };

/** Virtual time at which every replay begins. */
const START = Date.UTC(2026, 0);

/** Reads a cassette from a file. Throws QuatrainError "BadOption" for a file that can't be read, "StoreCorrupt", "StoreTooNew". */
export function readCassette(file: string): Cassette {
  checkGiven("readCassette", z.string("name the file of a cassette"), file);
  return parseCassette(readText(file));
}

/**
 * Plays a cassette (or the file of one) and compares. What drifted is data: an unchanged run has no drift. Rejects with
 * QuatrainError "BadOption", "StoreCorrupt", "StoreTooNew", or "UnknownWorker" where a recorded worker is neither built in nor given.
 */
export async function replayCassette(source: string | Cassette, options: ReplayOptions = {}): Promise<CassetteReport> {
  return (await play(loaded(source), options)).report;
}

/**
 * The cassette as it would be recorded today, with the recorded answers: for drifts that are wanted, such as a better prompt.
 * Nothing is paid. Rejects as `replayCassette`, and with "BadOption" where something is asked that was never answered: that
 * takes a new recording.
 */
export async function updateCassette(source: string | Cassette, options: ReplayOptions = {}): Promise<Cassette> {
  const cassette = loaded(source);
  const { report, rows, machine, input } = await play(cassette, options);
  const missing = [...report.drifts, ...report.tolerated].filter(({ kind }) => kind === "missing");
  if (missing.length > 0)
    throw new QuatrainError(
      "BadOption",
      `${missing.map(({ where }) => where).join(", ")}: asked now, and never answered. Record the run anew with --record.`,
    );
  const { head } = cassette;
  const versions = versionsOf(setupOf(cassette, options));
  const today = { quatrain: ownVersion(), versions, input, policy: options.policy ?? head.policy, ownPrices: head.ownPrices };
  return cassetteOf(rows, { machine, head: today, clean: cleaner() });
}

interface Played {
  readonly report: CassetteReport;
  readonly rows: readonly Row[];
  readonly machine: OrchestratorMachine;
  readonly input: RunInput;
}

async function play(cassette: Cassette, options: ReplayOptions): Promise<Played> {
  checkReplay(options);
  const { effects, end: before } = cassette;
  const journal = memoryJournal();
  const tape = new Tape(cassette, repriced);
  const { choose, instead } = tape;
  const crash = before.outcome === null ? cutAfter(deliveriesIn(cassette)) : undefined;
  const host = simulatedHost({ journal, startAt: START, latency: () => 0, choose, instead, ...(crash && { crash }) });
  const machine = machineOf(cassette, options);
  const input = inputOf(cassette, options);
  const actor = createActor(machine, host.attach({ input }));
  // The end of the host tells what broke.
  actor.subscribe({ error: () => undefined });
  actor.start();
  sendArrivals(cassette, host);
  const end = await host.run();
  const { context, output } = actor.getSnapshot();
  await host.close();
  const now = endOf(context);
  const found = gathered([
    ...inputDrifts(tape.asked, START),
    ...orderDrift(effects, tape.asked),
    ...unusedDrift(tape.unused),
    ...endDrifts(before, now, before.outcome === null ? null : reasonOf(end)),
  ]);
  const { mode = "strict", ignore = [] } = options;
  const passes = ({ kind }: Drift): boolean => TOLERATED[mode].includes(kind) || ignore.includes(kind);
  const drifts = found.filter((one) => !passes(one));
  const report: CassetteReport = {
    ok: drifts.length === 0,
    drifts,
    tolerated: found.filter(passes),
    output: output ?? null,
    recorded: tallyOf(before),
    replayed: tallyOf(now),
  };
  return { report, rows: journal.read(), machine, input };
}

/** Ends a replay where a recording that was cut off ends: what closes after that was never seen. */
function cutAfter(deliveries: number): (point: CrashPoint) => boolean {
  let left = deliveries;
  return ({ when, rows }) => {
    const count = rows.filter(({ kind }) => DELIVERED.has(kind)).length;
    if (when === "before" && count > left) return true;
    if (when === "after") left -= count;
    return false;
  };
}

const deliveriesIn = ({ effects, arrivals }: Cassette): number =>
  effects.reduce((sum, { parts, ends }) => sum + parts.length + (ends ? 1 : 0), arrivals.length);

function loaded(source: string | Cassette): Cassette {
  if (typeof source === "string") return readCassette(source);
  checkGiven("replayCassette", PARSED, source);
  return source;
}

const PARSED = z.looseObject(
  { head: z.looseObject({}), effects: z.array(z.unknown()), arrivals: z.array(z.unknown()), end: z.looseObject({}) },
  "give the file of a cassette, or what parseCassette returns",
);

const OPTIONS = optionsOf({
  workers: z.unknown(),
  tools: listOf(z.looseObject({ name: z.string() }, "make tools with defineTool"), "tools"),
  policy: z.unknown(),
  models: z.unknown(),
  prices: listOf(z.looseObject({}, "give a price"), "prices"),
  machine: aFunction("a function that makes an orchestrator"),
  mode: oneOf("strict", "lenient"),
  ignore: listOf(oneOf(...DRIFT_KINDS), "kinds of drift"),
}).partial();

/** Checks what a replay is made with. Throws QuatrainError "BadOption". */
function checkReplay(options: ReplayOptions): void {
  checkGiven("replayCassette", OPTIONS, options);
  checkShared({ ...(options.policy && { policy: options.policy }) });
}

/** What today's machines are made of. */
function setupOf({ head }: Cassette, { workers, tools = [], policy = head.policy ?? undefined }: ReplayOptions) {
  const { maxTasks } = head.input.options;
  const checked = checkWorkers(workers ?? workersNamed(head.input.world.workers), tools);
  return { workers: checked, maxTasks, ...(policy ? { policy } : {}) };
}

function machineOf(cassette: Cassette, options: ReplayOptions): OrchestratorMachine {
  const { tools: extra = [], machine = createOrchestrator } = options;
  const { permissions } = cassette.head.input.options;
  const tools = declarationsOf(createToolbox({ extra, permissions }));
  return orchestratorFrom(() => machine({ ...setupOf(cassette, options), ports: { actors: inertActors(), tools } }));
}

function inputOf({ head }: Cassette, { models, prices = [] }: ReplayOptions): RunInput {
  const at = systemClock().now();
  const { input } = head;
  if (models === undefined) return { ...input, models: pricedModels(head, { prices, at }), at: START + input.at };
  const { endpoints: _endpoints, ...chosen } = resolveModels({ ...models, ...(prices.length > 0 ? { prices } : {}) }, at);
  return { ...input, models: chosen, at: START + input.at };
}

function sendArrivals({ arrivals }: Cassette, host: SimulatedHost): void {
  for (const one of arrivals) {
    if ("command" in one) host.send(one.command, { id: one.key, at: START + one.at });
    else host.clock.setTimeout(() => host.sleep(one.gapMs), one.at - one.gapMs);
  }
}

/** Why a replay did not come to its end. */
function reasonOf(end: SimulatedEnd): string | null {
  if (end.kind === "stalled") return "The replayed run can't go on: what it waits for has no recorded answer.";
  return end.kind === "error" ? `The replayed run broke: ${messageOf(end.error)}` : null;
}

const tallyOf = ({ outcome, usd, turns }: CassetteEnd): CassetteTally => ({ outcome, usd, turns });

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new QuatrainError("BadOption", `${file} can't be read: ${fileTrouble(error)}. Name the file of a cassette.`, {
      cause: error,
    });
  }
}
