// Watchdogs and frames, marble by marble: one frame of the diagram is one millisecond.
import { of } from "rxjs";
import { TestScheduler } from "rxjs/testing";
import { describe, expect, it } from "vitest";
import { framed } from "../../src/model/frames.ts";
import type { TurnEvent } from "../../src/model/port.ts";
import { schedulerFrom } from "../../src/model/scheduler.ts";
import { StallError, watched } from "../../src/model/watchdog.ts";
import type { TurnOutcome } from "../../src/protocol/turn.ts";
import { FakeClock } from "./helpers.ts";

const marbles = (): TestScheduler => new TestScheduler((actual, expected) => expect(actual).toEqual(expected));

describe("watchdogs", () => {
  const limits = { bytesMs: 5, progressMs: 13, turnMs: 30 };
  /** `p` is a ping, anything else is progress. */
  const cases: readonly { name: string; source: string; result: string; error?: keyof typeof limits }[] = [
    { name: "pass a lively stream", source: "a---b---c---|", result: "a---b---c---|" },
    { name: "bark when nothing ever comes", source: "-", result: "-----#", error: "bytesMs" },
    { name: "bark at silence after a value", source: "a-p---------", result: "a-p----#", error: "bytesMs" },
    { name: "bark at pings only", source: "a--p--p--p--p--p--p", result: "a--p--p--p--p#", error: "progressMs" },
    {
      name: "let progress start the longer watch anew",
      source: "a--p--p--b--p--p--p--p--p",
      result: "a--p--p--b--p--p--p--p#",
      error: "progressMs",
    },
    {
      name: "bark at a turn without end",
      source: "a---a---a---a---a---a---a---a---a---a",
      result: "a---a---a---a---a---a---a---a-#",
      error: "turnMs",
    },
    { name: "pass errors on", source: "a-#", result: "a-#" },
  ];
  it.each(cases)("$name", ({ source, result, error }) => {
    const scheduler = marbles();
    scheduler.run(({ cold, expectObservable }) => {
      const thrown = error === undefined ? "error" : new StallError(error, limits[error]);
      expectObservable(cold(source).pipe(watched(limits, (value) => value !== "p", scheduler))).toBe(result, undefined, thrown);
    });
  });

  it("unsubscribe from their source when they bark, and leave no timer when the source ends", () => {
    const scheduler = marbles();
    scheduler.run(({ cold, expectSubscriptions, expectObservable }) => {
      const silent = cold("a----------");
      expectObservable(silent.pipe(watched(limits, () => true, scheduler))).toBe(
        "a----#",
        undefined,
        new StallError("bytesMs", 5),
      );
      expectSubscriptions(silent.subscriptions).toBe("^----!");
    });
    const clock = new FakeClock();
    of(1, 2)
      .pipe(watched(limits, () => true, schedulerFrom(clock)))
      .subscribe();
    expect(clock.timers).toBe(0);
  });
});

describe("frames", () => {
  const delta = (text: string, kind: "text" | "thinking" = "text"): TurnEvent => ({
    kind: "delta",
    delta: { conversation: "c", turn: 1, kind, text },
  });
  const outcome: TurnEvent = { kind: "outcome", outcome: { kind: "failed" } as TurnOutcome };
  const values = { a: delta("a"), b: delta("b"), t: delta("t", "thinking"), o: outcome, A: delta("ab"), B: delta("ba") };
  const cases: readonly { name: string; source: string; result: string }[] = [
    { name: "join what comes within a frame", source: "ab-----------(o|)", result: "----A--------(o|)" },
    { name: "keep frames apart", source: "ab------ba---(o|)", result: "----A-------B(o|)" },
    { name: "keep kinds apart, in order", source: "atb----------(o|)", result: "----(atb)----(o|)" },
    { name: "leave nothing behind the outcome", source: "a(bo|)", result: "-(Ao|)" },
    { name: "leave when everything comes at once", source: "(abo|)", result: "(Ao|)" },
    { name: "pass an outcome without deltas", source: "---(o|)", result: "---(o|)" },
    { name: "pass deltas of a turn that was given up", source: "ab-|", result: "---(A|)" },
  ];
  it.each(cases)("$name", ({ source, result }) => {
    const scheduler = marbles();
    scheduler.run(({ cold, expectObservable }) => {
      expectObservable(cold(source, values).pipe(framed(scheduler, 4))).toBe(result, values);
    });
  });
});

describe("the scheduler on a host's clock", () => {
  it("runs work when its clock gets there, in order, and can be called off", () => {
    const clock = new FakeClock(1_000);
    const scheduler = schedulerFrom(clock);
    const ran: string[] = [];
    const note = (text: string) => () => {
      ran.push(`${text} ${scheduler.now()}`);
    };
    scheduler.schedule(note("late"), 20);
    const soon = scheduler.schedule(note("soon"), 10);
    scheduler.schedule(note("never"), 15).unsubscribe();
    scheduler.schedule(note("at once"));
    clock.advance(30);
    expect(soon.closed).toBe(true);
    expect(ran).toEqual(["at once 1000", "soon 1010", "late 1020"]);
    expect(clock.timers).toBe(0);
  });

  it("lets work schedule itself again until it is called off", () => {
    const clock = new FakeClock(0);
    const seen: number[] = [];
    const work = schedulerFrom(clock).schedule(
      function again(this, state = 0) {
        seen.push(state);
        this.schedule(state + 1, 10);
      },
      5,
      1,
    );
    clock.advance(26);
    expect(seen).toEqual([1, 2, 3]);
    work.unsubscribe();
    clock.advance(100);
    expect([seen.length, clock.timers, work.closed]).toEqual([3, 0, true]);
  });
});
