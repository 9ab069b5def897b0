// The effects of a run without a world: a model that answers at once and a workspace that only exists as references.
// Everything settles synchronously, so the simulated host runs hundreds of whole runs a second.
import { digestOf, stableStringify } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import { failure } from "../core/failure.ts";
import { effect, sleepUntil } from "../host/effect.ts";
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
  /** @default read, write, edit, glob, grep, bash with empty schemas */
  readonly tools?: readonly ToolDeclaration[];
}

const TOOLS: readonly ToolDeclaration[] = ["read", "write", "edit", "glob", "grep", "bash"].map((name) => ({
  name,
  description: name,
  inputSchema: { type: "object" },
}));

/** Ports for `createOrchestrator` that need no model, disk or network. */
export function simulatedPorts(world: SimulatedWorld): { readonly actors: RunActors; readonly tools: readonly ToolDeclaration[] } {
  const changesOf = (attempt: string) => {
    const files = world.changes?.(attempt) ?? [];
    return { ref: digestOf(stableStringify([attempt, files])), files };
  };
  return {
    tools: world.tools ?? TOOLS,
    actors: {
      sleepUntil,
      modelTurn: effect("modelTurn", { class: "idempotent", gated: true }, ({ request }: ModelTurnInput, { lost }) => ({ outcome: answerAtOnce(world.model, request, lost), lost })),
      toolCall: effect("toolCall", { class: "idempotent" }, (input: ToolCallInput) => world.tool?.(input) ?? { content: "done", isError: false }),
      prepareWorkspace: effect<PrepareInput, Attempted<{ readonly conflicts: readonly Conflict[] }>>("prepareWorkspace", { class: "idempotent" }, () => ({
        ok: true,
        conflicts: [],
      })),
      verifyWork: effect<VerifyInput, Attempted<{ readonly evidence: readonly Evidence[] }>>("verifyWork", { class: "idempotent" }, (input) => {
        const ok = world.verify?.(input) ?? true;
        return { ok: true, evidence: [{ kind: "commands", what: "checks", ok, detail: ok ? "held" : "did not hold" }] };
      }),
      commitWork: effect<CommitInput, Attempted<Committed>>("commitWork", { class: "idempotent" }, ({ workspace, output }) => {
        const text = stableStringify(output);
        return { ok: true, changes: changesOf(workspace), ref: digestOf(text), bytes: text.length };
      }),
      performWork: effect<PerformInput, Attempted<{ readonly output: Json }>>("performWork", { class: "idempotent", gated: true }, (input) => ({
        ok: true,
        output: world.perform?.(input) ?? null,
      })),
      integrate: effect<IntegrateInput, Attempted<Integrated>>("integrate", { class: "idempotent" }, ({ changes }) => ({
        ok: true,
        files: changes.map(({ task }) => ({ path: `${task}.txt`, kind: "added" })),
        conflicts: [],
      })),
    },
  };
}

function answerAtOnce(model: ModelPort, request: TurnRequest, lost: number): TurnOutcome {
  let outcome: TurnOutcome = {
    kind: "failed",
    failure: failure("Internal", "A simulated model must answer at once."),
    usage: null,
    usd: null,
    requestId: null,
  };
  model.turn(request, { lost }).subscribe((event) => {
    if (event.kind === "outcome") ({ outcome } = event);
  });
  return outcome;
}
