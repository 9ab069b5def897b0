import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { QuatrainError, messageOf } from "../../src/core/errors.ts";
import { FAILURES, FAILURE_CODES, failure, isFailureCode, rootCause } from "../../src/core/failure.ts";
import { attemptId, parseAttemptId, runId, taskId, taskIdAt, taskIndex, workerActorId } from "../../src/core/ids.ts";
import { draw, randomFrom, seedFrom } from "../../src/core/random.ts";
import { unreachable } from "../../src/core/unreachable.ts";

describe("ids", () => {
  it("count tasks from t1 and back", () => {
    fc.assert(
      fc.property(fc.nat(1e6), (index) => {
        expect(taskIndex(taskIdAt(index))).toBe(index);
      }),
    );
  });

  it("count only what is written as a task is", () => {
    const near = fc
      .array(fc.constantFrom("t", "0", "1", "9", ":", "/", " ", "a"), { maxLength: 5 })
      .map((signs) => signs.join(""));
    fc.assert(
      fc.property(near, (id) => {
        expect(taskIndex(id)).toBe(/^t[1-9]\d*$/.test(id) ? Number(id.slice(1)) - 1 : Number.NaN);
      }),
    );
  });

  it.each(["", "t", "t0", "t01", "t-1", "t1x", "T1", "t1.5", "__proto__", "t1#1"])("%j is no task", (id) => {
    expect(taskIndex(id)).toBeNaN();
  });

  it("name attempts and read them back, also as actors", () => {
    fc.assert(
      fc.property(fc.nat(1e4), fc.integer({ min: 1, max: 99 }), (index, attempt) => {
        const named = { task: taskIdAt(index), attempt };
        expect(parseAttemptId(attemptId(named.task, attempt))).toEqual(named);
        expect(parseAttemptId(workerActorId(named.task, attempt))).toEqual(named);
      }),
    );
  });

  it.each(["", "t1", "t1#0", "t1#01", "worker:plan", "plan", "t1#1#2", "wake:t1#1", "t1#1\n"])("%j is no attempt", (id) => {
    expect(parseAttemptId(id)).toBeUndefined();
  });

  it("are the texts they were made of", () => {
    expect([runId("r-1"), taskId("t1")]).toEqual(["r-1", "t1"]);
  });
});

describe("random", () => {
  it("draws the same from the same state, inside [0, 1)", () => {
    fc.assert(
      fc.property(fc.integer(), (state) => {
        const { value, next } = draw(state);
        expect(draw(state)).toEqual({ value, next });
        expect(value >= 0 && value < 1).toBe(true);
        expect(Number.isInteger(next) && next !== state).toBe(true);
      }),
    );
  });

  it("gives the same numbers from the same seed, and others from others", () => {
    const take = (seed: number) => Array.from({ length: 5 }, randomFrom(seed));
    expect(take(7)).toEqual(take(7));
    expect(take(7)).not.toEqual(take(8));
  });

  it("spreads evenly", () => {
    const random = randomFrom(1);
    const buckets = Array.from({ length: 10 }, () => 0);
    for (let index = 0; index < 10_000; index++) buckets[Math.floor(random() * 10)]! += 1;
    for (const count of buckets) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });

  it("turns texts into different whole seeds", () => {
    const seeds = new Set(Array.from({ length: 2_000 }, (_, index) => seedFrom(`r-${index}`)));
    expect(seeds.size).toBe(2_000);
    expect([...seeds].every((seed) => Number.isInteger(seed))).toBe(true);
  });
});

describe("failures", () => {
  it("have a nature each", () => {
    expect(FAILURE_CODES).toHaveLength(Object.keys(FAILURES).length);
    for (const code of FAILURE_CODES) {
      expect(["turn", "attempt", "run"]).toContain(FAILURES[code].level);
      expect(failure(code, "why")).toEqual({ code, message: "why", retryable: FAILURES[code].retryable });
      // Nobody tries a failure of the whole run again by himself.
      if (FAILURES[code].level === "run") expect(FAILURES[code].retryable).toBe(false);
      if (FAILURES[code].level === "turn") expect(FAILURES[code].retryable).toBe(true);
    }
  });

  it.each(["", "internal", "__proto__", "constructor", "toString"])("%j is no code", (text) => {
    expect(isFailureCode(text)).toBe(false);
  });

  it("lead to their deepest cause", () => {
    const root = failure("Refused", "no");
    const outer = failure("DependencyFailed", "b", { cause: failure("DependencyFailed", "a", { cause: root }) });
    expect(rootCause(outer)).toBe(root);
    expect(rootCause(root)).toBe(root);
  });
});

describe("errors", () => {
  it("are known by their mark, not by their class", () => {
    const error = new QuatrainError("BadOption", "x", { cause: 1 });
    expect(error).toMatchObject({ name: "QuatrainError", code: "BadOption", message: "x", cause: 1 });
    const fromAnotherCopy = Object.assign(new Error("x"), { [Symbol.for("quatrain.error")]: true });
    expect([error, fromAnotherCopy].every(QuatrainError.is)).toBe(true);
    expect([null, undefined, "x", new Error("x"), {}].some(QuatrainError.is)).toBe(false);
  });

  it("tell a message of whatever was thrown, and never throw themselves", () => {
    const nasty = {
      toString() {
        throw new Error("no");
      },
    };
    const cases: readonly (readonly [unknown, string])[] = [
      [new Error("why"), "why"],
      [Object.assign(new TypeError("x"), { message: "" }), "TypeError"],
      ["text", "text"],
      [undefined, "undefined"],
      [null, "null"],
      [42, "42"],
      [Symbol("s"), "Symbol(s)"],
      [{ message: "plain", code: "X" }, "plain"],
      [{ a: 1 }, '{"a":1}'],
    ];
    for (const [thrown, message] of cases) expect(messageOf(thrown)).toBe(message);
    for (const thrown of [nasty, Object.create(null), { toJSON: nasty.toString }, new Proxy({}, { get: nasty.toString })])
      expect(messageOf(thrown)).toMatch(/./);
  });

  it("name the value that has no case", () => {
    expect(() => unreachable("x" as never)).toThrow('This value has no case: "x"');
  });
});
