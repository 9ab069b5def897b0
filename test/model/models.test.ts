import { describe, expect, it } from "vitest";
import type { Change } from "../../src/core/policy.ts";
import { adjustChoice, otherModel } from "../../src/model/adjust.ts";
import { resolveModels, type ModelOptions } from "../../src/model/models.ts";
import { limitsOf, priceOf } from "../../src/model/prices.ts";
import type { ModelChoice } from "../../src/protocol/turn.ts";
import { NOW } from "./helpers.ts";

const defaults = resolveModels({}, NOW);
const local = { baseURL: "http://127.0.0.1:8080", model: "qwen", prices: { input: 0, output: 0 } };
const short = ({ endpoint, model, effort }: ModelChoice): string => `${endpoint}/${model}/${effort ?? "-"}`;

describe("models by role", () => {
  it("has defaults: Opus conducts, Sonnet performs, Haiku routes", () => {
    const { orchestrator, worker, router, tiers, endpoints } = defaults;
    expect([orchestrator, worker, router, tiers.haiku, tiers.sonnet, tiers.opus].map(short)).toEqual([
      "default/claude-opus-5-5/-",
      "default/claude-sonnet-5-5/medium",
      "default/claude-haiku-5-5/low",
      "default/claude-haiku-5-5/medium",
      "default/claude-sonnet-5-5/medium",
      "default/claude-opus-5-5/-",
    ]);
    expect([orchestrator, worker, router].every(({ price }) => price !== null)).toBe(true);
    expect(endpoints).toEqual({});
  });

  it("takes ids and short names", () => {
    const { orchestrator, worker } = resolveModels({ orchestrator: "sonnet", worker: "claude-opus-5" }, NOW);
    expect([orchestrator.model, worker.model]).toEqual(["claude-sonnet-5-5", "claude-opus-5"]);
  });

  it("lets tiers follow the roles, so that a model of one's own does all the work it is given", () => {
    const { tiers } = resolveModels({ worker: local, router: { ...local, maxTokens: 9, effort: "low" } }, NOW);
    expect(short(tiers.sonnet)).toBe("worker/qwen/-");
    expect(tiers.haiku).toMatchObject({ endpoint: "worker", maxTokens: 16_000, effort: null });
    expect(resolveModels({ tiers: { opus: "claude-fable-5-2" } }, NOW).tiers.opus.model).toBe("claude-fable-5-2");
  });

  it("makes each own address an endpoint, once, and keeps keys out of choices", () => {
    const secret = "local-secret";
    const options: ModelOptions = {
      worker: { ...local, apiKey: secret },
      router: { ...local, apiKey: secret, model: "other" },
      orchestrator: { ...local, apiKey: "another" },
    };
    const { endpoints, ...choices } = resolveModels(options, NOW);
    expect(Object.keys(endpoints)).toEqual(["orchestrator", "worker"]);
    expect(choices.worker.endpoint).toBe(choices.router.endpoint);
    expect(choices.worker.endpoint).not.toBe(choices.orchestrator.endpoint);
    expect(JSON.stringify(choices)).not.toContain(secret);
    expect(endpoints[choices.worker.endpoint]).toEqual({ baseURL: local.baseURL, apiKey: secret });
  });

  it("names an endpoint by its role, so that a resumed run finds it at another address", () => {
    const named = (port: number) =>
      resolveModels({ worker: { model: "m", baseURL: `https://me:pass@gate.example:${port}/v1` } }, NOW);
    expect(named(8443).worker).toEqual(named(9443).worker);
    expect(Object.keys(named(9443).endpoints)).toEqual(["worker"]);
  });

  it("prices by own numbers, by the table, or not at all", () => {
    const own = resolveModels({ worker: { model: "claude-opus-5-5", prices: { input: 1, output: 2 } } }, NOW).worker.price;
    expect(own).toEqual({ inputUsd: 1, outputUsd: 2, cacheReadUsd: 1, cacheWrite5mUsd: 1.25, cacheWrite1hUsd: 1.25 });
    expect(resolveModels({ worker: "qwen" }, NOW).worker).toMatchObject({ price: null, effort: null });
    expect(resolveModels({}, Date.parse("2026-10-01")).worker.price?.cacheReadUsd).toBe(0.2);
  });

  const bad: readonly [string, ModelOptions, RegExp][] = [
    ["no model", { worker: " " }, /models\.worker names no model/],
    ["too many tokens", { orchestrator: { model: "opus", maxTokens: 200_000 } }, /models\.orchestrator\.maxTokens is 200000/],
    ["no tokens", { worker: { model: "qwen", maxTokens: 0 } }, /models\.worker\.maxTokens is 0/],
    ["a negative price", { router: { model: "x", prices: { input: -1, output: 1 } } }, /models\.router\.prices\.input/],
    ["an address that is none", { worker: { model: "x", baseURL: "127.0.0.1:80" } }, /models\.worker\.baseURL/],
    ["a key without address", { tiers: { opus: { model: "x", apiKey: "secret-value" } } }, /models\.tiers\.opus sets apiKey/],
  ];
  it.each(bad)("refuses %s", (_name, options, message) => {
    let thrown: unknown;
    try {
      resolveModels(options, NOW);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: "BadOption", message: expect.stringMatching(message) as string });
    expect(String(thrown)).not.toContain("secret-value");
  });
});

describe("adjusting a choice", () => {
  const { orchestrator, worker } = defaults;
  const changed = (change: Change, choice = worker): ModelChoice => adjustChoice(choice, change, orchestrator);

  it("steps effort within its ends", () => {
    const efforts = ["low", "medium", "high", "xhigh", "max"] as const;
    expect(efforts.map((effort) => changed({ effort: "higher" }, { ...worker, effort }).effort)).toEqual([
      "medium",
      "high",
      "xhigh",
      "max",
      "max",
    ]);
    expect(efforts.map((effort) => changed({ effort: "lower" }, { ...worker, effort }).effort)).toEqual([
      "low",
      "low",
      "medium",
      "high",
      "xhigh",
    ]);
  });

  it("starts from the model's own default where none was set, and leaves unknown models alone", () => {
    expect(changed({ effort: "lower" }, orchestrator).effort).toBe("low");
    expect(changed({ effort: "higher" }, { ...worker, effort: null }).effort).toBe("xhigh");
    expect(changed({ effort: "lower" }, { ...worker, model: "qwen", effort: null }).effort).toBeNull();
  });

  it("doubles room up to the model's limit", () => {
    expect(changed({ maxTokens: "double" }).maxTokens).toBe(32_000);
    expect(changed({ maxTokens: "double" }, { ...worker, maxTokens: 100_000 }).maxTokens).toBe(128_000);
    expect(changed({ maxTokens: "double" }, { ...worker, model: "claude-haiku-4-5", maxTokens: 60_000 }).maxTokens).toBe(64_000);
  });

  it("goes to the orchestrator's model, then applies the rest", () => {
    expect(changed({ model: "orchestrator", maxTokens: "double" })).toEqual({ ...orchestrator, maxTokens: 32_000 });
  });

  it("goes to another model of the class, there and back, at its own price", () => {
    for (const choice of [orchestrator, worker, defaults.router]) {
      const other = otherModel(choice);
      expect(other.model).not.toBe(choice.model);
      expect(other.price).toEqual(priceOf(other.model, NOW));
      expect(other.maxTokens).toBeLessThanOrEqual(limitsOf(other.model)?.maxOutputTokens ?? 0);
      expect(otherModel(other).model).toBe(choice.model);
    }
    expect(otherModel(defaults.router)).toMatchObject({ model: "claude-haiku-4-5", effort: null });
    expect(otherModel({ ...orchestrator, model: "claude-opus-4-8" }).model).toBe("claude-opus-5-5");
  });

  it("keeps a platform's spelling, and a model it does not know", () => {
    expect(otherModel({ ...worker, model: "us.anthropic.claude-sonnet-5-5-v1:0" }).model).toBe(
      "us.anthropic.claude-sonnet-5-v1:0",
    );
    for (const model of ["qwen", "anthropic/claude-opus-5.5"])
      expect(otherModel({ ...worker, model })).toEqual({ ...worker, model });
  });

  it("changes nothing without a change, and never its input", () => {
    const frozen = Object.freeze({ ...worker });
    expect(changed({}, frozen)).toEqual(worker);
    expect(changed({ issues: true, context: "trimmed" }, frozen)).toEqual(worker);
  });
});
