import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { heapClock, MAX_WAIT_MS, systemClock } from "../../src/host/clocks.ts";
import { Timers } from "../../src/host/timers.ts";

describe("the clock of the machine", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([0, 1, MAX_WAIT_MS, MAX_WAIT_MS + 1, 2 * MAX_WAIT_MS, 3 * MAX_WAIT_MS + 5])("waits %d ms, not less", async (ms) => {
    let fired = 0;
    systemClock().setTimeout(() => fired++, ms);
    await vi.advanceTimersByTimeAsync(Math.max(0, ms - 1));
    expect(fired).toBe(ms === 0 ? 1 : 0);
    await vi.advanceTimersByTimeAsync(1);
    expect(fired).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("forgets a wait that was cancelled, also one that is waited in pieces", async () => {
    const clock = systemClock();
    let fired = 0;
    const wait = clock.setTimeout(() => fired++, 2 * MAX_WAIT_MS);
    await vi.advanceTimersByTimeAsync(MAX_WAIT_MS + 1);
    clock.clearTimeout(wait);
    for (const nothing of [undefined, null, 3, {}]) clock.clearTimeout(nothing);
    await vi.advanceTimersByTimeAsync(2 * MAX_WAIT_MS);
    expect([fired, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it("tells each second until nobody listens", async () => {
    let heard = 0;
    const stop = systemClock().everySecond?.(() => heard++);
    await vi.advanceTimersByTimeAsync(2_999);
    stop?.();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(heard).toBe(2);
  });
});

describe("a clock over a heap", () => {
  it("sets waits from now on, tells that it did, and takes them back", () => {
    const timers = new Timers();
    let changes = 0;
    const clock = heapClock(
      timers,
      () => 100,
      () => changes++,
    );
    const wait = clock.setTimeout(() => undefined, 5);
    clock.setTimeout(() => undefined, -5);
    expect([changes, timers.size, timers.nextDueAt()]).toEqual([2, 2, 100]);
    clock.clearTimeout(wait);
    for (const nothing of [undefined, null, 3, "wait", {}, { fire: 1 }, { cancelled: false }]) clock.clearTimeout(nothing);
    expect(timers.size).toBe(1);
    timers.takeDue(100);
    expect(timers.nextDueAt()).toBeUndefined();
  });
});
