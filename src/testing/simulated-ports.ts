// The effects of a run without a world: a model that answers at once and a workspace that only exists as references.
// Everything settles synchronously, so the simulated host runs hundreds of whole runs a second.
import { digestOf, stableStringify } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import { failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import { effect, sleepUntil } from "../host/effect.ts";
import type { EffectContext, EffectInput } from "../host/port.ts";
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
  /** The model, or a function that answers each turn by its key; `lost` tells how often it was sent before a crash. */
  readonly model: ModelPort | ((input: ModelTurnInput) => TurnOutcome);
  /** Told of every effect that is performed, by name and key, before it gives its result. @default nobody */
  readonly performing?: (performed: Performed) => void;
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

/** One perform of an effect. `lost`: how often it was in flight at a crash before, as the host told it. */
export interface Performed {
  readonly effect: keyof RunActors;
  /** The effect's own, such as `t1#1/turn/2.0`. */
  readonly key: string;
  readonly class: "idempotent" | "once";
  readonly lost: number;
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
  const begin = (name: keyof RunActors, { key, lost }: EffectContext, kind: Performed["class"] = "idempotent") =>
    world.performing?.({ effect: name, key, class: kind, lost });
  /** A step of the world: it gives its value unless a fault is planned for its key. */
  const stepOf = <I extends EffectInput, T extends object>(name: SimulatedStep, gated: boolean, value: (input: I) => T) =>
    effect<I, Attempted<T>>(name, { class: "idempotent", gated }, (input, context) => {
      begin(name, context);
      const why = world.fault?.(name, input.key);
      return why ? { ok: false, failure: why } : { ok: true, ...value(input) };
    });
  return {
    tools: world.tools ?? TOOLS,
    actors: {
      sleepUntil,
      modelTurn: effect("modelTurn", { class: "idempotent", gated: true }, (input: ModelTurnInput, context) => {
        begin("modelTurn", context);
        const { lost } = context;
        if (lost > 0) return lostTurn(lost);
        const { model } = world;
        return { outcome: typeof model === "function" ? model(input) : answerAtOnce(model, input.request), lost };
      }),
      toolCall: effect(
        "toolCall",
        { class: classOf, inDoubt: () => ({ content: "It is unknown whether it ran.", isError: true }) },
        (input: ToolCallInput, context) => {
          begin("toolCall", context, classOf(input));
          return world.tool?.(input) ?? { content: "done", isError: false };
        },
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

/** As the real tools are: a command can't be repeated silently. */
const classOf = ({ call }: ToolCallInput): Performed["class"] => (call.name === "bash" ? "once" : "idempotent");

function answerAtOnce(model: ModelPort, request: TurnRequest): TurnOutcome {
  let outcome: TurnOutcome = {
    kind: "failed",
    failure: failure("Internal", "A simulated model must answer at once."),
    usage: null,
    usd: null,
    requestId: null,
  };
  model.turn(request, {}).subscribe((event) => {
    if (event.kind === "outcome") ({ outcome } = event);
  });
  return outcome;
}
