import { describe, expect, it } from "vitest";
import { z } from "zod";
import { GRACE_MS } from "../../src/actors/bounded.ts";
import type { PerformInput } from "../../src/actors/contract.ts";
import { performWork } from "../../src/actors/perform-work.ts";
import type { Performer } from "../../src/actors/perform-work.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { noWorkspace } from "../../src/workspace/no-workspace.ts";
import { deferred } from "../host/helpers.ts";
import { never, play, playTwice } from "./play.ts";

describe("performWork", () => {
  const brief = { task: "t", files: [], constraints: [], output_format: "", input: null, dependencies: [], issues: [] };
  const input: Omit<PerformInput, "key"> = { worker: "w", workspace: "t1#1", brief };
  const logicOf = (...workers: Performer[]) => performWork({ runId: "r-1", workers, workspace: noWorkspace() });
  const worker = (perform: (...given: never[]) => unknown): Performer => ({
    name: "w",
    perform: perform as NonNullable<Performer["perform"]>,
    checkOutput: () => [],
  });

  it("gives what the function returned, as it survives JSON", async () => {
    const made = { at: new Date(0), list: [undefined], nothing: undefined };
    expect(await play(logicOf(worker(() => Promise.resolve(made))), input)).toEqual([
      { type: "done", value: { ok: true, output: { at: "1970-01-01T00:00:00.000Z", list: [null] } } },
    ]);
  });

  it.each<[string, () => unknown, string, string]>([
    [
      "throws",
      () => {
        throw new Error("boom");
      },
      "WorkerCrashed",
      "boom",
    ],
    ["rejects", () => Promise.reject(new TypeError("later")), "WorkerCrashed", "later"],
    [
      "throws a text",
      () => {
        throw "words";
      },
      "WorkerCrashed",
      "words",
    ],
    ["returns a big integer", () => 1n, "WorkerOutputInvalid", "BigInt"],
    ["returns a function", () => () => 0, "WorkerOutputInvalid", "function"],
  ])("fails the attempt when the function %s", async (_what, perform, code, words) => {
    expect(await play(logicOf(worker(perform)), input)).toMatchObject([
      { type: "done", value: { ok: false, failure: { code, message: expect.stringContaining(words) as string } } },
    ]);
  });

  it("holds the output against the schema; nothing is null", async () => {
    const typed = defineWorker({ name: "w", description: "d", output: z.object({ n: z.number() }), perform: () => ({ n: 1 }) });
    expect(await play(logicOf(typed), input)).toMatchObject([{ value: { ok: true, output: { n: 1 } } }]);
    const wrong = { ...typed, perform: () => Promise.resolve({ n: "1" }) };
    expect(await play(logicOf(wrong), input)).toMatchObject([
      { value: { ok: false, failure: { code: "WorkerOutputInvalid", message: expect.stringMatching(/"w".*n: /) as string } } },
    ]);
    expect(await play(logicOf(worker(() => undefined)), input)).toMatchObject([{ value: { ok: true, output: null } }]);
  });

  it("fails where there is no such worker or no function", async () => {
    expect(await play(logicOf(), input)).toMatchObject([{ value: { ok: false, failure: { code: "WorkerCrashed" } } }]);
    const { perform: _none, ...without } = worker(() => 0);
    expect(await play(logicOf(without), input)).toMatchObject([{ value: { ok: false, failure: { code: "WorkerCrashed" } } }]);
  });

  it("tells watchers what the function logs, each as text, cut when long", async () => {
    const chatty = worker((_brief: unknown, use: { log: (text: unknown) => void }) => {
      for (const text of ["one", 2, undefined, "x".repeat(10_000)]) use.log(text);
      return "done";
    });
    const notes = (await play(logicOf(chatty), input))
      .filter(({ type }) => type === "effect.part")
      .map(({ value }) => String(value));
    expect(notes.slice(0, 3)).toEqual(["one", "2", "undefined"]);
    expect(notes[3]?.length).toBeLessThan(4_100);
  });

  it("is called again after a crash if it had said nothing", async () => {
    let times = 0;
    const logic = logicOf(worker(() => (times++ === 0 ? never : "second")));
    expect(await playTwice(logic, input)).toEqual([{ type: "done", value: { ok: true, output: "second" } }]);
  });

  it("is stopped by its signal, and left to itself when it does not hear", async () => {
    const heard = deferred<string>();
    const polite = worker((_brief: unknown, { signal }: { signal: AbortSignal }) => {
      signal.addEventListener("abort", () => heard.resolve("cleaned up"), { once: true });
      return heard.promise;
    });
    expect(await play(logicOf(polite), input, { stop: true })).toMatchObject([
      { type: "effect.orphaned", value: { ok: true, output: "cleaned up" } },
    ]);
    expect(await play(logicOf(worker(() => never)), input, { stop: true, waitMs: GRACE_MS })).toMatchObject([
      { type: "effect.orphaned" },
    ]);
  });
});
