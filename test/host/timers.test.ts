import fc from "fast-check";
import { expect, it } from "vitest";
import { type Timer, Timers } from "../../src/host/timers.ts";

it("timers fire in order of time, then of age, and cancelled ones never", () => {
  const command = fc.oneof(
    fc.record({ kind: fc.constant("add" as const), dueAt: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ kind: fc.constant("cancel" as const), which: fc.nat(200) }),
    fc.record({ kind: fc.constant("take" as const), now: fc.integer({ min: 0, max: 50 }) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 300 }), (commands) => {
      const timers = new Timers();
      const model: { readonly dueAt: number; readonly timer: Timer }[] = [];
      const all: Timer[] = [];
      for (const step of commands) {
        if (step.kind === "add") {
          const timer = timers.add(step.dueAt, () => undefined);
          model.push({ dueAt: step.dueAt, timer });
          all.push(timer);
        } else if (step.kind === "cancel") {
          const timer = all[step.which];
          const index = model.findIndex((each) => each.timer === timer);
          if (timer) timers.cancel(timer);
          if (index >= 0) model.splice(index, 1);
        } else {
          const [first] = model
            .filter(({ dueAt }) => dueAt <= step.now)
            .toSorted((a, b) => a.dueAt - b.dueAt || a.timer.order - b.timer.order);
          expect(timers.takeDue(step.now)).toBe(first?.timer);
          if (first) model.splice(model.indexOf(first), 1);
        }
        expect(timers.size).toBe(model.length);
        expect(timers.nextDueAt()).toBe(
          model.reduce<number | undefined>((least, { dueAt }) => Math.min(least ?? dueAt, dueAt), undefined),
        );
      }
    }),
    { numRuns: 200 },
  );
});

it("stand in line in the order in which they come, without those that never will", () => {
  const timers = new Timers();
  const [late, never, soon, gone] = [20, Number.POSITIVE_INFINITY, 10, 5].map((dueAt) => timers.add(dueAt, () => undefined));
  if (gone) timers.cancel(gone);
  expect(timers.inLine()).toEqual([soon, late]);
  expect(timers.size).toBe([late, never, soon].length);
});

it("long watchdogs that were cancelled cost no memory", () => {
  const timers = new Timers();
  for (let turn = 0; turn < 10_000; turn++) timers.cancel(timers.add(1_000_000 + turn, () => undefined));
  expect(timers.size).toBe(0);
  expect(timers.held).toBeLessThan(100);
});

it("fire in their order after most of them were cancelled", () => {
  const timers = new Timers();
  const all = Array.from({ length: 100 }, (_, index) => timers.add((index * 37) % 50, () => undefined));
  const left = all.filter((_, index) => index % 3 === 0);
  for (const timer of all) if (!left.includes(timer)) timers.cancel(timer);
  expect(timers.held).toBeLessThan(100);
  const taken = left.map(() => timers.takeDue(1_000));
  expect(taken).toEqual(left.toSorted((a, b) => a.dueAt - b.dueAt || a.order - b.order));
  expect([timers.takeDue(1_000), timers.size, timers.held]).toEqual([undefined, 0, 0]);
});

it("are all forgotten at once", () => {
  const timers = new Timers();
  const timer = timers.add(1, () => undefined);
  timers.cancel(timers.add(2, () => undefined));
  timers.clear();
  expect([timers.size, timers.held, timers.nextDueAt(), timers.takeDue(9), timer.cancelled]).toEqual([
    0,
    0,
    undefined,
    undefined,
    true,
  ]);
});
