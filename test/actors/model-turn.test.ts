import { NEVER, Observable, concat, from, of, throwError } from "rxjs";
import { describe, expect, it } from "vitest";
import { GRACE_MS } from "../../src/actors/bounded.ts";
import { modelTurn } from "../../src/actors/model-turn.ts";
import { createGovernor } from "../../src/model/governor.ts";
import type { ModelPort, TurnEvent } from "../../src/model/port.ts";
import type { TurnDelta } from "../../src/protocol/turn.ts";
import { scriptedOutcome } from "../../src/testing/scripted-model.ts";
import { modelOf } from "../support/cast.ts";
import { play, playTwice } from "./play.ts";

const request = {
  conversation: "t1#1",
  turn: 1,
  parameters: { choice: modelOf("claude-sonnet-5-5"), system: [], tools: [], format: null },
  messages: [{ role: "user" as const, content: [{ type: "text" as const, text: "hi" }] }],
};
const outcome = scriptedOutcome("hello", request);
const delta = (text: string): TurnEvent => ({
  kind: "delta",
  delta: { conversation: "t1#1", turn: 1, kind: "text", text },
});

describe("modelTurn", () => {
  const turnOf = (port: ModelPort["turn"], onDelta: (delta: TurnDelta) => void = () => undefined) =>
    modelTurn({ model: { turn: port }, governor: createGovernor(), onDelta });

  it("hands deltas to watchers and only the outcome to the machine", async () => {
    const seen: string[] = [];
    const port = () => from([delta("he"), delta("llo"), { kind: "outcome", outcome } as const, delta("late")]);
    const events = await play(
      turnOf(port, ({ text }) => seen.push(text)),
      { request },
    );
    expect(events).toEqual([{ type: "done", value: { outcome, lost: 0 } }]);
    expect(seen).toEqual(["he", "llo"]);
  });

  it("takes a port that ends without a word for a stopped turn", async () => {
    expect(
      await play(
        turnOf(() => of()),
        { request },
      ),
    ).toMatchObject([{ type: "done", value: { outcome: { kind: "failed", failure: { code: "Cancelled" }, usage: null } } }]);
  });

  it("is an error of the effect where a port breaks its promise", async () => {
    expect(
      await play(
        turnOf(() => throwError(() => new Error("glass"))),
        { request },
      ),
    ).toMatchObject([{ type: "error", message: "glass" }]);
  });

  it("is not sent again after a crash, which would cost money that nobody reserved", async () => {
    let sent = 0;
    const port: ModelPort["turn"] = () => {
      sent++;
      return NEVER;
    };
    expect(await playTwice(turnOf(port), { request })).toMatchObject([
      { type: "done", value: { outcome: { kind: "failed", failure: { code: "TurnLost" }, usage: null }, lost: 1 } },
    ]);
    expect(sent).toBe(1);
  });

  it("brings home what a stopped turn cost", async () => {
    const usage = {
      inputTokens: 9,
      outputTokens: 9,
      cacheReadTokens: 0,
      cacheWrite5mTokens: 0,
      cacheWrite1hTokens: 0,
      estimated: true,
    };
    const cancelled = { ...scriptedOutcome({ fail: "Cancelled", usage }, request) };
    const port: ModelPort["turn"] = (_request, { signal }) =>
      concat(
        of(delta("he")),
        new Observable<TurnEvent>((watcher) => {
          signal?.addEventListener("abort", () => watcher.next({ kind: "outcome", outcome: cancelled }), { once: true });
        }),
      );
    const events = await play(turnOf(port), { request }, { stop: true });
    expect(events).toMatchObject([
      { type: "effect.orphaned", name: "modelTurn", performed: true, value: { outcome: cancelled } },
    ]);
  });

  it("does not wait for ever for a port that does not hear the signal", async () => {
    expect(
      await play(
        turnOf(() => NEVER),
        { request },
        { stop: true, waitMs: GRACE_MS - 1 },
      ),
    ).toEqual([]);
    expect(
      await play(
        turnOf(() => NEVER),
        { request },
        { stop: true, waitMs: GRACE_MS },
      ),
    ).toMatchObject([{ type: "effect.orphaned", value: { outcome: { kind: "failed", failure: { code: "Cancelled" } } } }]);
  });
});
