// What waits for delivery, and the row each of them becomes.
import type { Json } from "../core/json.ts";
import { unreachable } from "../core/unreachable.ts";
import type { Entry } from "./entry.ts";
import type { InboxEntry, Row } from "./journal.ts";
import type { MachineTimer } from "./machine-clock.ts";
import type { EffectError, EffectOrphaned, HostSlept } from "./port.ts";
import type { RowDraft } from "./row-log.ts";
import { copyOf, type Outcome } from "./values.ts";

/** Something that can be delivered. */
export type Arrival = Due | { readonly kind: "gap"; readonly ms: number };

/** What becomes due on its own. An outcome of undefined closes an effect that never began. */
export type Due =
  | { readonly kind: "outcome"; readonly entry: Entry; readonly outcome: Outcome | undefined; readonly performed: boolean }
  | { readonly kind: "part"; readonly entry: Entry; readonly value: Json }
  | { readonly kind: "timer"; readonly timer: MachineTimer }
  | { readonly kind: "command"; readonly command: InboxEntry };

/** The row of an arrival, without its place; undefined when it has become pointless. `isSet`: neither fired nor cleared. */
export function rowOf(arrival: Arrival, isSet: (timer: MachineTimer) => boolean): RowDraft | undefined {
  switch (arrival.kind) {
    case "command":
      return { kind: "command", key: arrival.command.id, body: copyOf(arrival.command.event) };
    case "gap":
      return { kind: "gap", body: { ms: arrival.ms } };
    case "timer": {
      const { timer } = arrival;
      return isSet(timer) ? { kind: "timer", key: String(timer.number), cause: timer.cause, body: null } : undefined;
    }
    case "part":
      return arrival.entry.stopped ? undefined : { ...placeOf(arrival.entry), kind: "part", body: arrival.value };
    case "outcome":
      return arrival.entry.phase === "closed" ? undefined : closingRow(arrival.entry, arrival.outcome, arrival.performed);
    default:
      return unreachable(arrival);
  }
}

/** The intent row of an effect. */
export function intentRow(entry: Entry): RowDraft {
  return { ...placeOf(entry), kind: "intent", body: entry.lost > 0 ? { lost: entry.lost } : null, digest: entry.digest };
}

/** The event for the root that goes with the closing row of a stopped effect. */
export function orphanOf(entry: Entry, row: Row): EffectOrphaned {
  const { id, key, path } = entry;
  const event = { type: "effect.orphaned" as const, id, key, path, name: entry.effect.name, at: row.at };
  if (row.kind === "result") return { ...event, performed: true, value: row.body };
  if (row.kind === "error") return { ...event, performed: true, error: errorOf(row) };
  const body = row.body as unknown as CancelledBody;
  return {
    ...event,
    performed: body.performed,
    ...("value" in body && { value: body.value }),
    ...(body.error && { error: { ...body.error, at: row.at } }),
  };
}

/** The event for the root that a gap row is. */
export function sleptOf(row: Row): HostSlept {
  return { type: "host.slept", ms: (row.body as unknown as GapBody).ms, at: row.at };
}

/** The EffectError of an error row. */
export function errorOf(row: Row): EffectError {
  return { ...(row.body as unknown as ErrorBody), at: row.at };
}

interface GapBody {
  readonly ms: number;
}

type ErrorBody = Omit<EffectError, "at">;

interface CancelledBody {
  readonly performed: boolean;
  readonly value?: Json;
  readonly error?: ErrorBody;
}

function closingRow(entry: Entry, outcome: Outcome | undefined, performed: boolean): RowDraft {
  const place = { ...placeOf(entry), ...(entry.needsDigest && { digest: entry.digest }) };
  if (entry.stopped || outcome === undefined) {
    return { ...place, kind: "cancelled", body: { performed, ...(outcome && fieldsOf(outcome)) } };
  }
  if (outcome.kind === "value") return { ...place, kind: "result", body: outcome.value };
  return { ...place, kind: "error", body: bodyOf(outcome) };
}

function fieldsOf(outcome: Outcome): Record<string, Json> {
  return outcome.kind === "value" ? { value: outcome.value } : { error: bodyOf(outcome) };
}

function bodyOf({ code, message, retryable }: Extract<Outcome, { kind: "error" }>): Record<string, Json> {
  return { code, message, retryable };
}

function placeOf(entry: Entry): { readonly id: string; readonly key: string; readonly cause: number } {
  return { id: entry.id, key: entry.key, cause: entry.cause };
}
