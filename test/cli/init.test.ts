// `quatrain init --tests`: the test that it writes runs, holds for good workers, and finds what is wrong with bad ones.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EXAMPLE_WORKERS } from "../../src/cli/init/example-text.ts";
import { ended as endedAnywhere, folders } from "./helpers.ts";

const places = folders();
let directory = "";

beforeEach(async () => {
  directory = await places.make();
});
afterEach(() => places.clean());

const ended = (...flags: readonly string[]) => endedAnywhere(["init", ...flags], { directory });
const put = (file: string, text: string) => writeFile(path.join(directory, file), text);
const read = (file: string) => readFile(path.join(directory, file), "utf8");

/** A module with one worker; `more` are fields of its definition. */
const moduleOf = (name: string, more: string): string =>
  `import { defineWorker } from "quatrain";\nexport const one = defineWorker({ name: "${name}", description: "d", ${more} });\n`;

interface Written {
  readonly name: string;
  readonly run: () => unknown;
}

/** Takes the tests of a written file in, without handing them to vitest. */
async function testsOf(file: string): Promise<readonly Written[]> {
  const collected = pathToFileURL(path.join(directory, "collected.ts")).href;
  await put(
    "collected.ts",
    `export { expect } from "quatrain/testing/vitest";
export const written: { name: string; run: () => unknown }[] = [];
export const test = Object.assign((name: string, run: () => unknown) => void written.push({ name, run }), {
  each: (rows: readonly { id: string }[]) => (name: string, run: (row: unknown) => unknown) => {
    for (const row of rows) written.push({ name: name.replace("$id", row.id), run: () => run(row) });
  },
});
`,
  );
  const text = (await read(file)).replace('"quatrain/testing/vitest"', JSON.stringify(collected)).replace("runs: 100", "runs: 5");
  await put(`run-${file}`, text.replaceAll("console.log(", "void ("));
  await import(pathToFileURL(path.join(directory, `run-${file}`)).href);
  const { written } = (await import(collected)) as { readonly written: readonly Written[] };
  return written;
}

/** Names of the written tests, each with `ok` or the first line of what it complains about. */
async function verdicts(file: string, which: RegExp = /./): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const { name, run } of (await testsOf(file)).filter((one) => which.test(one.name))) {
    try {
      await run();
      found[name] = "ok";
    } catch (error) {
      found[name] = String(error);
    }
  }
  return found;
}

describe("the written test", () => {
  it("holds for workers of all three kinds", async () => {
    const { code, stdout } = await ended("--tests", "--example");
    expect(stdout).toContain("Wrote quatrain.workers.ts: a worker of each kind, to begin with.\nWrote quatrain.test.ts: ");
    expect(code).toBe(0);
    expect(await verdicts("quatrain.test.ts")).toEqual({
      "the orchestrator keeps its promises in every state it can come to": "ok",
      "the real actors keep every promise in any order of results, failures and a crash": "ok",
      "a run that is killed at any moment and taken up again comes to the same end": "ok",
      "a hundred random runs keep every promise": "ok",
      "the machine review has none of the usual faults": "ok",
    });
  });

  it("fails for a policy that tries too often", async () => {
    await put("workers.ts", moduleOf("write", 'instructions: "You write."'));
    await ended("--tests");
    const policy = `{
      ...DEFAULT_POLICY, attempts: 6, restarts: { intensity: 100_000, periodMs: 1 },
      table: { ...DEFAULT_POLICY.table, WorkspaceFailed: { turn: [], attempt: Array.from({ length: 6 }, () => ({ do: "renew", change: {}, waitMs: [0, 0] })), then: "fail" } },
    }`;
    const text = (await read("quatrain.test.ts")).replace("const policy = {};", `const policy = ${policy} as const;`);
    await put("quatrain.test.ts", `import { DEFAULT_POLICY } from "quatrain";\n${text}`);
    const [verdict] = Object.values(await verdicts("quatrain.test.ts", /every state/));
    expect(verdict).toContain("attemptsHold");
  });

  it("fails for a machine that hangs, and for a promise that does not hold", async () => {
    await put(
      "workers.ts",
      `import { setup } from "xstate";\n${moduleOf(
        "review",
        'machine: setup({}).createMachine({ id: "review", initial: "stuck", states: { stuck: {}, over: { type: "final" } } })',
      )}`,
    );
    await ended("--tests");
    const hanging = await verdicts("quatrain.test.ts", /usual faults/);
    expect(hanging["the machine review has none of the usual faults"]).toMatch(/review\.stuck: /);
    await put("empty.ts", `import { setup } from "xstate";\n${moduleOf("write", EMPTY_MACHINE)}`);
    await ended("--tests", "--workers", "empty.ts", "--out", "empty.test.ts");
    const [broken] = Object.values(await verdicts("empty.test.ts", /real actors/));
    expect(broken).toContain("neverEmpty: t1 is finished, and its output is empty");
  });
});

const EMPTY_MACHINE =
  'machine: setup({}).createMachine({ id: "empty", initial: "over", states: { over: { type: "final" } }, output: { ok: true, output: "" } })';

describe("what is written", () => {
  it("names every worker, alone and in lists, by default or by name, once", async () => {
    await put(
      "team.ts",
      `import { defineWorker } from "quatrain";
const make = (name: string) => defineWorker({ name, description: "d", perform: () => name });
export const a = make("a");
export const team = [a, make("b")];
export default make("c");
export const helper = () => 1;
`,
    );
    const { stdout, code } = await ended("--tests", "--workers", "team.ts", "--out", "deep/er/team.spec.ts");
    expect(stdout).toContain("Wrote deep/er/team.spec.ts: a model-based test for a, b and c of team.ts.\nNext:\n");
    expect(stdout).toContain("  npx vitest run deep/er/team.spec.ts\n");
    expect(code).toBe(0);
    const text = await read("deep/er/team.spec.ts");
    expect(text).toContain('import * as own from "../../team.ts";');
    expect(text).toContain("const workers = [...own.team, own.default];");
  });

  it("makes inputs up that fit, and says which worker had to be left out", async () => {
    await put(
      "workers.ts",
      `import { defineWorker } from "quatrain";
import { z } from "zod";
const more = { description: "d", perform: () => "x" };
export const pick = defineWorker({ name: "pick", ...more, input: z.object({ count: z.int().min(3), "a-b": z.array(z.string()) }) });
export const never = defineWorker({ name: "never", ...more, input: z.object({ odd: z.string().refine(() => false) }) });
`,
    );
    await ended("--tests");
    const text = await read("quatrain.test.ts");
    expect(text).toMatch(/input: \{ count: \d+, "a-b": \[.*\] \}/);
    expect(text).toContain("// never is not in it: no input could be made up that fits its schema.");
    expect(text).not.toContain('worker: "never"');
  });

  it("overwrites nothing without --force, and nothing at all with --dry-run", async () => {
    await put("workers.ts", moduleOf("write", 'instructions: "w"'));
    await put("quatrain.test.ts", "mine");
    const refused = await ended("--tests");
    expect(refused.stderr).toBe(
      "quatrain: quatrain.test.ts is there already. --force overwrites it, --out names another file.\n",
    );
    expect(refused.code).toBe(2);
    const dry = await ended("--tests", "--dry-run");
    expect([dry.code, await read("quatrain.test.ts")]).toEqual([0, "mine"]);
    expect((await ended("--tests", "--force")).code).toBe(0);
    expect(await read("quatrain.test.ts")).toBe(dry.stdout);
  });

  it("is installed from what is missing", async () => {
    await put("workers.ts", moduleOf("write", 'instructions: "w"'));
    expect((await ended("--tests")).stdout).toContain(
      "Next:\n  npm install quatrain\n  npm install --save-dev vitest\n  npx vitest run",
    );
    for (const name of ["quatrain", "vitest"]) {
      await mkdir(path.join(directory, "node_modules", name), { recursive: true });
      await put(`node_modules/${name}/package.json`, "{}");
    }
    expect((await ended("--tests", "--force")).stdout).toContain("Next:\n  npx vitest run");
  });
});

describe("what is refused", () => {
  it.each<[string, Readonly<Record<string, string>>, readonly string[], RegExp]>([
    ["nothing to write", {}, [], /init does not know what to write\. Say: quatrain init --tests/],
    [
      "no file",
      {},
      ["--tests"],
      /There is no file with workers here; looked for quatrain\.workers\.ts, .*, src\/workers\.js\. .* --example/,
    ],
    ["a missing file", {}, ["--tests", "--workers", "x.ts"], /--workers is "x\.ts", and there is no such file/],
    [
      "a module that throws",
      { "w.ts": 'throw new Error("no key")' },
      ["--tests", "--workers", "w.ts"],
      /w\.ts can't be loaded: no key\. It has to load by itself/,
    ],
    [
      "a module without exports",
      { "w.ts": "export {}" },
      ["--tests", "--workers", "w.ts"],
      /w\.ts exports nothing\. Export what defineWorker returns/,
    ],
    [
      "a module without workers",
      { "w.ts": "export const a = 1, b = [], c = () => 1, d = null;" },
      ["--tests", "--workers", "w.ts"],
      /w\.ts exports a \(number\), b \(an empty list\), c \(function\), d \(null\): none of them is a worker/,
    ],
    [
      "a list with something else in it",
      { "w.ts": `${moduleOf("a", 'instructions: "i"')}export const all = [one, 5];` },
      ["--tests", "--workers", "w.ts"],
      /The list "all" of w\.ts holds workers, and at place 2 something else: number/,
    ],
    [
      "two workers with one name",
      { "w.ts": `${moduleOf("a", 'instructions: "i"')}export const two = { ...one };` },
      ["--tests", "--workers", "w.ts"],
      /w\.ts exports two workers named "a"/,
    ],
    [
      "a file that vitest does not run",
      { "workers.ts": moduleOf("a", 'instructions: "i"') },
      ["--tests", "--out", "x.ts"],
      /--out is "x\.ts"; vitest runs files such as/,
    ],
    [
      "an example over what is there",
      { "quatrain.workers.ts": "mine" },
      ["--tests", "--example"],
      /quatrain\.workers\.ts is there already/,
    ],
    [
      "a folder that can't be made",
      { "workers.ts": moduleOf("a", 'instructions: "i"') },
      ["--tests", "--out", "a.txt/x.test.ts"],
      /a\.txt\/x\.test\.ts can't be written: /,
    ],
  ])("%s", async (_name, files, flags, message) => {
    for (const [file, text] of Object.entries(files)) await put(file, text);
    const { code, stdout, stderr } = await ended(...flags);
    expect(stderr).toMatch(message);
    expect([code, stdout]).toEqual([2, ""]);
  });
});

it("has an example that Node can load as it is: only types to take away", () => {
  expect(EXAMPLE_WORKERS).not.toMatch(/\b(?:enum|namespace)\b/);
});
