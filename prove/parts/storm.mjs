// One storm: a run of many turns on the real machines through the real client, against the stand-in over HTTP, with a share
// of its answers spoiled; and what came of each turn.
import { createActor } from "xstate";
import { z } from "zod";
import { DEFAULT_TABLE } from "../../dist/core/policy.js";
import { memoryHost } from "../../dist/host/memory.js";
import { memoryJournal } from "../../dist/host/memory-journal.js";
import { prepareRun } from "../../dist/run/prepare.js";
import { standIn } from "../../dist/testing/stand-in/stand-in.js";
import { defineTool } from "../../dist/tools/define-tool.js";
import { definePlan } from "../../dist/workers/define-plan.js";
import { defineWorker } from "../../dist/workers/define-worker.js";
import { dice } from "./random.mjs";
import { STORM } from "./storm-faults.mjs";
import { virtualClock } from "./virtual-clock.mjs";

/** Turns of one task: all but the last call a tool. */
const TURNS_PER_TASK = 10;
/** Tries of one turn before its attempt ends: with 30 % faults the usual four would now and then not do. */
const TRIES = 12;
/** A day on which every current model has its price. */
const START = Date.parse("2026-11-22T12:00:00Z");

/** Plays a storm of `turns` turns (and the final answer) of which the share `rate` is spoiled. */
export async function playStorm({ turns, rate, seed }) {
  const clock = virtualClock(START);
  const script = scriptOf({ rate, seed, stir: () => clock.stir() });
  const server = await standIn({
    brain: (request, context) => script.brain(request, context),
    faults: (request, context) => script.fault(request, context),
    clock,
    seed,
    onMoment: () => clock.stir(),
  });
  script.server = server;
  const journal = memoryJournal();
  const host = memoryHost({ clock, journal });
  const { world, input } = prepareRun(planOf(turns / TURNS_PER_TASK), optionsOf(server, script), host.clock);
  const actor = createActor(
    world.machines.orchestrator,
    host.attach({ input, versions: world.versions, inspect: () => clock.stir() }),
  );
  let suspensions = 0;
  actor.on("activity.changed", ({ activity }) => {
    if (activity !== "suspended") return;
    suspensions += 1;
    // Somebody mends the key, the bill or the name of the model, and goes on.
    clock.setTimeout(() => host.send({ type: "run.resume" }), 1_000);
  });
  actor.start();
  let end;
  void host.settled().then((settled) => (end = settled));
  try {
    await clock.run(() => end !== undefined);
    return { ...lookAt({ actor, journal, server, script, end }), suspensions, virtualMs: clock.now() - START };
  } finally {
    await host.close();
    await server.close();
  }
}

/** What the models say and what goes wrong with it, decided by seed, task, attempt, turn and try: never by timing. */
function scriptOf({ rate, seed, stir }) {
  const tries = new Map();
  /** Of each request: its turn, what was meant, and the fault it met. */
  const seen = new Map();
  const script = {
    server: undefined,
    seen,
    brain(request, { n }) {
      stir();
      const at = turnOf(request);
      const answer = answerTo(at, seed);
      seen.get(n).meant = answer;
      return answer;
    },
    fault(request, { n }) {
      const at = turnOf(request);
      const tried = tries.get(at.key) ?? 0;
      tries.set(at.key, tried + 1);
      const chance = dice(`${seed}/${at.key}/${tried}`);
      const spoiled = at.task !== null && chance.next() < rate ? chance.pick(STORM.filter((one) => fits(one, at))) : undefined;
      seen.set(n, { ...at, fault: spoiled, meant: undefined });
      return spoiled?.fault;
    },
    tool: () => {
      stir();
      return Promise.resolve({ content: "noted", isError: false });
    },
  };
  return script;
}

function fits({ place }, { attempt, isLast }) {
  if (place === "attempt") return attempt === 1;
  if (place === "last turn") return isLast;
  if (place === "tool turn") return !isLast;
  return true;
}

/** The place of a request in the run, read from what it says. */
function turnOf({ messages, model }) {
  const first = JSON.stringify(messages[0]);
  const task = /job ([a-z]+\d+)/.exec(first)?.[1] ?? null;
  const isAnswer = first.includes("job one1") && model.includes("opus");
  const attempt = 1 + Math.max(0, ...[...first.matchAll(/Attempt (\d+) failed/g)].map(([, number]) => Number(number)));
  const answers = messages.filter(({ role }) => role === "assistant");
  const calls = answers.filter(({ content }) => JSON.stringify(content).includes('"tool_use"')).length;
  const where = isAnswer ? "answer" : `${task}#${attempt}`;
  return {
    key: `${where}/${answers.length + 1}`,
    task: isAnswer ? null : task,
    attempt,
    calls,
    isLast: calls >= TURNS_PER_TASK - 1,
  };
}

function answerTo({ task, calls, isLast }, seed) {
  if (task === null) return { content: ["The storm is over."] };
  const text = wordsFor(`${seed}/${task}/${calls}`);
  if (isLast) return { content: [{ thinking: "enough" }, `Report of ${task}: ${text}`] };
  return { content: [text, { tool: "note", input: { text: `${calls} ${text}` } }] };
}

/** A text of its own for each turn, long enough to be cut, with letters of every width. */
function wordsFor(name) {
  const { whole, pick } = dice(name);
  return Array.from({ length: whole(6, 40) }, () =>
    pick(["four", "lines", "ß", "naïve", "🎼", '"quoted"', "日本", "\\n", "end."]),
  ).join(" ");
}

function planOf(tasks) {
  const talker = defineWorker({
    name: "talker",
    description: "Takes notes and reports.",
    instructions: "You take notes, then report.",
    tools: ["note"],
    evidence: "schema",
  });
  const list = Array.from({ length: tasks }, (_, at) => ({ label: `job-${at + 1}`, worker: "talker", task: `job one${at + 1}` }));
  return definePlan([talker], list);
}

function optionsOf({ url }, { tool }) {
  const at = { baseURL: url, apiKey: "test-key", caching: true, outputFormat: true };
  const note = defineTool({
    name: "note",
    description: "Takes a note.",
    class: "pure",
    input: z.strictObject({ text: z.string() }),
    run: tool,
  });
  return {
    id: "storm",
    models: {
      orchestrator: { model: "claude-opus-5-5", ...at },
      worker: { model: "claude-sonnet-5-5", effort: "medium", ...at },
      router: { model: "claude-haiku-5-5", ...at },
    },
    tools: [note],
    permissions: { allow: ["note"] },
    policy: { table: patient(), restarts: { intensity: 1_000, periodMs: 1_000 } },
    store: false,
  };
}

/** The default table with more tries of a turn, and attempts that say which they are. */
function patient() {
  return Object.fromEntries(
    Object.entries(DEFAULT_TABLE).map(([code, row]) => {
      const last = row.turn.at(-1);
      const turn = last?.do === "again" ? [...row.turn, ...Array.from({ length: TRIES }, () => last)].slice(0, TRIES) : row.turn;
      return [
        code,
        {
          ...row,
          turn,
          attempt: row.attempt.map((step) =>
            step.do === "renew" ? { ...step, change: { ...step.change, issues: true } } : step,
          ),
        },
      ];
    }),
  );
}

/** Joins what the server did with what the machines took. */
function lookAt({ actor, journal, server, script, end }) {
  const { output } = actor.getSnapshot();
  const outcomes = new Map();
  for (const { kind, id, body } of journal.read())
    if (kind === "result" && /\/turn\/\d+\.\d+$/.test(id ?? "") && body?.outcome?.requestId)
      outcomes.set(body.outcome.requestId, body.outcome);
  const requests = server.requests.map(({ n, requestId, usage, answered }) => ({
    n,
    ...script.seen.get(n),
    isPaid: usage !== null,
    answered,
    outcome: outcomes.get(requestId),
  }));
  const tasks = output?.tasks ?? [];
  return {
    end: end.kind === "error" ? String(end.error) : end.kind,
    outcome: output?.outcome ?? null,
    unfinished: tasks.filter(({ status }) => status !== "finished").map(({ id, failure }) => `${id}: ${failure?.message}`),
    outputs: tasks.map(({ label, output: text }) => [label, text]),
    requests,
    invalid: [...server.invalid, ...server.unexpected].map(({ n, reason }) => `request ${n}: ${reason}`),
  };
}
