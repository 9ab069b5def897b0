// The door `quatrain`: start runs, take them up again, define workers and plans. Everything heavy is loaded on first use.

// Runs
export { orchestrate } from "./run/orchestrate.ts";
export { commandRun, openRun } from "./run/open-run.ts";
export type { CommandOptions, OpenOptions } from "./run/open-run.ts";
export { listRuns } from "./run/records.ts";
export { forkRun } from "./run/fork.ts";
export type { ForkOptions } from "./run/fork.ts";
export { continueRun } from "./run/follow-up.ts";
export type { ContinueOptions } from "./run/follow-up.ts";
export { peekRun } from "./run/peek.ts";
export type { Peeked, PeekOptions } from "./run/peek.ts";
export type { RunSummary, StoreOptions } from "./run/records.ts";
export type { Run, RunResult, TaskResultOf } from "./run/run.ts";
export type { EventStream } from "./run/event-log.ts";
export type { Answer, OrchestrateOptions, SharedOptions } from "./run/options.ts";
export { prepareRun } from "./run/prepare.ts";
export type { PreparedRun } from "./run/prepare.ts";
export type { World } from "./run/world.ts";

// Workers and plans
export { defineWorker } from "./workers/define-worker.ts";
export { definePlan } from "./workers/define-plan.ts";
export { BUILT_IN } from "./workers/built-in.ts";
export type { BriefFor, Worker, WorkerTools } from "./workers/define-worker.ts";
export type { DefinedPlan, OutputOf, PlannedTask } from "./workers/define-plan.ts";

// Events, commands, results
export { Command } from "./protocol/command.ts";
export type { Ask, PermissionRules } from "./protocol/command.ts";
export { EVENT_SCHEMA, RunEvent } from "./protocol/run-event.ts";
export type { NumberedEvent, Outcome } from "./protocol/run-event.ts";
export type { TaskResult } from "./machines/run-events.ts";
export type { Ledger, LedgerLine } from "./model/ledger.ts";
export type { Budget, Limits } from "./protocol/budget.ts";
export type { SpendTotals } from "./protocol/spend.ts";
export type { TurnDelta } from "./protocol/turn.ts";

// Supervision
export { DEFAULT_POLICY, DEFAULT_TABLE } from "./core/policy.ts";
export type { Policy, PolicyRow, PolicyTable } from "./core/policy.ts";

// Errors and failures
export { QuatrainError } from "./core/errors.ts";
export type { QuatrainErrorCode } from "./core/errors.ts";
export { FAILURE_CODES } from "./core/failure.ts";
export type { Failure, FailureCode } from "./core/failure.ts";
