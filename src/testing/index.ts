// The door `quatrain/testing`: doubles, simulations and explorations for your own tests, the same that Quatrain's tests use.
export { scriptedModel } from "./scripted-model.ts";
export type { ExpectedTurn, Script, ScriptedAnswer, ScriptedCall, ScriptedModel, ScriptedTurn } from "./scripted-model.ts";
export type { Expectation } from "./script-mismatch.ts";
export { simulatedPorts } from "./simulated-ports.ts";
export type { Performed, SimulatedStep, SimulatedWorld } from "./simulated-ports.ts";
export { simulatedHost } from "../host/simulated.ts";
export type { SimulatedHost, SimulatedHostOptions } from "../host/simulated.ts";

// Simulated runs: the real machines in a random world, and what every run must hold
export { simulateRuns } from "./simulate/simulate-runs.ts";
export type { RandomRunOptions, SimulateRunsOptions, SimulationReport, Violation } from "./simulate/simulate-runs.ts";
export { crashSweep } from "./simulate/crash-sweep.ts";
export type { CrashReport, CrashSweepOptions, CrashViolation } from "./simulate/crash-sweep.ts";
export { playCase } from "./simulate/play-case.ts";
export { runFileOf } from "./simulate/run-file.ts";
export { invariants } from "./simulate/invariants.ts";
export { always, atEnd, throughout } from "./simulate/invariant.ts";
export type { Breach, Broken, Invariant, RunWatch, StepCheck } from "./simulate/invariant.ts";
export type { Latency, RunSnapshot, SimulatedRun, StageOptions } from "./simulate/stage.ts";
export type { PromptCommand, SimulatedCase, TimedCommand, TimedSleep } from "./simulate/case.ts";
export type { Badness } from "./simulate/random-world.ts";
export type { World, WorldAct, WorldQuestion, WorldScript } from "./simulate/world.ts";

// Coverage: what was visited of machines and of the policy table
export { CoverageCounter, mergeCoverage } from "./coverage/coverage.ts";
export type { Counts, Coverage, MachineCoverage } from "./coverage/coverage.ts";
export type { ChartTransition } from "./coverage/chart.ts";
export { coverageOf } from "./coverage/coverage-of.ts";
export type { CoverageOptions, CoverageReport, MachineShare, Share } from "./coverage/coverage-of.ts";
export { coverageChart, drawCoverage } from "./coverage/coverage-chart.ts";
export type { CoveredChart, CoveredEdge, CoveredNode } from "./coverage/coverage-chart.ts";
export { coverageTable } from "./coverage/coverage-table.ts";
export { policyRowsOf } from "./coverage/policy-rows.ts";
export type { PolicyRows } from "./coverage/policy-rows.ts";

// Cassettes: recorded runs that are played again as regression tests
export { recordCassette } from "../run/cassette-record.ts";
export type { RecordOptions } from "../run/cassette-record.ts";
export { cassetteText, parseCassette } from "../run/cassette-text.ts";
export type {
  Cassette,
  CassetteEnd,
  CassetteHead,
  Ending,
  RecordedArrival,
  RecordedEffect,
  RecordedEnd,
  RecordedError,
  RecordedTask,
  Stopped,
} from "../run/cassette.ts";
export { readCassette, replayCassette, updateCassette } from "./cassette/replay-cassette.ts";
export type { ReplayOptions } from "./cassette/replay-cassette.ts";
export { driftText } from "./cassette/drift.ts";
export type { CassetteReport, CassetteTally, Drift, DriftKind } from "./cassette/drift.ts";

// Static checks of state machines
export { LINT_RULES, lintMachine, lintText } from "./lint/lint-machine.ts";
export type { LintIssue, LintOptions, LintRule } from "./lint/lint-machine.ts";
export type { LintFacts } from "./lint/issue.ts";

// Explorations: every state of the orchestrator's chart, and what must hold in each
export { exploreRun } from "./explore/chart/explore-run.ts";
export type { ExploreRunOptions } from "./explore/chart/explore-run.ts";
export { attemptsHold, chartInvariants } from "./explore/chart/chart-invariants.ts";
export { planShapes } from "./explore/chart/plan-shapes.ts";
export type { PlanShapesOptions } from "./explore/chart/plan-shapes.ts";
export { pathsOf } from "./explore/chart/paths.ts";
export type { ChartPath, PathsOptions } from "./explore/chart/paths.ts";
export { replayPath, replayPaths } from "./explore/chart/replay.ts";
export type { Replay } from "./explore/chart/replay.ts";
export type { ChartStep } from "./explore/chart/chart-step.ts";
export type { Exploration, Witness } from "./explore/report.ts";

// Every path of the tree
export { exploreHost } from "./explore/tree/explore-host.ts";
export { replayTree } from "./explore/tree/replay-tree.ts";
export type { ReplayedTree } from "./explore/tree/replay-tree.ts";
export { workMayFail } from "./explore/tree/options.ts";
export type { ExploreHostOptions, Outcomes } from "./explore/tree/options.ts";
export type { TreeStep } from "./explore/tree/steps.ts";

// The stand-in server: speaks the Messages API on loopback
export { standIn } from "./stand-in/stand-in.ts";
export type { StandIn, StandInOptions } from "./stand-in/stand-in.ts";
export { lastText, scriptedBrain, systemText, UnexpectedRequest } from "./stand-in/brain.ts";
export type { Brain, BrainAnswer, BrainContext, BrainPart, ScriptRule } from "./stand-in/brain.ts";
export { echoBrain } from "./stand-in/echo-brain.ts";
export { scriptFromJson } from "./stand-in/script-file.ts";
export { badBrain } from "./stand-in/bad-brain/bad-brain.ts";
export type { BadBrainOptions } from "./stand-in/bad-brain/bad-brain.ts";
export { everyFault } from "./stand-in/faults.ts";
export type { At, Fault, NamedFault, RetryAfter } from "./stand-in/faults.ts";
export { randomFaults } from "./stand-in/random-faults.ts";
export type { RandomFaultsOptions } from "./stand-in/random-faults.ts";
export type { Answered, Complaint, RecordedRequest, StandInMoment } from "./stand-in/log.ts";
export type { FaultScript, StandInRules } from "./stand-in/service.ts";
export type { RateLimits } from "./stand-in/limits.ts";
export type { StandInClock } from "./stand-in/clock.ts";
export type { MessagesRequest, StopReason, Usage } from "./stand-in/wire.ts";
