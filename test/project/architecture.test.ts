// Holds the shape of the source tree: floors, borders, sizes. Every rule is also shown a planted offender, so that a rule
// that has gone blind fails here.
import { describe, expect, it } from "vitest";
import {
  actorValuesInMachines,
  cycles,
  doorImports,
  heavy,
  heavyChains,
  heavyForCommandLine,
  strayPackages,
  upwardImports,
  viewerImports,
} from "./support/floors.ts";
import {
  anys,
  assertions,
  baselessSuppressions,
  bigFiles,
  bigFunctions,
  notesToSelf,
  unscheduledStreams,
} from "./support/measures.ts";
import { parseSource, readSources } from "./support/source.ts";
import type { SourceFile } from "./support/source.ts";
import { doorSources, readPackage } from "./support/package.ts";

type Rule = (files: readonly SourceFile[]) => string[];

const { dependencies, peerDependencies } = readPackage();
const installed = new Set([...Object.keys(dependencies), ...Object.keys(peerDependencies)]);
const source = readSources(["src"]);
const everything = [...source, ...readSources(["test", "examples", "bench", "tools", "viewer"], [".ts", ".tsx", ".mjs", ".js"])];
const doors = doorSources();
const packages: Rule = (files) => strayPackages(files, installed);
const fromDoor: Rule = (files) => heavyChains(files, "src/model/index.ts", heavy);

/** Files that exist only here: what a rule must find. */
function plant(files: Readonly<Record<string, string>>): SourceFile[] {
  return Object.entries(files).map(([path, text]) => parseSource(path, text));
}

function longFunction(name: string, lines: number): string {
  return `export function ${name}() {\n${"  1;\n".repeat(lines)}}\n`;
}

describe("the source tree", () => {
  it("is there to be looked at", () => {
    expect(source.length).toBeGreaterThan(10);
  });

  it.each<[string, Rule, readonly SourceFile[]]>([
    ["imports only go down or stay in their folder", upwardImports, source],
    ["nothing inside imports a door", doorImports, source],
    ["no import cycles, types included", cycles, everything],
    ["packages are imported only where they belong", packages, source],
    ["machines know only types of actors", actorValuesInMachines, source],
    ["the viewer knows only types of the protocol", viewerImports, everything],
    ["streams run on the host's clock", unscheduledStreams, source],
    ["files are small", bigFiles, source],
    ["functions are small", bigFunctions, source],
    ["no any", anys, source],
    ["type assertions are rare", assertions, source],
    ["suppressions say why", baselessSuppressions, everything],
    ["no notes to self", notesToSelf, everything],
  ])("%s", (_name, rule, files) => {
    expect(rule(files).join("\n")).toBe("");
  });

  it("opening a door loads nothing heavy", () => {
    expect(doors.flatMap((door) => heavyChains(source, door, heavy)).join("\n")).toBe("");
  });

  it("printing version and help loads nothing heavy", () => {
    expect(heavyChains(source, "src/cli/main.ts", heavyForCommandLine).join("\n")).toBe("");
  });
});

describe("each rule finds what was planted", () => {
  it.each<[string, Rule, Readonly<Record<string, string>>, RegExp]>([
    ["an upward import", upwardImports, { "src/core/a.ts": `import { run } from "../run/a.ts";` }, /goes up/],
    ["an upward type import", upwardImports, { "src/core/a.ts": `import type { Run } from "../run/a.ts";` }, /goes up/],
    ["an upward type query", upwardImports, { "src/core/a.ts": `export type R = import("../run/a.ts").R;` }, /goes up/],
    ["an upward dynamic import", upwardImports, { "src/core/a.ts": `await import("../run/a.ts");` }, /goes up/],
    ["an upward re-export", upwardImports, { "src/core/a.ts": `export * from "../run/a.ts";` }, /goes up/],
    ["a sideways import", upwardImports, { "src/tools/a.ts": `import "../model/a.ts";` }, /sideways/],
    ["an unknown folder", upwardImports, { "src/helpers/a.ts": "" }, /missing in the table/],
    ["a file beside the folders", upwardImports, { "src/util.ts": "" }, /only index.ts/],
    ["an import that leaves src", upwardImports, { "src/core/a.ts": `import "../../tools/x.ts";` }, /leaves src/],
    ["the package's own name", upwardImports, { "src/run/a.ts": `import "quatrain/host";` }, /own name/],
    ["an imported door", doorImports, { "src/run/a.ts": `import "../host/index.ts";` }, /is a door/],
    [
      "a cycle of types",
      cycles,
      { "src/a/a.ts": `import type { B } from "./b.ts";`, "src/a/b.ts": `export * from "./a.ts";` },
      /a\.ts ↔ .*b\.ts/,
    ],
    ["a file that imports itself", cycles, { "src/a/a.ts": `import "./a.ts";` }, /a\.ts/],
    ["the SDK outside the model", packages, { "src/run/a.ts": `import "@anthropic-ai/sdk";` }, /belongs to src\/model/],
    [
      "the toolset outside the tools",
      packages,
      { "src/model/a.ts": `import "@anthropic-ai/sdk/tools/agent-toolset/node";` },
      /src\/tools/,
    ],
    ["SDK values in testing", packages, { "src/testing/a.ts": `import { x } from "@anthropic-ai/sdk";` }, /belongs/],
    ["a child process", packages, { "src/tools/a.ts": `import "node:child_process";` }, /src\/process/],
    ["node in a pure folder", packages, { "src/queue/a.ts": `import "node:fs";` }, /stay out/],
    ["node in the host's port", packages, { "src/host/port.ts": `import "node:fs";` }, /stay out/],
    ["xstate below the host", packages, { "src/queue/a.ts": `import type { A } from "xstate";` }, /belongs/],
    ["rxjs in a machine", packages, { "src/machines/a.ts": `import "rxjs";` }, /belongs/],
    ["a package nobody installs", packages, { "src/run/a.ts": `import "left-pad/x";` }, /neither/],
    [
      "an actor's value in a machine",
      actorValuesInMachines,
      { "src/machines/a.ts": `import { type A } from "../actors/a.ts";` },
      /import type/,
    ],
    [
      "a heavy door",
      fromDoor,
      { "src/model/index.ts": `export { a } from "./a.ts";`, "src/model/a.ts": `import "@anthropic-ai/sdk";` },
      /index\.ts → src\/model\/a\.ts → @anthropic/,
    ],
    [
      "a stream on the real clock",
      unscheduledStreams,
      { "src/run/a.ts": `import { timer as wait } from "rxjs"; wait(5);` },
      /without a scheduler/,
    ],
    ["a file of 401 lines", bigFiles, { "src/core/a.ts": "1;\n".repeat(401) }, /401 lines/],
    ["files that are large on the whole", bigFiles, { "src/core/a.ts": "1;\n".repeat(121) }, /median is 121/],
    ["a function of 61 lines", bigFunctions, { "src/run/a.ts": longFunction("long", 59) }, /long: 61 lines/],
    ["a long helper of a chart", bigFunctions, { "src/machines/a.ts": longFunction("helper", 59) }, /helper: 61 lines/],
    ["functions that are long on the whole", bigFunctions, { "src/run/a.ts": longFunction("long", 49) }, /p99 is 51/],
    ["an any", anys, { "src/core/a.ts": "const a: any[] = [];" }, /a\.ts:1 any/],
    ["an assertion", assertions, { "src/core/a.ts": "const a = 1 as unknown as string;" }, /2 assertions/],
    [
      "a baseless suppression",
      baselessSuppressions,
      { "src/core/a.ts": "// oxlint-disable-next-line no-console\nf();" },
      /oxlint-disable/,
    ],
    ["a note to self", notesToSelf, { "src/core/a.ts": "f(); // TODO later" }, /later/],
  ])("%s", (_name, rule, files, message) => {
    expect(rule(plant(files)).join("\n")).toMatch(message);
  });

  it.each<[string, Rule, Readonly<Record<string, string>>]>([
    ["an import that goes down", upwardImports, { "src/run/a.ts": `import "../core/a.ts"; import "./b.ts";` }],
    ["a chain without a cycle", cycles, { "src/a/a.ts": `import "./b.ts";`, "src/a/b.ts": `import "./c.ts";`, "src/a/c.ts": "" }],
    ["SDK types in testing", packages, { "src/testing/a.ts": `import type { x } from "@anthropic-ai/sdk";` }],
    ["a lazy import behind a door", fromDoor, { "src/model/index.ts": `export const a = () => import("@anthropic-ai/sdk");` }],
    ["SDK types behind a door", fromDoor, { "src/model/index.ts": `export type { A } from "@anthropic-ai/sdk";` }],
    ["types of actors in a machine", actorValuesInMachines, { "src/machines/a.ts": `import type { A } from "../actors/a.ts";` }],
    ["a stream with a scheduler", unscheduledStreams, { "src/run/a.ts": `import { timer } from "rxjs"; timer(5, scheduler);` }],
    ["a chart's long configuration", bigFunctions, { "src/machines/a.ts": longFunction("createWorker", 300) }],
    ["a long comment", bigFiles, { "src/core/a.ts": "// why\n".repeat(500) }],
    ["a constant", assertions, { "src/core/a.ts": "const a = [1] as const;" }],
    [
      "a suppression with its reason",
      baselessSuppressions,
      { "src/core/a.ts": "// oxlint-disable-next-line no-console -- the terminal wants it\nf();" },
    ],
  ])("but lets pass %s", (_name, rule, files) => {
    expect(rule(plant(files)).join("\n")).toBe("");
  });
});
