import { describe, expect, it } from "vitest";
import { createActor, setup } from "xstate";
import { memoryHost } from "quatrain/host";
import { SpentKeys } from "../../src/host/spent-keys.ts";
import { work } from "./helpers.ts";

/** Ids as runs have them: long, alike, and told apart by a few digits. */
function* ids(count: number): Generator<string> {
  for (let n = 0; n < count; n++)
    yield `worker:t${n % 997}#${n % 3}/conversation/turn:t${n % 997}#${n % 3}/turn/${Math.floor(n / 991)}.${n % 2}`;
}

describe("spent keys", () => {
  it("are all found again, none by mistake, in few bytes", () => {
    const keys = new SpentKeys();
    const exact = new Set<string>();
    for (const id of ids(40_000)) {
      if (keys.has(id) !== exact.has(id)) expect.fail(`${id} is mistaken`);
      keys.add(id);
      exact.add(id);
    }
    expect(exact.size).toBeGreaterThan(30_000);
    for (const id of exact) if (!keys.has(id)) expect.fail(`${id} is lost`);
    for (const id of exact) if (keys.has(`${id}0.`)) expect.fail(`${id}0. is mistaken`);
    expect(keys.bytes / exact.size).toBeLessThan(45);
  });

  it("tell texts apart that differ in one place, in order, or in length", () => {
    const keys = new SpentKeys();
    const texts = ["", "a", "b", "aa", "ab", "ba", "\u{0}", "\u{0}\u{0}", "ä", "a\u{308}", "a".repeat(5_000), "a".repeat(5_001)];
    for (const [index, text] of texts.entries()) {
      expect({ text: text.slice(0, 5), index, found: keys.has(text) }).toEqual({ text: text.slice(0, 5), index, found: false });
      keys.add(text);
    }
    expect(texts.every((text) => keys.has(text))).toBe(true);
  });

  it("hold for the life of a run, also after the actor is gone and its path comes again", async () => {
    const child = setup({ actors: { work: work(() => 1) } }).createMachine({
      initial: "on",
      states: { on: { invoke: { id: "work", src: "work", input: { key: "same" }, onDone: "off" } }, off: { type: "final" } },
    });
    const machine = setup({ actors: { child } }).createMachine({
      initial: "first",
      states: {
        first: { invoke: { id: "child", src: "child", onDone: "second" } },
        second: { invoke: { id: "child", src: "child", onDone: "never", onError: "told" } },
        never: {},
        told: { type: "final" },
      },
    });
    const host = memoryHost();
    const actor = createActor(machine, host.attach()).start();
    expect(await host.settled()).toMatchObject({ kind: "error", error: { code: "KeyReused" } });
    expect(actor.getSnapshot().value).not.toBe("never");
  });
});
