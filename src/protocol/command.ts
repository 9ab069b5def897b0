// What a person or an app asks of a run (commands), and what a run asks of a person (asks).
import { z } from "zod";
import type { Json } from "../core/json.ts";
import { DraftPlan } from "./plan.ts";

const text = z.string().max(20_000);
const task = z.string().regex(/^t[1-9]\d*$/, "a task id such as t3");

/** A command to a run. */
export const Command = z.discriminatedUnion("type", [
  z.object({ type: z.literal("run.pause") }),
  z.object({ type: z.literal("run.resume") }),
  z.object({ type: z.literal("run.cancel"), reason: text.optional() }),
  /** A message to one running worker, or to all that work now and will work later. */
  z.object({ type: z.literal("run.tell"), text: text.min(1), task: task.optional() }),
  /** Answers an ask; `text` goes to the model that asked (or says why a plan was rejected). */
  z.object({
    type: z.literal("ask.answer"),
    ask: z.string(),
    decision: z.enum(["approve", "reject"]),
    text: text.optional(),
    /** Hash of the ask as it was seen; an answer to something that has changed meanwhile is dropped. */
    hash: z.string().optional(),
  }),
  /** Replaces the plan that is under review. */
  z.object({ type: z.literal("plan.edit"), plan: DraftPlan }),
  z.object({ type: z.literal("task.skip"), task, reason: text.optional() }),
  /** Tries a failed or skipped task again, or does a finished one again with what builds on it. */
  z.object({ type: z.literal("task.retry"), task }),
]);
/** A command to a run. */
export type Command = z.infer<typeof Command>;

/** A question to a person. `hash` binds an approval to exactly what was asked. */
export interface Ask {
  readonly id: string;
  /** The plan; a tool call that the permissions want asked; what to do about a task that can't go on, or about files that collide. */
  readonly kind: "plan" | "permission" | "escalation" | "conflict";
  /** Attempt that asks, such as `t3#1`; null for the run itself. */
  readonly from: string | null;
  readonly text: string;
  readonly detail: Json;
  readonly hash: string;
  readonly at: number;
}

/** What is allowed without asking, only after asking, and never. Deny beats ask beats allow; nothing that matches is ask. */
export interface PermissionRules {
  readonly allow: readonly string[];
  readonly ask: readonly string[];
  readonly deny: readonly string[];
}
