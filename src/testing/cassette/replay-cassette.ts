// Plays a cassette: a new run of today's machines, prompts and workers, every effect of which is answered as recorded. It
// tells what is otherwise now. No key, no network, no disk, no waiting.
import { readFileSync } from "node:fs";
import { createActor } from "xstate";
import { messageOf, QuatrainError } from "../../core/errors.ts";
import type { Policy } from "../../core/policy.ts";
import { systemClock } from "../../host/clocks.ts";
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
import type { ToolDeclaration } from "../../protocol/turn.ts";
import { endOf } from "../../run/cassette.ts";
import type { Cassette, CassetteEnd } from "../../run/cassette.ts";
import { parseCassette } from "../../run/cassette-text.ts";
import { checkWorkers, workersNamed } from "../../run/options.ts";
import { createToolbox } from "../../tools/toolbox.ts";
import type { Tool } from "../../tools/port.ts";
import type { Worker } from "../../workers/define-worker.ts";
import { endDrifts, inputDrifts, orderDrift, unusedDrift } from "./compare.ts";
import { gathered } from "./drift.ts";
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
  return parseCassette(readText(file));
}

/**
 * Plays a cassette (or the file of one) and compares. What drifted is data: an unchanged run has no drift. Rejects with
 * QuatrainError "BadOption", "StoreCorrupt", "StoreTooNew", or "UnknownWorker" where a recorded worker is neither built in nor given.
 */
export async function replayCassette(source: string | Cassette, options: ReplayOptions = {}): Promise<CassetteReport> {
  const cassette = typeof source === "string" ? readCassette(source) : source;
  const { effects, end: before } = cassette;
  const tape = new Tape(cassette, repriced);
  const host = simulatedHost({ startAt: START, latency: () => 0, choose: tape.choose, instead: tape.instead });
  const actor = createActor(machineOf(cassette, options), host.attach({ input: inputOf(cassette, options) }));
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
  return {
    ok: drifts.length === 0,
    drifts,
    tolerated: found.filter(passes),
    output: output ?? null,
    recorded: tallyOf(before),
    replayed: tallyOf(now),
  };
}

function machineOf({ head }: Cassette, options: ReplayOptions): OrchestratorMachine {
  const { tools: extra = [], machine = createOrchestrator } = options;
  const { maxTasks, permissions } = head.input.options;
  const workers = checkWorkers(options.workers ?? workersNamed(head.input.world.workers), extra);
  const toolbox = createToolbox({ extra, permissions });
  const tools = toolbox
    .specs(toolbox.names)
    .map(({ name, description, inputSchema }): ToolDeclaration => ({ name, description, inputSchema }));
  const policy = options.policy ?? head.policy;
  return machine({ workers, ports: { actors: inertActors(), tools }, maxTasks, ...(policy ? { policy } : {}) });
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
    throw new QuatrainError("BadOption", `${messageOf(error)}. Name the file of a cassette.`, { cause: error });
  }
}
