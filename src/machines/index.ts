// The door `quatrain/machines`: the three machines, what they take, say and give. Loads no SDK and no node: module.
export { createMachines, createOrchestrator } from "./create-orchestrator.ts";
export type { MachineOptions, Machines, Ports } from "./create-orchestrator.ts";
export { createConversation } from "./conversation.ts";
export type { ConversationMachine } from "./conversation.ts";
export type { ConversationContext, ConversationInput, ConversationRules, Decode, Verdict } from "./conversation-state.ts";
export { createWorker } from "./worker.ts";
export type { WorkerMachine, WorkerParts } from "./worker.ts";
export type { WorkerContext, WorkerInput, WorkerRules } from "./worker-state.ts";
export type { OrchestratorMachine } from "./orchestrator.ts";
export type {
  Account,
  Adjustment,
  Alarm,
  CallName,
  CallState,
  FailedAttempt,
  Integration,
  Mend,
  Mended,
  OwnUse,
  RunContext,
  RunInput,
  RunModels,
  RunOptions,
  RunRules,
  RunWorld,
  Standstill,
  Use,
} from "./run-state.ts";
export type { LimitName, RunBudget, RunLimits } from "../protocol/budget.ts";
export type { RunOutput, TaskResult } from "./run-events.ts";
export { DEFAULT_POLICY, DEFAULT_TABLE } from "../core/policy.ts";
export type { AttemptStep, Change, LastStep, Policy, PolicyRow, PolicyTable, RenewStep, TurnStep } from "../core/policy.ts";
export type { ConversationActors, RunActors, WorkActors } from "../actors/contract.ts";
