// The text of a model-based test for given workers: short, to be read and changed.
import { isPlainObject } from "../../core/json.ts";
import type { Json } from "../../core/json.ts";
import type { WorkersExport } from "./find-workers.ts";
import type { SamplePlan, SampleTask } from "./sample-plan.ts";

/** What a test is written for. */
export interface TestText {
  /** How the test imports the workers' module, such as `./workers.ts`. */
  readonly specifier: string;
  readonly exports: readonly WorkersExport[];
  readonly plan: SamplePlan;
}

/** The whole file. The same workers give the same text. */
export function testText({ specifier, exports, plan }: TestText): string {
  const hasMachines = exports.some(({ workers }) => workers.some(({ machine }) => machine !== undefined));
  return [
    opening(specifier, hasMachines),
    `const workers = [${exports.map(accessOf).join(", ")}];`,
    ...(hasMachines
      ? ["const machines = workers.flatMap(({ machine }) => (machine instanceof StateMachine ? [machine] : []));"]
      : []),
    "",
    POLICY,
    PROMISES,
    planText(plan),
    CHART,
    treeText(plan),
    CRASHES,
    randomText(hasMachines),
    ...(hasMachines ? [MACHINES] : []),
  ].join("\n");
}

const opening = (
  specifier: string,
  hasMachines: boolean,
): string => `// A model-based test of the workers in ${specifier}, written by: quatrain init --tests
// It needs no key, no network and no waiting. Models and function workers are simulated: they answer well, badly and in
// every order, and fail in every way. State machines run as they are. The file is yours: change what you like.
import { definePlan } from "quatrain";
${hasMachines ? "" : 'import { createOrchestrator } from "quatrain/machines";\n'}import {
  atEnd,
  coverageOf,
  coverageTable,
  crashSweep,
  exploreHost,
  exploreRun,
  invariants,
  simulateRuns,
} from "quatrain/testing";
import { expect, test } from "quatrain/testing/vitest";
${hasMachines ? 'import { StateMachine } from "xstate";\n' : ""}import * as own from ${JSON.stringify(specifier)};
`;

const POLICY = `// What you give to \`orchestrate\` as its policy belongs here, so that it is tested, too.
const policy = {};
`;

const PROMISES = `// What must hold in every run: all that Quatrain promises, and what you promise. This one is an example.
const neverTriedTooOften = atEnd("neverTriedTooOften", ({ output }) => {
  const often = output?.tasks.find(({ attempts }) => attempts > 4);
  return often && \`\${often.id} was tried \${often.attempts} times\`;
});
const promises = [...Object.values(invariants), neverTriedTooOften];
`;

const CHART = `test("the orchestrator keeps its promises in every state it can come to", () => {
  const found = exploreRun({ workers, policy, plan, options: { concurrency: 2 } });
  expect(found).toHaveNoViolations();
  expect(found.isExhausted).toBe(true);
}, 60_000);
`;

const CRASHES = `test("a run that is killed at any moment and taken up again comes to the same end", async () => {
  expect(await crashSweep({ workers, policy, plan: plan.plan, invariants: promises })).toHaveNoViolations();
}, 60_000);
`;

const MACHINES = `test.each(machines)("the machine $id has none of the usual faults", (machine) => {
  expect(machine).toBeClean();
});
`;

function planText({ tasks, withoutInput }: SamplePlan): string {
  const left = withoutInput.map(
    (name) =>
      `// ${name} is not in it: no input could be made up that fits its schema. Give it a task with an input of your own.\n`,
  );
  const comment = `// A diamond: one task first, ${tasks.length - 2} side by side, one last. Put a plan of your own here.\n`;
  return `${comment}${left.join("")}const plan = definePlan(workers, [\n${tasks.map((task) => `${taskText(task)}\n`).join("")}]);\n`;
}

/** The tree is larger than the chart by far: two tasks, one after the other, show what a crash can do. */
function treeText({ tasks }: SamplePlan): string {
  const few = [...tasks.slice(0, 1), ...tasks.slice(1, 2)];
  return `test("the real actors keep every promise in any order of results, failures and a crash", async () => {
  const { plan: two } = definePlan(workers, [
${few.map((task) => `  ${taskText(task)}\n`).join("")}  ]);
  const found = await exploreHost({ workers, policy, plan: two, invariants: promises, limits: { states: 2_000 } });
  expect(found).toHaveNoViolations();
}, 60_000);
`;
}

const randomText = (hasMachines: boolean): string => `test("a hundred random runs keep every promise", async () => {
  const report = await simulateRuns({ workers, policy, runs: 100, invariants: promises });
  expect(report).toHaveNoViolations();
  // What they visited${hasMachines ? " of your machines" : ""}, and what not.
  const visited = coverageOf({ coverage: report.coverage, machines${hasMachines ? "" : ": [createOrchestrator({ workers, policy })]"}, policy });
  console.log(coverageTable(visited));
}, 60_000);
`;

function taskText({ label, worker, task, dependsOn, input }: SampleTask): string {
  const fields: readonly (readonly [string, Json])[] = [
    ["label", label],
    ["worker", worker],
    ["task", task],
    ...(dependsOn.length === 0 ? [] : [["dependsOn", dependsOn] as const]),
    ...(input === null ? [] : [["input", input] as const]),
  ];
  const oneLine = `  { ${fields.map(([name, value]) => `${name}: ${literal(value)}`).join(", ")} },`;
  if (oneLine.length <= LINE) return oneLine;
  return `  {\n${fields.map(([name, value]) => `    ${name}: ${literal(value)},\n`).join("")}  },`;
}

/** Longest line of a task. */
const LINE = 110;

/** A value as source text: keys without quotes where they need none. */
function literal(value: Json): string {
  if (Array.isArray(value)) return `[${value.map((one: Json) => literal(one)).join(", ")}]`;
  if (!isPlainObject(value)) return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, one]) => `${keyOf(name)}: ${literal(one)}`);
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/** `__proto__` without brackets would set a prototype. */
const keyOf = (name: string): string =>
  name === "__proto__" ? '["__proto__"]' : IDENTIFIER.test(name) ? name : JSON.stringify(name);

/** `own.write`, `...own.team`. */
function accessOf({ name, isList }: WorkersExport): string {
  const access = IDENTIFIER.test(name) ? `own.${name}` : `own[${JSON.stringify(name)}]`;
  return isList ? `...${access}` : access;
}
