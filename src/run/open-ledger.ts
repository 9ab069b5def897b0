// The ledger of a run whose machine is not started, from its journal rows alone. They tell every paid turn; what they do
// not tell (accepted reports, repairs, who the worker was) stays open in it.
import { z } from "zod";
import type { Row } from "../host/journal.ts";
import { parseAttemptId } from "../core/ids.ts";
import { failure } from "../core/failure.ts";
import { NO_MODELS } from "../machines/run-state.ts";
import type { RunModels } from "../machines/run-state.ts";
import { foldLedger } from "../model/ledger-fold.ts";
import type { Ledger } from "../model/ledger.ts";
import type { RunEvent } from "../protocol/run-event.ts";

const Tokens = z.object({
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheReadTokens: z.number(),
  cacheWrite5mTokens: z.number(),
  cacheWrite1hTokens: z.number(),
  estimated: z.boolean(),
});
const Turn = z.object({
  outcome: z.object({
    kind: z.enum(["answered", "failed"]),
    usage: Tokens.nullable(),
    usd: z.number().nullable(),
    model: z.string().optional(),
  }),
  lost: z.number(),
});
const Cancelled = z.object({ value: Turn });
const Head = z.object({
  input: z.object({ models: z.custom<RunModels>((value) => typeof value === "object" && value !== null) }),
});

/** What the rows of a run say about its money; of a run that was not begun by `orchestrate`, or has no rows, an empty ledger. */
export function ledgerOfRows(rows: readonly Row[]): Ledger {
  const head = Head.safeParse(rows[0]?.body);
  const models = head.success ? head.data.input.models : NO_MODELS;
  const seen = new Map<string, string>();
  return foldLedger(
    rows.flatMap((row) => eventsOf(row, models, seen)),
    { models },
  );
}

/** The events that a row stands for; `seen` holds the model of each conversation so far. */
function eventsOf({ kind, key = "", body, at }: Row, models: RunModels, seen: Map<string, string>): readonly RunEvent[] {
  const [, conversation, number] = /^([^/]+)\/turn\/(\d+)\.[\d.]+$/.exec(key) ?? [];
  const closing =
    kind === "result" ? Turn.safeParse(body).data : kind === "cancelled" ? Cancelled.safeParse(body).data?.value : undefined;
  if (conversation === undefined || closing === undefined) return [];
  const { outcome, lost } = closing;
  const { usage, usd } = outcome;
  const begun = seen.has(conversation) ? [] : startOf(conversation, at);
  const model = outcome.model ?? seen.get(conversation) ?? modelOf(conversation, models);
  seen.set(conversation, model);
  if (usage === null) return begun;
  const turn = Number(number);
  const common = { at, conversation, turn, model, usd, ...usage };
  const before = Array.from({ length: lost }, () => ({ ...common, type: "turn.lost", why: "crash", estimated: true }) as const);
  if (kind === "cancelled") return [...begun, ...before, { ...common, type: "turn.lost", why: "stopped" }];
  if (outcome.kind === "answered") return [...begun, ...before, { ...common, type: "turn.completed", stop: "" }];
  const why = failure("Internal", "The rows tell no more.");
  return [...begun, ...before, { ...common, type: "turn.failed", failure: why, wakeAt: null, billed: true }];
}

/** A later attempt of a task says that the one before was not accepted. */
function startOf(conversation: string, at: number): readonly RunEvent[] {
  const attempt = parseAttemptId(conversation);
  return attempt ? [{ type: "task.started", at, ...attempt, worker: "", model: null, changes: [] }] : [];
}

function modelOf(conversation: string, { router, orchestrator, worker }: RunModels): string {
  if (conversation === "route") return router.model;
  return parseAttemptId(conversation) ? worker.model : orchestrator.model;
}
