// The fault catalogue, rows A1 to A15 (docs/reference/faults.md), end to end: the stand-in over HTTP, the real client, the
// real machines. Each row: one request of a task goes wrong; what the run then does, and which code and message tell it.
import { afterEach, describe, expect, it } from "vitest";
import { orchestrate } from "../../src/index.ts";
import type { NumberedEvent, Run } from "../../src/index.ts";
import type { FailureCode } from "../../src/core/failure.ts";
import { standIn } from "../../src/testing/stand-in/stand-in.ts";
import type { StandIn } from "../../src/testing/stand-in/stand-in.ts";
import type { Fault } from "../../src/testing/stand-in/faults.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { faultRow } from "../project/support/fault-rows.ts";
import { eventsOf, hasty, kept } from "./helpers.ts";

const open: StandIn[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

const talker = defineWorker({ name: "talker", description: "Talks.", instructions: "You talk.", evidence: "schema", tools: [] });

/** What the run does next: the same turn again, a new attempt, a stop that a person mends, or just on. */
type Next = "same turn again" | "new attempt" | "suspended" | "goes on";

interface Row {
  readonly row: string;
  readonly name: string;
  /** What the first requests meet. */
  readonly faults: readonly Fault[];
  readonly next: Next;
  readonly code?: FailureCode;
  /** What a new attempt does differently. */
  readonly changes?: readonly string[];
  /** Nobody listens at the address. */
  readonly isClosed?: boolean;
}

const refused = (message: string): Fault => ({ kind: "status", status: 400, message });
const status = (code: number): Fault => ({ kind: "status", status: code });
const rows: readonly Row[] = [
  {
    row: "A1",
    name: "429 with a wait that can be sat out",
    faults: [{ kind: "status", status: 429, retryAfter: { ms: 5 } }],
    next: "same turn again",
    code: "RateLimited",
  },
  {
    row: "A1",
    name: "429 with a wait of an hour",
    faults: [{ kind: "status", status: 429, retryAfter: { seconds: 3_600 } }],
    next: "suspended",
    code: "RateLimited",
  },
  { row: "A2", name: "529", faults: [status(529)], next: "same turn again", code: "Overloaded" },
  {
    row: "A2",
    name: "overloaded as an event in mid-stream",
    faults: [{ kind: "errorEvent", type: "overloaded_error", afterEvents: 3 }],
    next: "same turn again",
    code: "Overloaded",
  },
  {
    row: "A2",
    name: "529 again and again",
    faults: [status(529), status(529), status(529)],
    next: "new attempt",
    code: "Overloaded",
    changes: ["model claude-sonnet-5-5 -> claude-sonnet-5"],
  },
  {
    row: "A3",
    name: "502 with a page of HTML",
    faults: [{ kind: "status", status: 502, body: "html" }],
    next: "same turn again",
    code: "ServerFault",
  },
  {
    row: "A4",
    name: "reset before the headers",
    faults: [{ kind: "cut", at: "headers", how: "reset" }],
    next: "same turn again",
    code: "NetworkFault",
  },
  {
    row: "A4",
    name: "stream that ends without its end",
    faults: [{ kind: "cut", at: { events: 4 }, how: "end" }],
    next: "same turn again",
    code: "StreamCut",
  },
  { row: "A6", name: "nobody listens", faults: [], isClosed: true, next: "suspended", code: "NetworkFault" },
  {
    row: "A7",
    name: "prompt too long",
    faults: [refused("prompt is too long: 1000001 tokens > 1000000 maximum")],
    next: "new attempt",
    code: "PromptTooLong",
    changes: ["context cut to 60 %"],
  },
  {
    row: "A7",
    name: "413",
    faults: [status(413)],
    next: "new attempt",
    code: "RequestTooLarge",
    changes: ["context cut to 60 %"],
  },
  {
    row: "A7",
    name: "context window exceeded",
    faults: [{ kind: "stop", reason: "model_context_window_exceeded" }],
    next: "new attempt",
    code: "ContextFull",
    changes: ["context cut to 60 %"],
  },
  {
    row: "A8",
    name: "tool result missing",
    faults: [refused("messages.1: `tool_use` ids were found without `tool_result` blocks immediately after")],
    next: "new attempt",
    code: "HistoryBroken",
    changes: ["told what failed before"],
  },
  {
    row: "A9",
    name: "thinking block bound elsewhere",
    faults: [refused("messages.1.content.0: thinking block is bound to a different conversation")],
    next: "new attempt",
    code: "ThinkingBindingBroken",
    changes: ["told what failed before"],
  },
  { row: "A10", name: "401", faults: [status(401)], next: "suspended", code: "AuthFailed" },
  { row: "A10", name: "402", faults: [status(402)], next: "suspended", code: "BillingBlocked" },
  {
    row: "A10",
    name: "400 for lack of credit",
    faults: [refused("Your credit balance is too low to access the API.")],
    next: "suspended",
    code: "BillingBlocked",
  },
  { row: "A10", name: "403", faults: [status(403)], next: "suspended", code: "AuthFailed" },
  { row: "A10", name: "404", faults: [status(404)], next: "suspended", code: "ModelNotFound" },
  {
    row: "A11",
    name: "refusal",
    faults: [{ kind: "stop", reason: "refusal" }],
    next: "new attempt",
    code: "Refused",
    changes: ["model claude-sonnet-5-5 -> claude-sonnet-5"],
  },
  {
    row: "A12",
    name: "max_tokens",
    faults: [{ kind: "stop", reason: "max_tokens" }],
    next: "new attempt",
    code: "OutputTruncated",
    changes: ["max tokens 16000 -> 32000", "told what failed before"],
  },
  { row: "A13", name: "pause_turn", faults: [{ kind: "stop", reason: "pause_turn" }], next: "goes on" },
  {
    row: "A14",
    name: "200 with HTML",
    faults: [{ kind: "body", body: "html" }],
    next: "same turn again",
    code: "MalformedAnswer",
  },
  { row: "A14", name: "204", faults: [{ kind: "body", body: "noContent" }], next: "same turn again", code: "MalformedAnswer" },
  { row: "A15", name: "no usage", faults: [{ kind: "noUsage" }], next: "goes on" },
];

/** Plays one task whose first requests meet the faults. */
async function play({ faults, isClosed }: Row): Promise<{ run: Run; server: StandIn; events: readonly NumberedEvent[] }> {
  const server = await standIn({ brain: () => ({ content: ["Four lines."] }), faults });
  open.push(server);
  if (isClosed) await server.close();
  const at = { baseURL: server.url, apiKey: "test-key" };
  const run = kept(
    orchestrate("Say four lines.", {
      mode: "direct",
      workers: [talker],
      models: {
        orchestrator: { model: "claude-opus-5-5", ...at },
        worker: { model: "claude-sonnet-5-5", ...at },
        router: { model: "claude-haiku-5-5", ...at },
      },
      policy: { table: hasty },
    }),
  ) as unknown as Run;
  await run.result;
  return { run, server, events: await eventsOf(run) };
}

const nextOf = (events: readonly NumberedEvent[]): Next => {
  if (events.some((event) => event.type === "activity.changed" && event.activity === "suspended")) return "suspended";
  if (events.some(({ type }) => type === "task.retrying")) return "new attempt";
  return events.some(({ type }) => type === "turn.failed") ? "same turn again" : "goes on";
};

/** The failure that the next step answers. */
const failureOf = (events: readonly NumberedEvent[]): { readonly code: string; readonly message: string } | undefined =>
  events.flatMap((event) => {
    if (event.type === "task.retrying" || event.type === "turn.failed") return [event.failure];
    return event.type === "activity.changed" && event.failure ? [event.failure] : [];
  })[0];

describe("a fault of API or network", () => {
  it.each(rows)("$row: $name: $next", async (given) => {
    const { row, next, code, changes } = given;
    const { run, server, events } = await play(given);
    const { outcome, tasks, spend } = await run.result;
    expect(nextOf(events)).toBe(next);
    expect(outcome).toBe(next === "suspended" ? "suspended" : "complete");
    expect(server.invalid).toEqual([]);
    if (outcome === "complete") expect(tasks[0]).toMatchObject({ status: "finished", attempts: next === "new attempt" ? 2 : 1 });
    const told = failureOf(events);
    expect(told?.code).toBe(code);
    if (changes) expect(events.find(({ type }) => type === "task.retrying")).toMatchObject({ changes });
    if (row === "A15") expect(spend.estimatedUsd).toBeGreaterThan(0);

    const documented = faultRow(row).text;
    const message = told?.message.replaceAll(new URL(server.url).host, "api.anthropic.com") ?? "";
    // What the stand-in says for itself is no part of the message.
    expect(documented).toContain(message.replace(/ It said: The stand-in was told.*/, ""));
    if (code) expect(documented).toContain(`\`${code}\``);
  });
});
