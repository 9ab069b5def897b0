// Plans as a model writes them: mostly sound, sometimes wrong in one of the ways that plans go wrong.
import { isPlainObject, type Json } from "../../../core/json.ts";
import { unreachable } from "../../../core/unreachable.ts";
import { orElse, type Dice } from "./dice.ts";
import { instanceOf, resolved, type Schema } from "./instance.ts";

/** What is wrong with a plan. */
export type PlanFlaw =
  | "cycle"
  | "self"
  | "unknownWorker"
  | "dangling"
  | "duplicate"
  | "empty"
  | "huge"
  | "sameFile"
  | "outside"
  | "badInput";

/** Every flaw. */
export const planFlaws: readonly [PlanFlaw, ...PlanFlaw[]] = [
  "cycle",
  "self",
  "unknownWorker",
  "dangling",
  "duplicate",
  "empty",
  "huge",
  "sameFile",
  "outside",
  "badInput",
];

/** What a plan is made from. */
export interface PlanSources {
  readonly schema: Schema;
  readonly workers: readonly string[];
  readonly flaw: PlanFlaw | null;
}

/** True for the schema of an object with a list of tasks. */
export function isPlanSchema(schema: Schema): boolean {
  return taskSchema(schema) !== undefined;
}

/** A plan for a schema, sound unless a flaw is asked for. */
export function planOf({ schema, workers, flaw }: PlanSources, dice: Dice): Json {
  const task = taskSchema(schema) ?? {};
  const names = orElse(workers.length > 0 ? workers : enumOf(task, "worker"), "worker");
  const count = flaw === "empty" ? 0 : flaw === "huge" ? 300 : 1 + dice.below(6) + (flaw === null ? 0 : 1);
  const drafts = Array.from({ length: count }, (_, index) => draft(index, { worker: dice.pick(names), dice }));
  const spoilt = flaw === null ? drafts : spoil(drafts, flaw);
  const tasks = spoilt.map((fields) => fitted(task, fields, dice));
  const outer = instanceOf(schema, dice);
  return { ...(isPlainObject(outer) ? outer : {}), tasks };
}

interface Draft {
  readonly label: string;
  readonly worker: string;
  readonly depends_on: readonly string[];
  readonly writes: readonly string[];
  readonly input: Json;
}

function draft(index: number, { worker, dice }: { worker: string; dice: Dice }): Draft {
  const earlier = index > 0 && dice.chance(0.6) ? [labelOf(dice.below(index))] : [];
  return { label: labelOf(index), worker, depends_on: earlier, writes: [`out/part-${index + 1}.md`], input: null };
}

function spoil(drafts: readonly Draft[], flaw: PlanFlaw): readonly Draft[] {
  const last = drafts.length - 1;
  const change = (at: number, fields: Partial<Draft>): Draft[] =>
    drafts.map((one, index) => (index === at ? { ...one, ...fields } : one));
  switch (flaw) {
    case "cycle":
      return drafts.map((one, index) => ({ ...one, depends_on: [labelOf((index + 1) % drafts.length)] }));
    case "self":
      return change(last, { depends_on: [labelOf(last)] });
    case "unknownWorker":
      return change(last, { worker: "wizard" });
    case "dangling":
      return change(last, { depends_on: ["no-such-task"] });
    case "duplicate":
      return change(last, { label: labelOf(0) });
    case "sameFile":
      return drafts.map((one) => ({ ...one, depends_on: [], writes: ["out/shared.md"] }));
    case "outside":
      return change(last, { writes: ["../outside.md"] });
    case "badInput":
      return change(last, { input: "{not json" });
    case "empty":
    case "huge":
      return drafts;
    default:
      return unreachable(flaw);
  }
}

/** Fills a task's schema: known fields from the draft, under the names that planners use, the others by their schema. */
function fitted(task: Schema, fields: Draft, dice: Dice): Json {
  const known: Readonly<Record<string, Json>> = {
    label: fields.label,
    id: fields.label,
    worker: fields.worker,
    task: `Write part ${fields.label} and report its path.`,
    depends_on: fields.depends_on,
    dependsOn: fields.depends_on,
    after: [],
    writes: fields.writes,
    files: [],
    acceptance: [],
    constraints: [],
    input: fields.input,
    output_format: "one sentence",
    tier: null,
  };
  const value = instanceOf(task, dice);
  const properties = isPlainObject(task["properties"]) ? task["properties"] : {};
  const overrides = Object.entries(known).filter(([name]) => Object.hasOwn(properties, name));
  return { ...(isPlainObject(value) ? value : {}), ...Object.fromEntries(overrides) };
}

function taskSchema(schema: Schema): Schema | undefined {
  const { properties } = schema;
  const tasks = isPlainObject(properties) ? properties["tasks"] : undefined;
  if (!isPlainObject(tasks)) return undefined;
  const { items } = resolved(tasks, schema);
  return isPlainObject(items) ? resolved(items, schema) : undefined;
}

function enumOf(task: Schema, name: string): readonly string[] {
  const { properties } = task;
  const field = isPlainObject(properties) ? properties[name] : undefined;
  const values: readonly unknown[] = isPlainObject(field) && Array.isArray(field["enum"]) ? field["enum"] : [];
  return values.filter((value) => typeof value === "string");
}

function labelOf(index: number): string {
  return `part-${index + 1}`;
}
