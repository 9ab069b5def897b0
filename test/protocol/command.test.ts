import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Command } from "../../src/protocol/command.ts";
import type { DraftPlan } from "../../src/protocol/plan.ts";

const task = {
  label: "a",
  worker: "docs",
  task: "write",
  input: null,
  files: [],
  constraints: [],
  output_format: "",
  depends_on: [],
  after: [],
  writes: [],
  acceptance: [],
  optional: false,
  tier: null,
};
const plan: DraftPlan = { rationale: "", tasks: [task] };

const good: readonly Command[] = [
  { type: "run.pause" },
  { type: "run.resume" },
  { type: "run.cancel" },
  { type: "run.cancel", reason: "enough" },
  { type: "run.tell", text: "hurry" },
  { type: "run.tell", text: "hurry", task: "t12" },
  { type: "ask.answer", ask: "plan", decision: "approve" },
  { type: "ask.answer", ask: "t1#1/ask", decision: "reject", text: "not that file" },
  { type: "plan.edit", plan },
  { type: "task.skip", task: "t1", reason: "not needed" },
  { type: "task.retry", task: "t1" },
];

const bad: readonly (readonly [string, unknown])[] = [
  ["nothing", undefined],
  ["a text", "run.pause"],
  ["a list", [{ type: "run.pause" }]],
  ["no type", {}],
  ["an unknown type", { type: "run.explode" }],
  ["an event of the host", { type: "effect.orphaned", id: "x" }],
  ["an event of XState", { type: "xstate.stop" }],
  ["an empty message", { type: "run.tell", text: "" }],
  ["a message that is no text", { type: "run.tell", text: 5 }],
  ["a message without bounds", { type: "run.tell", text: "a".repeat(20_001) }],
  ["a task by label", { type: "task.skip", task: "write docs" }],
  ["a task t0", { type: "task.retry", task: "t0" }],
  ["a task that pollutes", { type: "task.retry", task: "__proto__" }],
  ["an answer to nothing", { type: "ask.answer", decision: "approve" }],
  ["an answer that is neither yes nor no", { type: "ask.answer", ask: "plan", decision: "maybe" }],
  ["a plan without tasks", { type: "plan.edit", plan: { rationale: "" } }],
  ["a plan of half tasks", { type: "plan.edit", plan: { rationale: "", tasks: [{ label: "a" }] } }],
];

describe("commands", () => {
  it.each(good.map((command) => [command.type, command] as const))("takes %s", (_type, command) => {
    expect(Command.parse(command)).toEqual(command);
    expect(Command.parse(JSON.parse(JSON.stringify(command)))).toEqual(command);
  });

  it("has a good example for every kind", () => {
    expect(new Set(good.map(({ type }) => type))).toEqual(new Set(Command.options.map((option) => option.shape.type.value)));
  });

  it.each(bad)("refuses %s", (_what, command) => {
    expect(Command.safeParse(command).success).toBe(false);
  });

  it("drops what does not belong to a command, so that nobody forges a time", () => {
    expect(Command.parse({ type: "run.pause", at: 5, __proto__: { text: "x" } })).toEqual({ type: "run.pause" });
  });

  it("never throws, whatever comes", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(Command.safeParse(value).success).toBe(false);
      }),
    );
  });
});
