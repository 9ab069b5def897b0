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
    treeText(plan, hasMachines),
    CRASHES,
    RANDOM,
    ...(hasMachines ? [MACHINES] : []),
  ].join("\n");
}

function opening(specifier: string, hasMachines: boolean): string {
  const doubles = [
    "atEnd",
    ...(hasMachines ? ["coverageOf"] : []),
    "crashSweep",
    "exploreHost",
    "exploreRun",
    "invariants",
    "simulateRuns",
  ];
  return `// A model-based test of the workers in ${specifier}, written by: quatrain init --tests
// It needs no key, no network and no waiting. Models and function workers are simulated: they answer well, badly and in
// every order, and fail in every way. State machines run as they are. The file is yours: change what you like.
import { definePlan } from "quatrain";
import { ${doubles.join(", ")} } from "quatrain/testing";
import { expect, test } from "quatrain/testing/vitest";
${hasMachines ? 'import { StateMachine } from "xstate";\n' : ""}import * as own from ${JSON.stringify(specifier)};
`;
}

const POLICY = `// What you give to \`orchestrate\` as its policy belongs here, so that it is tested, too.
const policy = {};
`;

const PROMISES = `// What must hold in every run: all that Quatrain promises, and what you promise. This one is an example.
const neverEmpty = atEnd("neverEmpty", ({ output }) => {
  const empty = output?.tasks.find((task) => task.status === "finished" && task.output === "");
  return empty && \`\${empty.id} is finished, and its output is empty\`;
});
const promises = [...Object.values(invariants), neverEmpty];
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

function planText({ diamond, withoutInput }: SamplePlan): string {
  const left = withoutInput.map(
    (name) =>
      `// ${name} is not in it: no input could be made up that fits its schema. Give it a task with an input of your own.\n`,
  );
  const comment = `// A diamond: one task first, some side by side, one last. Put a plan of your own here.\n`;
  return `${comment}${left.join("")}const plan = definePlan(workers, [\n${diamond.map((task) => `${taskText(task)}\n`).join("")}]);\n`;
}

/** The tree is larger than the chart by far: two tasks, one after the other, show what a crash can do. */
function treeText({ tree }: SamplePlan, hasMachines: boolean): string {
  const coverage = `  // How much of your machines that visited, and what it did not.
  for (const { id, states, transitions } of coverageOf({ coverage: found.coverage, machines }).machines)
    console.log(id, { states, transitions });
`;
  return `// The tree of the real actors has far more states than the chart: two tasks are a good size, and 2,000 states a bound.
test("the real actors keep every promise in any order of results, failures and a crash", async () => {
  const { plan: two } = definePlan(workers, [
${tree.map((task) => `${taskText(task, "    ")}\n`).join("")}  ]);
  const found = await exploreHost({ workers, policy, plan: two, invariants: promises, limits: { states: 2_000 } });
  expect(found).toHaveNoViolations();
${hasMachines ? coverage : ""}}, 60_000);
`;
}

const RANDOM = `test("a hundred random runs keep every promise", async () => {
  const report = await simulateRuns({ workers, policy, runs: 100, invariants: promises });
  expect(report).toHaveNoViolations();
  console.log({ outcomes: report.outcomes, failures: report.coverage.failures });
}, 60_000);
`;

function taskText({ label, worker, task, dependsOn, input }: SampleTask, indent = "  "): string {
  const fields: readonly (readonly [string, Json])[] = [
    ["label", label],
    ["worker", worker],
    ["task", task],
    ...(dependsOn.length === 0 ? [] : [["dependsOn", dependsOn] as const]),
    ...(input === null ? [] : [["input", input] as const]),
  ];
  const oneLine = `${indent}{ ${fields.map(([name, value]) => `${name}: ${literal(value)}`).join(", ")} },`;
  if (oneLine.length <= LINE) return oneLine;
  return `${indent}{\n${fields.map(([name, value]) => `${indent}  ${name}: ${literal(value)},\n`).join("")}${indent}},`;
}

/** Longest line of a task. */
const LINE = 120;

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
