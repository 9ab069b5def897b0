// The door `quatrain/workers`: defining workers and plans, and the specialists that come with the package.
export { defineWorker } from "./define-worker.ts";
export type { BriefFor, DelegateLogic, Worker, WorkerTools } from "./define-worker.ts";
export { definePlan } from "./define-plan.ts";
export type { DefinedPlan, OutputOf, PlannedTask } from "./define-plan.ts";
export { BUILT_IN } from "./built-in.ts";
export type { BuiltIn } from "./built-in.ts";
export type {
  Brief,
  ChangedFile,
  ChangeSet,
  DependencyOutput,
  Evidence,
  EvidenceKind,
  Report,
  WorkerCard,
} from "../protocol/work.ts";
export type { DelegateInput, DelegateOutput } from "../protocol/delegate.ts";
