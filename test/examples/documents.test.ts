// The generated parts of the documents are up to date: the picture of the machine and the table of supervision.
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { createMachine } from "xstate";
import { createOrchestrator } from "../../src/machines/index.ts";
import { stateDiagram } from "../../src/testing/coverage/state-diagram.ts";
import { BUILT_IN } from "../../src/workers/index.ts";
import { DEFAULT_POLICY } from "../../src/core/policy.ts";
import { floors } from "../project/support/floors.ts";
import { projectRoot } from "../project/support/source.ts";
import { flat, policyTable } from "./policy-table.ts";

interface Drawing {
  readonly drawMachine: (machine: unknown, draw: typeof stateDiagram) => string;
  readonly withDrawing: (text: string, drawing: string) => string;
}

const { drawMachine, withDrawing } = (await import(path.join(projectRoot, "tools/draw-machine.mjs"))) as Drawing;
const read = (file: string): string => readFileSync(path.join(projectRoot, file), "utf8");

describe("the picture in the README", () => {
  it("is the machine's (else: npm run -s build && node tools/node.mjs tools/draw-machine.mjs)", () => {
    const text = read("README.md");
    expect(withDrawing(text, drawMachine(createOrchestrator({ workers: BUILT_IN }), stateDiagram))).toBe(text);
  });

  it("shows regions, passes through states without a stop, and names what decides", () => {
    const machine = createMachine({
      initial: "active",
      states: {
        active: {
          type: "parallel",
          states: {
            work: {
              initial: "busy",
              states: {
                busy: { on: { stop: { target: "judging" } } },
                judging: { always: [{ guard: "isGood", target: "idle" }, { target: "#end" }] },
                idle: {},
              },
            },
            mood: { initial: "calm", states: { calm: { on: { shout: "angry" } }, angry: {} } },
          },
        },
        end: { id: "end", type: "final" },
      },
    });
    const drawn = drawMachine(machine, stateDiagram)
      .split("\n")
      .map((line) => line.trim());
    expect(drawn).toEqual([
      "stateDiagram-v2",
      "[*] --> active",
      "state active {",
      "state work {",
      "[*] --> busy",
      "busy --> idle : isGood",
      "}",
      "--",
      "state mood {",
      "[*] --> calm",
      "calm --> angry : shout",
      "}",
      "}",
      "active --> end",
      "end --> [*]",
    ]);
  });
});

describe("docs/concepts/supervision.md", () => {
  const text = flat(read("docs/concepts/supervision.md"));

  it("shows the table of the default policy", () => {
    expect(text).toContain(policyTable());
  });

  it("tells its numbers", () => {
    const { attempts, restarts, longestWaitMs, repairs } = DEFAULT_POLICY;
    expect(text).toContain(`${attempts} attempts`);
    expect(text).toContain(`${restarts.intensity} restarts in ${restarts.periodMs / 60_000} minutes`);
    expect(text).toContain(`longer than ${longestWaitMs / 60_000} minutes`);
    expect(text).toContain(`${repairs.plan} repair turns for a plan`);
  });
});

describe("ARCHITECTURE.md", () => {
  it("has the table of floors", () => {
    const text = flat(read("ARCHITECTURE.md"));
    const rows = floors.map((folders, floor) => `| ${floor} | ${folders.map((folder) => `\`${folder}\``).join(", ")} | `);
    for (const row of rows) expect(text).toContain(row);
  });

  it("names only files that exist", () => {
    const named = [...read("ARCHITECTURE.md").matchAll(/`((?:src|test|tools|bench)\/[\w./-]+)`/g)].map((match) => match[1] ?? "");
    expect(named.length).toBeGreaterThan(20);
    for (const file of named) expect(() => readFileSync(path.join(projectRoot, file))).not.toThrow(/ENOENT/);
  });
});
