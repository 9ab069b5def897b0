// Stands in for "vitest" in the laboratory: the same words, but tests are only collected here, so that the laboratory
// can run any of them, as often as it likes, in a process that is already warm. `expect` and `vi` are vitest's own.
import { setTimeout as wait } from "node:timers/promises";
import fc from "fast-check";
import { expect as expectNow, expectTypeOf, vi } from "vitest";

export { expectTypeOf, vi };

// The same random cases for every mutant, and in every run of the proof.
fc.configureGlobal({ seed: 1 });

/** vitest's own `poll` asks for a test of its own. */
// oxlint-disable-next-line vitest/no-standalone-expect, vitest/valid-expect -- this is where tests get it from
export const expect = Object.assign((...given) => expectNow(...given), expectNow, { poll });

let current = null;

/** What a test file declares: `[{ name, hooks, perform }]`, hooks from the outermost block to the test. */
export async function collect(declare) {
  const tests = [];
  current = { name: [], hooks: [], tests };
  await declare();
  current = null;
  return tests;
}

export const describe = Object.assign(block, { each: eachOf(block) });
export const it = Object.assign(test, {
  each: eachOf(test),
  runIf: (condition) => (condition ? test : () => undefined),
});
export const beforeEach = (run) => current.hooks.push({ before: run });
export const afterEach = (run) => current.hooks.push({ after: run });
export const beforeAll = (run) => current.hooks.push({ before: once(run) });
/** The world around the laboratory is thrown away; nothing is put in order after the last test. */
export const afterAll = () => undefined;

function poll(read, { timeout = 1_000 } = {}) {
  const retry =
    (check) =>
    async (...given) => {
      const until = performance.now() + timeout;
      for (;;) {
        try {
          return check(expectNow(await read()), given);
        } catch (error) {
          if (performance.now() > until) throw error;
          await wait(10);
        }
      }
    };
  const matchers = (that) => ({ get: (_, name) => retry((expected, given) => that(expected)[name](...given)) });
  const not = new Proxy(
    {},
    matchers((expected) => expected.not),
  );
  return new Proxy({ not }, { get: (own, name) => own[name] ?? matchers((expected) => expected).get(own, name) });
}

function block(name, declare) {
  const outer = current;
  current = { ...outer, name: [...outer.name, String(name)], hooks: [...outer.hooks] };
  declare();
  current = outer;
}

function test(name, perform) {
  // Hooks that are declared further below in the same block count, too.
  current.tests.push({ name: [...current.name, String(name)].join(" > "), hooks: current.hooks, perform });
}

function eachOf(declare) {
  return (rows) => (name, perform) => {
    rows.forEach((row, index) => {
      declare(`${name} [${index}]`, () => (Array.isArray(row) ? perform(...row) : perform(row)));
    });
  };
}

function once(run) {
  let done;
  return () => (done ??= run());
}
