import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FAILURE_CODES, failure } from "../../src/core/failure.ts";
import { createGovernor, laneOf, signalOf, type Governor, type Place } from "../../src/model/governor.ts";
import type { LaneSignal, LaneState } from "../../src/model/lane.ts";
import type { TurnOutcome } from "../../src/protocol/turn.ts";
import { FakeClock } from "./helpers.ts";

const LANE = "default/claude-sonnet-5-5";

/** A caller as the host makes one: asks, and asks again when woken. */
class Caller implements Place {
  readonly clock: FakeClock;
  readonly #governor: Governor;
  /** Wakes since the last refusal. */
  wakes = 0;
  state: "outside" | "waiting" | "inside" | "gone" = "outside";
  leave: () => void = () => undefined;

  constructor(governor: Governor, clock: FakeClock) {
    this.#governor = governor;
    this.clock = clock;
  }

  ask(): void {
    this.wakes = 0;
    const leave = this.#governor.enter(LANE, this);
    this.state = leave ? "inside" : "waiting";
    if (leave) this.leave = leave;
  }

  wake(): void {
    this.wakes += 1;
  }

  /** What a host does on its next turn. */
  answerWake(): void {
    if (this.state === "waiting" && this.wakes > 0) this.ask();
  }

  done(): void {
    this.state = "gone";
    this.leave();
  }
}

interface World {
  readonly governor: Governor;
  readonly clock: FakeClock;
  readonly state: () => LaneState;
  readonly callers: (count: number) => Caller[];
}

function world(options = {}): World {
  const governor = createGovernor(options);
  const clock = new FakeClock(0);
  let states: readonly LaneState[] = [];
  governor.states$.subscribe((next) => (states = next));
  return {
    governor,
    clock,
    state: () => states[0]!,
    callers: (count) => Array.from({ length: count }, () => new Caller(governor, clock)),
  };
}

describe("the cap", () => {
  it("lets eight in, and the ninth when one leaves", () => {
    const { callers, state } = world();
    const all = callers(9);
    for (const caller of all) caller.ask();
    expect(all.map((caller) => caller.state).filter((one) => one === "inside")).toHaveLength(8);
    expect(state()).toMatchObject({ inFlight: 8, waiting: 1 });
    all[0]!.done();
    expect(all[8]!.wakes).toBe(1);
    all[8]!.answerWake();
    expect(all[8]!.state).toBe("inside");
  });

  it("counts a leave once", () => {
    const { callers, state } = world({ concurrency: 2 });
    const [a, b, c] = callers(3);
    for (const caller of [a!, b!, c!]) caller.ask();
    a!.leave();
    a!.leave();
    a!.leave();
    c!.answerWake();
    expect(state().inFlight).toBe(2);
  });

  it("loses nobody when the one who is woken first never comes back", () => {
    const { callers } = world({ concurrency: 1 });
    const [inside, stopped, patient] = callers(3);
    for (const caller of [inside!, stopped!, patient!]) caller.ask();
    stopped!.state = "gone";
    inside!.done();
    patient!.answerWake();
    expect(patient!.state).toBe("inside");
  });

  it("wakes all others although one throws", () => {
    const { governor, callers, clock } = world({ concurrency: 1 });
    const [inside, patient] = callers(2);
    inside!.ask();
    const bad: Place = {
      clock,
      wake: () => {
        throw new Error("bad host");
      },
    };
    expect(governor.enter(LANE, bad)).toBeUndefined();
    patient!.ask();
    expect(() => inside!.leave()).toThrow("bad host");
    expect(patient!.wakes).toBe(1);
  });

  it("keeps lanes apart", () => {
    const { governor, clock } = world({ concurrency: 1 });
    const place = { clock, wake: () => undefined };
    expect(governor.enter("a", place)).toBeTypeOf("function");
    expect(governor.enter("b", place)).toBeTypeOf("function");
    expect(governor.enter("a", place)).toBeUndefined();
  });
});

describe("pauses", () => {
  const paused = (signal: LaneSignal) => {
    const { governor, clock, callers, state } = world();
    const [first, second] = callers(2);
    first!.ask();
    governor.learned(LANE, signal);
    second!.ask();
    return { clock, second: second!, until: state().pausedUntil, timers: clock.timers };
  };

  it("a 429 stops everybody for as long as it says", () => {
    const { clock, second, timers } = paused({ kind: "limited", retryAfterMs: 12_000 });
    expect([second.state, timers]).toEqual(["waiting", 1]);
    clock.advance(11_999);
    expect(second.wakes).toBe(0);
    clock.advance(1);
    expect([second.wakes, clock.timers]).toEqual([1, 0]);
    second.answerWake();
    expect(second.state).toBe("inside");
  });

  it("reads headers: retry-after, exhausted limits (60 s at most), else 5 s after a 429", () => {
    const reset = (ms: number) =>
      new Headers({
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": new Date(ms).toISOString(),
      });
    expect(paused({ kind: "limited", headers: new Headers({ "retry-after": "3" }) }).until).toBe(3_000);
    expect(paused({ kind: "ok", headers: reset(4_000) }).until).toBe(4_000);
    expect(paused({ kind: "ok", headers: reset(9e12) }).until).toBe(60_000);
    expect(paused({ kind: "ok", headers: new Headers({ "retry-after": "3" }) }).until).toBeNull();
    expect(paused({ kind: "limited" }).until).toBe(5_000);
    expect(paused({ kind: "ok" }).until).toBeNull();
  });

  it("takes the longer of two pauses, and moves the timer", () => {
    const { governor, clock, callers } = world();
    const [caller] = callers(1);
    governor.enter(LANE, caller!)?.();
    governor.learned(LANE, { kind: "limited", retryAfterMs: 1_000 });
    caller!.ask();
    governor.learned(LANE, { kind: "limited", retryAfterMs: 10_000 });
    governor.learned(LANE, { kind: "limited", retryAfterMs: 2_000 });
    clock.advance(9_999);
    expect([caller!.wakes, clock.timers]).toEqual([0, 1]);
    clock.advance(1);
    expect([caller!.wakes, clock.timers]).toEqual([1, 0]);
  });

  it("serves runs with clocks of their own: one that ends takes only its own timer along", () => {
    const { governor } = world();
    const [mine, theirs] = [new FakeClock(0), new FakeClock(0)];
    const [a, b] = [new Caller(governor, mine), new Caller(governor, theirs)];
    a.ask();
    governor.learned(LANE, { kind: "limited", retryAfterMs: 1_000 });
    const c = new Caller(governor, mine);
    c.ask();
    b.ask();
    expect([mine.timers, theirs.timers]).toEqual([1, 1]);
    theirs.advance(1_000);
    expect([b.wakes, c.wakes]).toEqual([1, 0]);
    mine.advance(1_000);
    expect([c.wakes, mine.timers, theirs.timers]).toEqual([1, 0, 0]);
  });
});

describe("overload", () => {
  it("halves the cap after a 529 and gives one back per success", () => {
    const { governor, state, callers } = world();
    callers(1)[0]!.ask();
    governor.learned(LANE, { kind: "overloaded" });
    expect(state().allowed).toBe(4);
    const seen = Array.from({ length: 6 }, () => {
      governor.learned(LANE, { kind: "ok" });
      return state().allowed;
    });
    expect(seen).toEqual([5, 6, 7, 8, 8, 8]);
  });

  it("opens the breaker after five failures in a row over all callers, then lets one probe through", () => {
    const { governor, clock, callers, state } = world();
    const [before, probe, other] = callers(3);
    before!.ask();
    for (let count = 1; count <= 4; count++) governor.learned(LANE, { kind: count % 2 ? "overloaded" : "failed" });
    expect(state().breaker).toBe("closed");
    governor.learned(LANE, { kind: "failed" });
    before!.done();
    expect(state()).toMatchObject({ breaker: "open", openUntil: 30_000 });
    probe!.ask();
    other!.ask();
    clock.advance(30_000);
    probe!.answerWake();
    other!.answerWake();
    expect([state().breaker, probe!.state, other!.state, clock.timers]).toEqual(["half-open", "inside", "waiting", 0]);
    governor.learned(LANE, { kind: "ok" });
    expect([state().breaker, other!.wakes]).toEqual(["closed", 1]);
  });

  it("opens again when the probe fails, and tries another when it says nothing", () => {
    for (const verdict of ["failed", "cancelled"] as const) {
      const { governor, clock, callers, state } = world({ breakAfter: 1 });
      const [probe, next] = callers(2);
      governor.enter(LANE, probe!)?.();
      governor.learned(LANE, { kind: "failed" });
      clock.advance(30_000);
      probe!.ask();
      next!.ask();
      if (verdict === "failed") governor.learned(LANE, { kind: "failed" });
      probe!.done();
      next!.answerWake();
      expect([state().breaker, next!.state]).toEqual(verdict === "failed" ? ["open", "waiting"] : ["half-open", "inside"]);
    }
  });

  it("a late success closes an open breaker at once and takes the timer back", () => {
    const { governor, clock, callers, state } = world({ breakAfter: 1 });
    const [late, patient] = callers(2);
    late!.ask();
    governor.learned(LANE, { kind: "failed" });
    patient!.ask();
    expect([state().breaker, clock.timers]).toEqual(["open", 1]);
    governor.learned(LANE, { kind: "ok" });
    expect([state().breaker, patient!.wakes, clock.timers]).toEqual(["closed", 1, 0]);
  });

  it("a success ends the row of failures", () => {
    const { governor, state, callers } = world();
    callers(1)[0]!.ask();
    for (const kind of ["failed", "failed", "failed", "failed", "ok", "failed", "limited", "failed"] as const)
      governor.learned(LANE, { kind });
    expect(state()).toMatchObject({ breaker: "closed", failuresInARow: 2 });
  });
});

describe("any course of events", () => {
  const signals = fc.record(
    {
      kind: fc.constantFrom<LaneSignal["kind"]>("ok", "limited", "overloaded", "failed"),
      retryAfterMs: fc.integer({ min: 0, max: 40_000 }),
    },
    { requiredKeys: ["kind"] },
  );
  const steps = fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.constant({ do: "ask" } as const) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("done" as const), who: fc.nat(30) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("stop" as const), who: fc.nat(30) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("learn" as const), signal: signals }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(20_000) }) },
      { weight: 3, arbitrary: fc.constant({ do: "answer wakes" } as const) },
    ),
    { maxLength: 60 },
  );

  it("keeps to the cap, wakes each waiter at most once per refusal, keeps no timer for nobody, loses nobody", () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 4 }), (course, concurrency) => {
        const { governor, clock, state, callers } = world({ concurrency, breakAfter: 3 });
        const all: Caller[] = [];
        const some = (who: number, wanted: Caller["state"]): Caller | undefined => {
          const fitting = all.filter((caller) => caller.state === wanted);
          return fitting[who % Math.max(1, fitting.length)];
        };
        const check = (): void => {
          const inside = all.filter((caller) => caller.state === "inside").length;
          const asleep = all.filter((caller) => caller.state === "waiting" && caller.wakes === 0);
          expect(all.every((caller) => caller.wakes <= 1)).toBe(true);
          expect(inside).toBeLessThanOrEqual(concurrency);
          if (all.length === 0) return;
          expect(state().inFlight).toBe(inside);
          // Stopped callers may still be among the waiting; nobody who waits may be missing.
          expect(state().waiting).toBeGreaterThanOrEqual(asleep.length);
          if (state().waiting === 0) expect(clock.timers).toBe(0);
          expect(clock.timers).toBeLessThanOrEqual(1);
          // Who sleeps has a reason: somebody inside will leave, or a timer runs.
          if (asleep.length > 0) expect(inside > 0 || clock.timers > 0).toBe(true);
        };
        for (const step of course) {
          if (step.do === "ask") all.push(...callers(1));
          if (step.do === "ask") all.at(-1)?.ask();
          if (step.do === "done") some(step.who, "inside")?.done();
          if (step.do === "stop") Object.assign(some(step.who, "waiting") ?? {}, { state: "gone", wakes: 0 });
          if (step.do === "learn") governor.learned(LANE, step.signal);
          if (step.do === "wait") clock.advance(step.ms);
          if (step.do === "answer wakes") for (const caller of all) caller.answerWake();
          // A stopped caller may be woken once more; that is not counted against the governor.
          for (const caller of all) if (caller.state === "gone") caller.wakes = 0;
          check();
        }
        // In the end everybody who still wants gets in.
        for (
          let round = 0;
          round < 200 && all.some((caller) => caller.state === "waiting" || caller.state === "inside");
          round++
        ) {
          for (const caller of all) caller.answerWake();
          for (const caller of all) if (caller.state === "inside") caller.done();
          clock.advance(10_000);
        }
        expect(all.every((caller) => caller.state === "gone")).toBe(true);
        // A place that was stopped while it waited for time keeps its timer until then, as nobody tells the governor.
        clock.advance(100_000);
        expect(clock.timers).toBe(0);
        expect(state()?.inFlight ?? 0).toBe(0);
      }),
      { numRuns: 400 },
    );
  });
});

describe("lanes and lessons", () => {
  it("names lanes by endpoint and model line", () => {
    const lane = (model: string, endpoint = "default") => laneOf({ endpoint, model });
    expect(lane("us.anthropic.claude-opus-5-5-v1:0")).toBe(lane("claude-opus-5-5"));
    expect(lane("claude-opus-4-8")).toBe(lane("claude-opus-4-5"));
    expect(lane("claude-opus-5")).not.toBe(lane("claude-opus-5-5"));
    expect(lane("qwen", "a")).not.toBe(lane("qwen", "b"));
  });

  it("learns from failures of the server only", () => {
    const lessons = FAILURE_CODES.flatMap((code) => {
      const outcome: TurnOutcome = {
        kind: "failed",
        failure: failure(code, "x", { retryAfterMs: 5 }),
        usage: null,
        usd: null,
        requestId: null,
      };
      const signal = signalOf(outcome);
      return signal ? [`${code} ${signal.kind} ${signal.retryAfterMs}`] : [];
    });
    expect(lessons).toEqual([
      "RateLimited limited 5",
      "Overloaded overloaded 5",
      "ServerFault failed 5",
      "NetworkFault failed 5",
      "StreamCut failed 5",
      "StreamStalled failed 5",
    ]);
  });

  it("shows lanes at once to whoever looks, and every change", () => {
    const { governor, callers } = world({ concurrency: 1 });
    const seen: string[] = [];
    callers(1)[0]!.ask();
    const subscription = governor.states$.subscribe((states) =>
      seen.push(states.map(({ lane, inFlight, waiting }) => `${lane} ${inFlight} ${waiting}`).join()),
    );
    callers(1)[0]!.ask();
    subscription.unsubscribe();
    callers(1)[0]!.ask();
    expect(seen).toEqual([`${LANE} 1 0`, `${LANE} 1 1`]);
  });
});
