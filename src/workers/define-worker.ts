// Workers as their authors write them: a name, what they are good at, and one of three ways to do the work.
// The card (plain JSON) is what crosses into machines, prompts and events; schemas and functions stay here.
import type { ActorLogic, AnyEventObject, AnyStateMachine, Snapshot } from "xstate";
import { z } from "zod";
import { QuatrainError, messageOf } from "../core/errors.ts";
import { apiSchema } from "../prompts/schema.ts";
import { stableStringify } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import type { DelegateInput, DelegateOutput } from "../protocol/delegate.ts";
import { Tier } from "../protocol/plan.ts";
import { EvidenceKind } from "../protocol/work.ts";
import type { Brief, WorkerCard } from "../protocol/work.ts";

/** What a `perform` function may use. */
export interface WorkerTools {
  /** Aborted when the attempt is stopped. */
  readonly signal: AbortSignal;
  /** Absolute path of the attempt's own copy of the workspace; "" when the run has none. */
  readonly workspace: string;
  /** Tells watchers how it goes. */
  readonly log: (text: string) => void;
}

/** A brief with its input typed by the worker's schema. */
export type BriefFor<In> = Omit<Brief, "input"> & { readonly input: In };

/** Fields that every worker has. */
interface Common<Name extends string, I extends z.ZodType, O extends z.ZodType> {
  /** Lower-case letters, digits and dashes; unique in a run. */
  readonly name: Name;
  /** What it is good at, in one or two sentences; the planner chooses by it. */
  readonly description: string;
  /** What a task must hand it. @default nothing */
  readonly input?: I;
  /** What it returns. @default free text */
  readonly output?: O;
  /** Commands that must exit 0 after each of its tasks. @default [] */
  readonly acceptance?: readonly string[];
  /** What must be shown before its success is believed. @default "files" for workers that may write, else "schema" */
  readonly evidence?: EvidenceKind;
  /** Most of its tasks at once. @default no cap of its own */
  readonly cap?: number;
  /** Longest time of one attempt in ms, all in all; then it is stopped and ends as WorkerTimeout. @default 3_600_000 */
  readonly maxMs?: number;
}

/** A worker whose work is done by a model. */
interface ByModel {
  /** What its model is told about the specialty. */
  readonly instructions: string;
  /** Tools it may use. @default read, write, edit, glob, grep, bash */
  readonly tools?: readonly string[];
  /** Class of its model. @default "sonnet" */
  readonly tier?: Tier;
  /** Most turns of one attempt. @default 40 */
  readonly maxTurns?: number;
  readonly perform?: never;
  readonly machine?: never;
}

/** What only models have. */
interface NotByModel {
  readonly instructions?: never;
  readonly tools?: never;
  readonly tier?: never;
  readonly maxTurns?: never;
}

/** A worker whose work is done by a function: no model, no cost. */
interface ByFunction<I extends z.ZodType, O extends z.ZodType> extends NotByModel {
  readonly perform: (brief: BriefFor<z.output<I>>, use: WorkerTools) => Promise<z.input<O>> | z.input<O>;
  readonly machine?: never;
}

/** A state machine (or other actor logic) that does a worker's tasks; what it outputs is what came of it. */
export type DelegateLogic = ActorLogic<Snapshot<DelegateOutput>, AnyEventObject, DelegateInput>;

/** A worker whose work is done by a state machine of the user's. Of a machine the types can't tell what it outputs. */
interface ByMachine extends NotByModel {
  readonly machine: DelegateLogic | AnyStateMachine;
  readonly perform?: never;
}

/** A worker definition. `In` is what plans hand it, `Out` what its reports hold: both as JSON, before a schema's defaults and transforms. */
export interface Worker<Name extends string = string, In = unknown, Out = unknown> {
  readonly name: Name;
  readonly card: WorkerCard;
  /** Checks an input; issues are worded for a model. Pure and total. */
  readonly checkInput: (input: Json) => readonly string[];
  /** Checks an output; issues are worded for a model. Pure and total. */
  readonly checkOutput: (output: Json) => readonly string[];
  readonly perform?: (brief: Brief, use: WorkerTools) => Promise<unknown>;
  readonly machine?: DelegateLogic;
  /** Only for types: never set. */
  readonly types?: { readonly input: In; readonly output: Out };
}

const ALL_TOOLS = ["read", "write", "edit", "glob", "grep", "bash"];
/** Longest time of one attempt by default: one hour. */
const LONGEST_ATTEMPT_MS = 3_600_000;
const WRITING_TOOLS = new Set(["write", "edit", "bash"]);

/**
 * Defines a worker. Throws QuatrainError "BadWorker" for a bad name, an empty description, a schema that JSON schema
 * can't express, numbers out of range, or not exactly one of `instructions`, `perform`, `machine`.
 */
export function defineWorker<const Name extends string, I extends z.ZodType = z.ZodNull, O extends z.ZodType = z.ZodString>(
  definition: Common<Name, I, O> & (ByModel | ByFunction<I, O> | ByMachine),
): Worker<Name, z.input<I>, z.input<O>> {
  const { name, input, output } = definition;
  checkDefinition(definition);
  checkOutputSchema(name, output);
  return {
    name,
    card: cardOf(definition),
    checkInput: (value) => issuesOf(input ?? z.null(), value),
    checkOutput: (value) => issuesOf(output ?? z.string(), value),
    ...(isByFunction(definition) ? { perform: performOf(definition, input) } : {}),
    // To the types a machine takes its own snapshots only; XState never gives it others.
    ...("machine" in definition && definition.machine !== undefined
      ? { machine: definition.machine as unknown as DelegateLogic }
      : {}),
  };
}

const isByFunction = <I extends z.ZodType, O extends z.ZodType>(
  definition: ByModel | ByFunction<I, O> | ByMachine,
): definition is ByFunction<I, O> => "perform" in definition && definition.perform !== undefined;

const isByModel = (definition: object): definition is ByModel =>
  "instructions" in definition && definition.instructions !== undefined;

/** What the types say, for those who write JavaScript, and what types can't say. */
const Definition = z.looseObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,47}$/, "use lower-case letters, digits and dashes, beginning with a letter, 48 at most"),
  description: z.string().regex(/\S/, "say what it is good at, the planner chooses by it"),
  instructions: z.string().optional(),
  tools: z.array(z.string()).optional(),
  acceptance: z.array(z.string().min(1)).optional(),
  evidence: EvidenceKind.optional(),
  tier: Tier.optional(),
  cap: z.int().min(1).optional(),
  maxTurns: z.int().min(1).optional(),
  maxMs: z.number().positive().optional(),
});

function checkDefinition(definition: { readonly name: string }): void {
  const checked = Definition.safeParse(definition);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    const field = String(issue?.path[0] ?? "definition");
    const given = Object.entries(definition).find(([name]) => name === field)?.[1] as unknown;
    throw new QuatrainError(
      "BadWorker",
      `Worker "${definition.name}": ${field} is ${stableStringify(given)}: ${issue?.message ?? "not understood"}.`,
    );
  }
  const ways = Object.entries(definition).flatMap(([name, value]) =>
    ["instructions", "perform", "machine"].includes(name) && value !== undefined ? [name] : [],
  );
  if (ways.length === 1) return;
  throw new QuatrainError(
    "BadWorker",
    `Worker "${definition.name}" needs exactly one of instructions, perform and machine; it has ${ways.join(" and ") || "none"}.`,
  );
}

function cardOf<I extends z.ZodType, O extends z.ZodType>(
  definition: Common<string, I, O> & (ByModel | ByFunction<I, O> | ByMachine),
): WorkerCard {
  const { name, description, acceptance = [], cap = null, maxMs = LONGEST_ATTEMPT_MS } = definition;
  const byModel = isByModel(definition) ? definition : undefined;
  const tools = byModel ? (byModel.tools ?? ALL_TOOLS) : [];
  const writes = tools.some((tool) => WRITING_TOOLS.has(tool));
  return {
    name,
    description,
    kind: byModel ? "model" : isByFunction(definition) ? "perform" : "machine",
    instructions: byModel?.instructions ?? "",
    tools,
    evidence: definition.evidence ?? (writes ? "files" : "schema"),
    acceptance,
    tier: byModel?.tier ?? "sonnet",
    inputSchema: schemaOf(name, definition.input),
    outputSchema: schemaOf(name, definition.output),
    cap,
    maxTurns: byModel?.maxTurns ?? 40,
    maxMs,
  };
}

function schemaOf(name: string, schema: z.ZodType | undefined): Json {
  if (!schema) return null;
  try {
    return z.json().parse(JSON.parse(JSON.stringify(z.toJSONSchema(schema, { io: "input" }))));
  } catch (cause) {
    throw new QuatrainError(
      "BadWorker",
      `A schema of worker "${name}" can't be written as JSON schema; use plain objects, arrays, strings, numbers.`,
      { cause },
    );
  }
}

/** The model has to answer in this shape, so it must fit into what the API can decode by. */
function checkOutputSchema(name: string, output: z.ZodType | undefined): void {
  const { problems } = apiSchema(schemaOf(name, output));
  if (output && problems.length > 0) {
    throw new QuatrainError(
      "BadWorker",
      `The output schema of worker "${name}" can't be asked of a model: ${problems.join("; ")}.`,
    );
  }
}

function performOf<I extends z.ZodType, O extends z.ZodType>(definition: ByFunction<I, O>, input: I | undefined) {
  return async (brief: Brief, use: WorkerTools): Promise<unknown> => {
    // The plan was checked with this schema; parsing again gives defaults and transforms their effect.
    const parsed = (input ?? z.null()).parse(brief.input) as z.output<I>;
    return definition.perform({ ...brief, input: parsed }, use);
  };
}

function issuesOf(schema: z.ZodType, value: Json): readonly string[] {
  try {
    const checked = schema.safeParse(value);
    return checked.success
      ? []
      : checked.error.issues.map(({ path, message }) => (path.length > 0 ? `${path.join(".")}: ${message}` : message));
  } catch (error) {
    // A refinement or transform of the author's threw, or is asynchronous.
    return [`it could not be checked: ${messageOf(error)}`];
  }
}
