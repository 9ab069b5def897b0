// The effects of a run without a world: a model that answers at once and a workspace that only exists as references.
// Everything settles synchronously, so the simulated host runs hundreds of whole runs a second.
import { digestOf, stableStringify } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import { failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import { effect, sleepUntil } from "../host/effect.ts";
import type { EffectInput } from "../host/port.ts";
import type { ModelPort } from "../model/port.ts";
import type { ToolDeclaration, TurnOutcome, TurnRequest } from "../protocol/turn.ts";
import type { ChangedFile, Conflict, Evidence } from "../protocol/work.ts";
import type {
  Attempted,
  CommitInput,
  Committed,
  IntegrateInput,
  Integrated,
  ModelTurnInput,
  PerformInput,
  PrepareInput,
  RunActors,
  ToolCallInput,
  VerifyInput,
} from "../actors/contract.ts";
import { lostTurn } from "../actors/lost-turn.ts";

/** What stands in for the world. Every function is asked for its answer at once; none may return a promise. */
export interface SimulatedWorld {
  readonly model: ModelPort;
  /** Result of a tool call. @default "done" */
  readonly tool?: (input: ToolCallInput) => { readonly content: string; readonly isError: boolean };
  /** Files that an attempt changed. @default none */
  readonly changes?: (attempt: string) => readonly ChangedFile[];
  /** Whether the checks of an attempt hold. @default always */
  readonly verify?: (input: VerifyInput) => boolean;
  /** Output of a function worker. @default null */
  readonly perform?: (input: PerformInput) => Json;
  /** What lets a step down; `key` is the effect's own, such as `t1#1/commit`. @default nothing */
  readonly fault?: (step: SimulatedStep, key: string) => Failure | undefined;
  /** Conflicts that the integration finds. @default none */
  readonly conflicts?: (input: IntegrateInput) => readonly Conflict[];
  /** @default read, write, edit, glob, grep, bash with empty schemas */
  readonly tools?: readonly ToolDeclaration[];
}

/** The steps that can fail as expected. */
export type SimulatedStep = "prepareWorkspace" | "verifyWork" | "commitWork" | "performWork" | "integrate";

const TOOLS: readonly ToolDeclaration[] = ["read", "write", "edit", "glob", "grep", "bash"].map((name) => ({
  name,
  description: name,
  inputSchema: { type: "object" },
}));

/** Ports for `createOrchestrator` that need no model, disk or network. */
export function simulatedPorts(world: SimulatedWorld): {
  readonly actors: RunActors;
  readonly tools: readonly ToolDeclaration[];
} {
  const changesOf = (attempt: string) => {
    const files = world.changes?.(attempt) ?? [];
    return { ref: digestOf(stableStringify([attempt, files])), files };
  };
  /** A step of the world: it gives its value unless a fault is planned for its key. */
  const stepOf = <I extends EffectInput, T extends object>(name: SimulatedStep, gated: boolean, value: (input: I) => T) =>
    effect<I, Attempted<T>>(name, { class: "idempotent", gated }, (input) => {
      const why = world.fault?.(name, input.key);
      return why ? { ok: false, failure: why } : { ok: true, ...value(input) };
    });
  return {
    tools: world.tools ?? TOOLS,
    actors: {
      sleepUntil,
      modelTurn: effect("modelTurn", { class: "idempotent", gated: true }, ({ request }: ModelTurnInput, { lost }) =>
        lost > 0 ? lostTurn(lost) : { outcome: answerAtOnce(world.model, request), lost },
      ),
      toolCall: effect(
        "toolCall",
        { class: "idempotent" },
        (input: ToolCallInput) => world.tool?.(input) ?? { content: "done", isError: false },
      ),
      prepareWorkspace: stepOf(
        "prepareWorkspace",
        false,
        (_input: PrepareInput): { readonly conflicts: readonly Conflict[] } => ({ conflicts: [] }),
      ),
      verifyWork: stepOf("verifyWork", false, (input: VerifyInput): { readonly evidence: readonly Evidence[] } => {
        const ok = world.verify?.(input) ?? true;
        return { evidence: [{ kind: "commands", what: "checks", ok, detail: ok ? "held" : "did not hold" }] };
      }),
      commitWork: stepOf("commitWork", false, ({ workspace, output }: CommitInput): Committed => {
        const text = stableStringify(output);
        return { changes: changesOf(workspace), ref: digestOf(text), bytes: text.length };
      }),
      performWork: stepOf("performWork", true, (input: PerformInput): { readonly output: Json } => ({
        output: world.perform?.(input) ?? null,
      })),
      integrate: stepOf("integrate", false, (input: IntegrateInput): Integrated => ({
        files: input.changes.map(({ task }) => ({ path: `${task}.txt`, kind: "added" })),
        conflicts: world.conflicts?.(input) ?? [],
      })),
    },
  };
}

function answerAtOnce(model: ModelPort, request: TurnRequest): TurnOutcome {
  let outcome: TurnOutcome = {
    kind: "failed",
    failure: failure("Internal", "A simulated model must answer at once."),
    usage: null,
    usd: null,
    requestId: null,
  };
  model.turn(request, { lost: 0 }).subscribe((event) => {
    if (event.kind === "outcome") ({ outcome } = event);
  });
  return outcome;
}
