import { describe, expect, it } from "vitest";
import { bounded, GRACE_MS } from "../../src/actors/bounded.ts";
import { deferred, fakeClock, turn } from "../host/helpers.ts";
import { never } from "./play.ts";

function scene() {
  const controller = new AbortController();
  const time = fakeClock();
  return { ...time, time, controller, signal: controller.signal };
}

describe("work of others", () => {
  it("settles as it does, well or badly, also in the grace", async () => {
    const { clock, signal, controller } = scene();
    expect(await bounded({ clock, signal }, Promise.resolve(1), () => 2)).toBe(1);
    await expect(bounded({ clock, signal }, Promise.reject(new Error("no")), () => 2)).rejects.toThrow("no");
    const work = deferred<number>();
    const waiting = bounded({ clock, signal }, work.promise, () => 2);
    controller.abort();
    work.resolve(3);
    expect(await waiting).toBe(3);
  });

  it("is left to itself after the grace, not before, also when it was stopped before it began", async () => {
    for (const isEarly of [true, false]) {
      const { clock, signal, controller, advance } = scene();
      let given: number | undefined;
      if (isEarly) controller.abort();
      void bounded<number>({ clock, signal }, never, () => 2).then((value) => {
        given = value;
      });
      controller.abort();
      await advance(GRACE_MS - 1);
      expect(given).toBeUndefined();
      await advance(1);
      expect(given).toBe(2);
    }
  });

  it("leaves no timer behind", async () => {
    const { clock, signal, controller, time } = scene();
    const work = deferred<number>();
    const waiting = bounded({ clock, signal }, work.promise, () => 2);
    controller.abort();
    expect(time.waiting).toBe(1);
    work.resolve(1);
    await waiting;
    await turn();
    expect(time.waiting).toBe(0);
  });
});
