// docs/reference/cli.md is true: every command, flag, exit code, event and result field, and no other.
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { EXIT } from "../../src/cli/exit-code.ts";
import { SIGNAL_CODES } from "../../src/cli/io.ts";
import { errorLine, resultLine } from "../../src/cli/result-line.ts";
import { runOutput } from "../../src/machines/run-events.ts";
import { startRun } from "../../src/machines/run-state.ts";
import { foldLedger } from "../../src/model/ledger-fold.ts";
import { DEFAULT_POLICY } from "../../src/core/policy.ts";
import { RunEvent } from "../../src/protocol/run-event.ts";
import { ended } from "./helpers.ts";

const text = readFileSync(path.resolve(import.meta.dirname, "../../docs/reference/cli.md"), "utf8");
const COMMANDS = [
  "run",
  "plan",
  "resume",
  "fork",
  "continue",
  "runs",
  "show",
  "export",
  "import",
  "replay",
  "tell",
  "answer",
  "pause",
  "cancel",
  "skip",
  "retry",
  "stand-in",
  "init",
  "demo",
  "doctor",
] as const;

describe("the reference of the command line", () => {
  it("names every command, and only those", async () => {
    const { stdout, code } = await ended(["--help"]);
    const shown = [...stdout.slice(stdout.indexOf("Commands:")).matchAll(/^ {2}([a-z-]+)(?: |$)/gm)].map((match) => match[1]);
    expect(shown).toEqual(COMMANDS);
    expect([...new Set([...text.matchAll(/^\| `quatrain ([a-z-]+)/gm)].map((match) => match[1]))]).toEqual(COMMANDS);
    expect(code).toBe(0);
  });

  it("names every flag, and only those", async () => {
    const helps = await Promise.all(COMMANDS.map((command) => ended([command, "--help"])));
    const real = new Set(
      helps.flatMap(({ stdout }) => [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map((match) => match[1])),
    );
    const told = new Set([...text.matchAll(/`(--[a-z][a-z-]*)/g)].map((match) => match[1]));
    expect(told).toEqual(real);
  });

  it("names every event with its fields", () => {
    const told = [...text.matchAll(/^\| `([a-z]+\.[a-z]+)` +\| ([^|]+) \|/gm)].map(
      ([, type, fields]) => `${type}: ${fields?.trim()}`,
    );
    const real = RunEvent.options.map(
      ({ shape }) =>
        `${shape.type.value}: ${Object.keys(shape)
          .filter((name) => name !== "type" && name !== "at")
          .join(", ")}`,
    );
    expect(told).toEqual(real);
  });

  it("names every exit code", () => {
    const table = text.slice(text.indexOf("## Exit codes"), text.indexOf("The first signal"));
    const told = [...table.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap((match) => (match[1] ?? "").split(",").map(Number));
    expect(told.toSorted((a, b) => a - b)).toEqual(
      [...Object.values(EXIT), ...Object.values(SIGNAL_CODES)].toSorted((a, b) => a - b),
    );
  });

  it("names every field of the result", () => {
    const rules = {
      policy: DEFAULT_POLICY,
      cards: [],
      tools: {},
      checkPlan: () => ({ ok: false as const, issues: [] }),
      checkSplit: () => ({ ok: false as const, issues: [] }),
    };
    const context = startRun(undefined, rules);
    const ledger = foldLedger([], { models: context.models });
    const output = { ...runOutput(context), ledger } as Parameters<typeof resultLine>[0];
    const whole = resultLine(output, { exitCode: 0, resultFolder: null, applied: null, notApplied: null, resume: null });
    const table = text.slice(text.indexOf("| field of `result`"));
    const told = [...table.matchAll(/^\| ([a-zA-Z, ]+) \|/gm)].flatMap((match) => (match[1] ?? "").trim().split(", "));
    expect(told.toSorted()).toEqual(
      [...new Set([...Object.keys(whole), ...Object.keys(errorLine("x", "y", 2)), "plan"])].toSorted(),
    );
  });
});
