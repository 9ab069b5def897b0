// Whole runs against a brain that nobody scripted and that behaves as badly as models do. In one process, so that two
// hundred of them take seconds; the same brain behind real HTTP is tested with the stand-in server.
import { of } from "rxjs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { FAILURE_CODES } from "../../src/core/failure.ts";
import type { Json } from "../../src/core/json.ts";
import { buildRequest } from "../../src/model/request.ts";
import type { ModelPort } from "../../src/model/port.ts";
import { orchestrate } from "../../src/index.ts";
import type { OrchestrateOptions, Worker } from "../../src/index.ts";
import type { AssistantBlock, StopReason, TurnRequest } from "../../src/protocol/turn.ts";
import { scriptedOutcome } from "../../src/testing/scripted-model.ts";
import { badBrain } from "../../src/testing/stand-in/bad-brain/bad-brain.ts";
import type { BrainAnswer, BrainPart } from "../../src/testing/stand-in/brain.ts";
import { MessagesRequest } from "../../src/testing/stand-in/wire.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { eventsOf, folder, hasty } from "./helpers.ts";

const workers: readonly Worker[] = [
  defineWorker({ name: "writer", description: "writes", instructions: "write", cap: 2 }),
  defineWorker({ name: "counter", description: "counts", instructions: "count", output: z.object({ count: z.number() }) }),
  defineWorker({
    name: "filer",
    description: "files",
    input: z.object({ drawer: z.string() }),
    perform: ({ input }) => input.drawer,
  }),
];

const OUTCOMES = ["complete", "partial", "failed", "cancelled", "suspended"];

function blockOf(part: BrainPart, id: string): AssistantBlock {
  if (typeof part === "string") return { type: "text", text: part };
  if ("thinking" in part) return { type: "opaque", raw: { type: "thinking", thinking: part.thinking, signature: id } };
  return { type: "tool_use", id: part.id ?? id, name: part.tool, input: part.input };
}

/** The brain as a model port. What the real client would refuse (an answer against its own stop reason), this hands on. */
function portOf(seed: number): ModelPort & { turns: number } {
  const brain = badBrain({ seed, badness: 0.4, workers: workers.map(({ name }) => name) });
  const port = {
    turns: 0,
    turn(request: TurnRequest) {
      port.turns++;
      const wire = MessagesRequest.parse(
        JSON.parse(JSON.stringify(buildRequest(request, { caching: true, outputFormat: true }))),
      );
      const context = { n: port.turns, turn: request.turn, random: () => 0.5 };
      const answer = brain(wire, context) as BrainAnswer;
      const blocks = answer.content.map((part, at) => blockOf(part, `toolu_${request.conversation}_${request.turn}_${at}`));
      const called = blocks.some(({ type }) => type === "tool_use");
      const stop: StopReason = answer.stop ?? (called ? "tool_use" : "end_turn");
      const outcome = scriptedOutcome("", request);
      const said = outcome.kind === "answered" ? { ...outcome, blocks, stop } : outcome;
      return of({ kind: "outcome" as const, outcome: said });
    },
  };
  return port;
}

async function runOnce(seed: number, options: OrchestrateOptions<readonly Worker[]>): Promise<Record<string, Json>> {
  const model = portOf(seed);
  const run = orchestrate(`request ${seed}`, { workers, model, policy: { table: hasty }, ...options });
  const result = await run.result;
  const events = await eventsOf(run);
  expect(OUTCOMES).toContain(result.outcome);
  expect({ seed, code: result.failure?.code }).not.toEqual({ seed, code: "Internal" });
  for (const event of events) {
    const { failure } = event as { readonly failure?: { readonly code: string } | null };
    if (failure) expect(FAILURE_CODES).toContain(failure.code);
    expect({ seed, event, internal: failure?.code === "Internal" }).toEqual({ seed, event, internal: false });
  }
  if (result.outcome !== "suspended") {
    expect(result.tasks.filter(({ status }) => status === "unfinished")).toEqual([]);
    expect(events.at(-1)?.type).toBe("run.finished");
    expect(result.answer).not.toBe("");
  }
  if (options.budget) expect(result.spend.usd).toBeLessThanOrEqual(BUDGET_USD);
  return { outcome: result.outcome, code: result.failure?.code ?? null, tasks: result.tasks.length, turns: model.turns };
}

const BUDGET_USD = 0.5;

describe("200 runs against an unscripted brain", () => {
  it("all end in a known way, with every task settled and no error of the framework", async () => {
    const seen = new Map<unknown, number>();
    for (let seed = 1; seed <= 190; seed++) {
      const mode = (["auto", "orchestrate", "direct"] as const)[seed % 3] ?? "auto";
      const { outcome } = await runOnce(seed, { mode, ...(seed % 4 === 0 && { budget: BUDGET_USD }) });
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    }
    // A brain this bad must show the framework more than one way to end.
    expect(seen.size).toBeGreaterThanOrEqual(3);
    expect(seen.get("suspended") ?? 0).toBe(0);
  }, 30_000);

  it("also with files and commands", async () => {
    for (let seed = 191; seed <= 200; seed++) {
      const workspace = await folder();
      await runOnce(seed, { workspace, mode: "orchestrate", permissions: { allow: ["bash(true)"] } });
    }
  }, 30_000);

  it("are the same for the same seed", async () => {
    for (const seed of [3, 4, 7])
      expect(await runOnce(seed, { id: `r-${seed}` })).toEqual(await runOnce(seed, { id: `r-${seed}` }));
  });
});
