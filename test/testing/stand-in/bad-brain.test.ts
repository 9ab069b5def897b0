// The bad brain: the same for the same seed, wrong in every way it promises, and never endless.
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { badBrain } from "../../../src/testing/stand-in/bad-brain/bad-brain.ts";
import { diceFor } from "../../../src/testing/stand-in/bad-brain/dice.ts";
import { instanceOf, nearlyInstanceOf } from "../../../src/testing/stand-in/bad-brain/instance.ts";
import { planFlaws, planOf } from "../../../src/testing/stand-in/bad-brain/plans.ts";
import { toolFlaws, toolTurn } from "../../../src/testing/stand-in/bad-brain/tool-turns.ts";
import type { Brain, BrainAnswer } from "../../../src/testing/stand-in/brain.ts";
import { standIn } from "../../../src/testing/stand-in/stand-in.ts";
import { MessagesRequest } from "../../../src/testing/stand-in/wire.ts";
import { DraftPlan } from "../../../src/protocol/plan.ts";
import { clientOf, plain } from "./helpers.ts";

const planSchema = z.toJSONSchema(DraftPlan) as Record<string, unknown>;
const reportSchema = z.toJSONSchema(z.object({ summary: z.string(), score: z.int(), kind: z.enum(["a", "b"]).nullable() }));
const tools = [
  { name: "read", input_schema: z.toJSONSchema(z.object({ path: z.string() })) },
  { name: "bash", input_schema: z.toJSONSchema(z.object({ command: z.string(), timeoutMs: z.int().optional() })) },
];
const planRequest = (n: number) =>
  MessagesRequest.parse({
    ...plain,
    system: "Plan.\n\nWorkers:\n- frontend: screens\n  tools: read\n- database: tables",
    messages: [{ role: "user", content: `request ${n}` }],
    output_config: { format: { type: "json_schema", schema: planSchema } },
  });
const answerTo = async (brain: Brain, request: MessagesRequest): Promise<BrainAnswer> =>
  brain(request, { n: 1, turn: 0, random: () => 0.5 });
const textOf = ({ content }: BrainAnswer): string => content.filter((part) => typeof part === "string").join("");

/** What is right about a plan's text. */
function isSound(text: string): boolean {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  const { success, data } = DraftPlan.safeParse(value);
  if (!success || data.tasks.length === 0 || data.tasks.length > 6) return false;
  const labels = data.tasks.map(({ label }) => label);
  return (
    new Set(labels).size === labels.length &&
    data.tasks.every(
      ({ worker, depends_on: needs, writes, input }, at) =>
        ["frontend", "database"].includes(worker) &&
        needs.every((label) => labels.slice(0, at).includes(label)) &&
        writes.every((path) => !path.startsWith("..")) &&
        input === null,
    )
  );
}

describe("the bad brain", () => {
  it("says the same to the same request under the same seed, and otherwise not", async () => {
    const answers = async (seed: number) =>
      Promise.all(Array.from({ length: 20 }, (_, n) => answerTo(badBrain({ seed }), planRequest(n))));
    expect(await answers(1)).toEqual(await answers(1));
    expect(await answers(1)).not.toEqual(await answers(2));
  });

  it("writes mostly sound plans over the workers of the prompt, and a good share of bad ones", async () => {
    const brain = badBrain({ seed: 3 });
    const texts = await Promise.all(Array.from({ length: 300 }, async (_, n) => textOf(await answerTo(brain, planRequest(n)))));
    const sound = texts.filter((text) => isSound(text)).length;
    expect(sound).toBeGreaterThan(150);
    expect(sound).toBeLessThan(260);
    expect(texts.some((text) => text.startsWith("```"))).toBe(true);
    expect(texts.some((text) => text.includes('"frontend"')) && texts.some((text) => text.includes('"database"'))).toBe(true);
  });

  it("is good when told to be", async () => {
    const brain = badBrain({ seed: 3, badness: 0 });
    for (let n = 0; n < 50; n++) expect(isSound(textOf(await answerTo(brain, planRequest(n))))).toBe(true);
  });

  it("prefers workers that it was given", async () => {
    const brain = badBrain({ seed: 3, badness: 0, workers: ["cook"] });
    expect(textOf(await answerTo(brain, planRequest(1)))).toContain('"worker":"cook"');
  });

  it("ends every conversation's tool turns within nine turns, whatever it is answered", async () => {
    for (let seed = 0; seed < 60; seed++) {
      const brain = badBrain({ seed, badness: 0.6 });
      let request = MessagesRequest.parse({ ...plain, tools, messages: [{ role: "user", content: `job ${seed}` }] });
      for (let turn = 0; turn < 14; turn++) {
        const { content } = await answerTo(brain, request);
        if (turn >= 8) expect(content.every((part) => typeof part === "string" || "thinking" in part)).toBe(true);
        const results = [{ type: "tool_result", tool_use_id: "x", is_error: seed % 2 === 0, content: "no" }];
        const said = content.map((part) =>
          typeof part === "string" ? { type: "text", text: part } : { type: "tool_use", ...part },
        );
        const messages = [...request.messages, { role: "assistant", content: said }, { role: "user", content: results }];
        request = MessagesRequest.parse({ ...request, messages });
      }
    }
  });

  it("shows every odd stop sooner or later, and never pauses a third time", async () => {
    const stops = new Set<string | undefined>();
    const paused = { role: "assistant" as const, content: "Still at it." };
    for (let seed = 0; seed < 400; seed++) {
      const brain = badBrain({ seed, badness: 1 });
      stops.add((await answerTo(brain, planRequest(seed))).stop);
      const request = planRequest(seed);
      const twice = { ...request, messages: [...request.messages, paused, paused] };
      expect((await answerTo(brain, twice)).stop).not.toBe("pause_turn");
    }
    expect([...stops]).toEqual(expect.arrayContaining(["refusal", "max_tokens", "pause_turn", "model_context_window_exceeded"]));
  });

  it("talks through the server to the official client", async () => {
    await using server = await standIn({ brain: badBrain({ seed: 5 }) });
    const client = clientOf(server);
    for (let n = 0; n < 12; n++) {
      const messages = [{ role: "user" as const, content: `job ${n}` }];
      await client.messages.create({ ...plain, tools: tools as never, messages });
    }
    expect(server.invalid).toEqual([]);
    expect(server.unexpected).toEqual([]);
  });
});

describe("its parts", () => {
  it("instances fit their schema, near misses don't", () => {
    const schema = z.fromJSONSchema(reportSchema);
    for (let n = 0; n < 200; n++) {
      expect(schema.safeParse(instanceOf(reportSchema as never, diceFor(`${n}`))).success).toBe(true);
      expect(schema.safeParse(nearlyInstanceOf(reportSchema as never, diceFor(`${n}`))).success).toBe(false);
    }
  });

  it.each(planFlaws)("a plan with the flaw %s is not sound", (flaw) => {
    const workers = ["frontend", "database"];
    for (let n = 0; n < 20; n++) {
      const plan = planOf({ schema: planSchema, workers, flaw }, diceFor(`${flaw} ${n}`));
      if (flaw !== "sameFile") expect(isSound(JSON.stringify(plan))).toBe(false);
      else expect(DraftPlan.parse(plan).tasks.map(({ writes }) => writes[0])).toEqual(expect.arrayContaining(["out/shared.md"]));
    }
  });

  it.each(toolFlaws)("a tool turn with the flaw %s is one", (flaw) => {
    const { content, stop } = toolTurn(tools, flaw, diceFor(flaw));
    const calls = content.flatMap((part) => (typeof part === "object" && "tool" in part ? [part] : []));
    const seen: Record<typeof flaw, boolean> = {
      wrongInput: calls.length === 1,
      unknownTool: calls[0]?.tool === "summon",
      sameIds: calls.length === 2 && calls[0]?.id === calls[1]?.id && calls[0]?.id !== undefined,
      many: calls.length >= 12,
      empty: content.length === 0 && stop === "end_turn",
      noCall: calls.length === 0 && stop === "tool_use",
      contradiction: calls.length === 1 && typeof content[0] === "string",
      notStopped: calls.length === 1 && stop === "end_turn",
    };
    expect(seen[flaw]).toBe(true);
  });
});
