// Policies come from users, too: one function says what is wrong with one, by the name of the field.
import { z } from "zod";
import { FAILURE_CODES } from "./failure.ts";
import type { FailureCode } from "./failure.ts";
import { stableStringify } from "./json.ts";

const waitMs = z.tuple([z.number().min(0), z.number()]).refine(([from, to]) => from <= to, "the first bound is above the second");

const Turn = z.discriminatedUnion("do", [
  z.strictObject({ do: z.literal("again"), waitMs }),
  z.strictObject({ do: z.literal("append") }),
]);

const Attempt = z.discriminatedUnion("do", [
  z.strictObject({
    do: z.literal("renew"),
    change: z.strictObject({
      effort: z.enum(["lower", "higher"]).optional(),
      maxTokens: z.literal("double").optional(),
      context: z.literal("trimmed").optional(),
      issues: z.literal(true).optional(),
      model: z.enum(["other", "orchestrator"]).optional(),
      worker: z.string().min(1).optional(),
    }),
    waitMs,
  }),
  z.strictObject({ do: z.literal("split"), waitMs }),
  z.strictObject({ do: z.literal("reword"), waitMs }),
  z.strictObject({ do: z.literal("redo") }),
]);

const Row = z.strictObject({
  turn: z.array(Turn),
  attempt: z.array(Attempt),
  then: z.enum(["fail", "skip", "ask", "suspend", "synthesize"]),
});

const Table = z.record(z.enum(FAILURE_CODES as readonly [FailureCode, ...FailureCode[]]), Row).superRefine((table, found) => {
  for (const [code, { attempt, then }] of Object.entries(table)) {
    if (code === "ConflictingOutputs" && (then === "suspend" || then === "synthesize"))
      found.addIssue({
        code: "custom",
        path: [code, "then"],
        message: "files that collide are asked about, fail the run or stand as they are: use ask, fail or skip",
      });
    for (const [at, step] of attempt.entries()) {
      const fits = (step.do === "redo") === (code === "ConflictingOutputs");
      if (!fits) found.addIssue({ code: "custom", path: [code, "attempt", at, "do"], message: MISPLACED });
    }
  }
});
const MISPLACED = "redo belongs to ConflictingOutputs, which has no other step";

const count = z.int().min(0);

const PartialPolicy = z
  .strictObject({
    table: Table,
    attempts: z.int().min(1),
    restarts: z.strictObject({ intensity: count, periodMs: z.number().positive() }),
    longestWaitMs: z.number().min(0),
    repairs: z.strictObject({ plan: count, answer: count }),
    planFallback: z.boolean(),
    strategy: z.enum(["rest-for-one", "one-for-one"]),
  })
  .partial();

/**
 * What is wrong with parts of a policy, each as `policy.<field> is <value>: <why>`; empty when nothing is. With the names
 * of the workers, also steps that name another one. Pure and total.
 */
export function policyIssues(policy: unknown, workers?: readonly string[]): readonly string[] {
  const checked = PartialPolicy.safeParse(policy);
  if (checked.success) return workers === undefined ? [] : strangers(checked.data.table ?? {}, workers);
  return checked.error.issues.map(
    ({ path, message }) => `${["policy", ...path].join(".")} is ${shown(policy, path)}: ${message}`,
  );
}

function strangers(table: Readonly<Record<string, z.infer<typeof Row>>>, workers: readonly string[]): readonly string[] {
  return Object.entries(table).flatMap(([code, { attempt }]) =>
    attempt.flatMap((step, at) => {
      const name = step.do === "renew" ? step.change.worker : undefined;
      if (name === undefined || workers.includes(name)) return [];
      const field = `policy.table.${code}.attempt.${at}.change.worker`;
      return [`${field} is "${name}": there is no such worker; there are ${workers.join(", ")}`];
    }),
  );
}

function shown(policy: unknown, path: readonly PropertyKey[]): string {
  const found = path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    policy,
  );
  if (found === undefined) return "missing";
  const text = typeof found === "number" ? String(found) : stableStringify(found);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
