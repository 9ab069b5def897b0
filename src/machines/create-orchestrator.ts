// The door to the orchestrator for XState users: workers and ports in, one machine out.
import type { RunActors } from "../actors/contract.ts";
import { QuatrainError } from "../core/errors.ts";
import { DEFAULT_POLICY } from "../core/policy.ts";
import type { Policy } from "../core/policy.ts";
import type { ToolDeclaration } from "../protocol/turn.ts";
import { checkPlan } from "../queue/check-plan.ts";
import { checkSplit } from "../queue/check-split.ts";
import type { Worker } from "../workers/define-worker.ts";
import { bounded } from "./bounded.ts";
import { createConversation } from "./conversation.ts";
import type { ConversationMachine } from "./conversation.ts";
import { decoderFor } from "./decode.ts";
import { inertActors } from "./inert.ts";
import { orchestratorMachine } from "./orchestrator.ts";
import type { OrchestratorMachine } from "./orchestrator.ts";
import type { RunRules } from "./run-state.ts";
import { createWorker } from "./worker.ts";
import type { WorkerMachine } from "./worker.ts";

/** What machines need of the world: their effects, and the tools that models may be offered. */
export interface Ports {
  readonly actors: RunActors;
  readonly tools: readonly ToolDeclaration[];
}

/** What machines are made from. */
export interface MachineOptions {
  /** Who can do tasks; at least one, names unique. */
  readonly workers: readonly Worker[];
  /** @default effects that never end: for exploring the chart, where children are not started */
  readonly ports?: Ports;
  /** Parts of the policy that differ from `DEFAULT_POLICY`. */
  readonly policy?: Partial<Policy>;
  /** Most tasks of a plan. @default 40 */
  readonly maxTasks?: number;
}

/** The machines of one configuration. */
export interface Machines {
  readonly orchestrator: OrchestratorMachine;
  readonly worker: WorkerMachine;
  readonly conversation: ConversationMachine;
}

/** Makes all three machines. Throws QuatrainError "BadWorker" without workers or with two of one name. */
export function createMachines({ workers, ports = INERT, policy, maxTasks = 40 }: MachineOptions): Machines {
  checkNames(workers);
  const whole: Policy = { ...DEFAULT_POLICY, ...policy };
  const check = (draft: unknown) => checkPlan(draft, { workers, limits: { tasks: maxTasks } });
  const tools = Object.fromEntries(ports.tools.map((tool) => [tool.name, tool]));
  const conversation = createConversation(ports.actors, { policy: whole, decode: decoderFor(workers, check) });
  const machines = Object.fromEntries(workers.flatMap(({ name, machine }) => (machine ? [[name, bounded(machine)]] : [])));
  const worker = createWorker({ actors: { ...ports.actors, conversation }, machines }, { policy: whole, tools });
  const rules: RunRules = {
    policy: whole,
    cards: workers.map(({ card }) => card),
    tools,
    checkPlan: check,
    checkSplit: (draft, bounds) => checkSplit(draft, bounds, workers),
  };
  return { orchestrator: orchestratorMachine({ ...ports.actors, conversation, worker }, rules), worker, conversation };
}

/** Makes the orchestrator machine: give it to `createActor`, with or without a host. */
export function createOrchestrator(options: MachineOptions): OrchestratorMachine {
  return createMachines(options).orchestrator;
}

const INERT: Ports = { actors: inertActors(), tools: [] };

function checkNames(workers: readonly Worker[]): void {
  if (workers.length === 0) throw new QuatrainError("BadWorker", "There are no workers; give at least one.");
  const names = workers.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new QuatrainError("BadWorker", `Two workers are named "${twice}"; names must be unique.`);
}
