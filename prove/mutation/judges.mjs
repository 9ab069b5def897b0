// Judges mutants in warm processes (worker.mjs), several at once.
//   J1  A mutant that survives was given the tests that are likeliest to see it, up to a part of the time that all take,
//       in a process where it could act: code that ran while modules were loaded runs again with the mutant, in a process
//       of its own. So the score is never too high.
//   J2  A test that neither passes nor fails in its time has seen something. A process that waits for one is ended.
import { fork } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("./worker.mjs", import.meta.url));
const NONE = -1;
/** For loading all tests, on a busy machine. */
const LOAD_MS = 60_000;
/** Tests that fail without a mutant, on a machine too busy for them. */
const MOST_FAILING = 3;
/** Parts of the time of all tests: of one that is asked, and of all that are asked about one mutant. */
const LARGEST_TEST = 1 / 70;
const LARGEST_HEARING = 1 / 6;

/** Runs all tests once: `{ atImport, tests }`, what loading and what each test reaches. Throws where more than a few fail. */
export async function survey(place) {
  const file = path.join(place, "survey.json");
  const child = start(place, [NONE, file]);
  const code = await new Promise((resolve) => {
    child.once("exit", resolve);
  });
  if (code !== 0 || !existsSync(file)) throw new Error(`The tests can't be run once: the process ended with ${code}.`);
  const found = JSON.parse(readFileSync(file, "utf8"));
  if (found.failing.length > MOST_FAILING) throw new Error(`Tests fail without a mistake:\n${found.failing.join("\n")}`);
  return found;
}

/** Judges the mutants, `judges` at a time: `tell` is given each with its verdict, `{ kind: "killed" | "survived", by }`. */
export async function judgeAll({ place, mutants, found, judges, tell }) {
  const docket = [...mutants];
  const knowledge = knowledgeOf(found);
  await Promise.all(
    Array.from({ length: judges }, async () => {
      const judge = new Judge(place);
      for (let mutant = docket.shift(); mutant; mutant = docket.shift()) {
        const verdict = await verdictOf(judge, mutant, knowledge);
        knowledge.learn(mutant, verdict);
        tell({ ...mutant, ...verdict });
      }
      judge.end();
    }),
  );
}

async function verdictOf(judge, mutant, knowledge) {
  const { tests, again, isStatic } = knowledge.about(mutant);
  if (tests.length > 0) {
    const verdict = await judge.ask({ mutant: mutant.id, tests, again });
    if (verdict.kind === "killed" || (!isStatic && verdict.reached)) return verdict;
  }
  if (!isStatic && tests.length === 0) return { kind: "survived", by: "no test reaches it" };
  const own = new Judge(judge.place, mutant.id);
  const verdict = await own.ask({ mutant: mutant.id, tests: isStatic ? knowledge.everything(mutant) : tests, again: [] });
  own.end();
  return verdict;
}

/** What the survey found, by mutant, and which tests kill the mutants of which file. */
function knowledgeOf({ atImport, tests }) {
  const byMutant = new Map();
  const totalMs = tests.reduce((sum, { ms }) => sum + ms, 0);
  const real = tests.filter(({ index, ms }) => index !== null && ms <= totalMs * LARGEST_TEST);
  for (const test of tests) for (const id of test.reaches) byMutant.set(id, [...(byMutant.get(id) ?? []), test]);
  const statics = new Set(atImport);
  const kills = new Map();
  // Tests that killed others in the file come first, then those that are quick and reach little else.
  const worth = ({ file }, test) =>
    ((kills.get(`${file} ${test.file} ${test.index}`) ?? 0) + 0.1) / ((test.ms + 1) * Math.sqrt(test.reaches.length + 1));
  const ordered = (list, mutant) => {
    const sorted = list.map((test) => [worth(mutant, test), test]).toSorted(([a], [b]) => b - a);
    let leftMs = totalMs * LARGEST_HEARING;
    return sorted.map(([, { file, index, ms }]) => ({ file, index, ms })).filter(({ ms }) => (leftMs -= ms) > 0);
  };
  return {
    about(mutant) {
      const reaching = byMutant.get(mutant.id) ?? [];
      const again = reaching.filter(({ index }) => index === null).map(({ file }) => file);
      const own = real.filter((test) => again.includes(test.file) || reaching.includes(test));
      return { tests: ordered(own, mutant), again, isStatic: statics.has(mutant.id) };
    },
    everything: (mutant) => ordered(real, mutant),
    learn({ file }, { kind, test }) {
      const key = `${file} ${test?.file} ${test?.index}`;
      if (kind === "killed" && test) kills.set(key, (kills.get(key) ?? 0) + 1);
    },
  };
}

/** One process after the other: a new one where the last was spoilt. */
class Judge {
  constructor(place, active = NONE) {
    this.place = place;
    this.active = active;
  }

  async ask(question) {
    const answer = await this.#askOnce(question);
    if (answer.kind !== "killed" || answer.isClean || this.active !== NONE) return answer;
    this.end();
    // Something was left over. Of the mutant before this one? A new process tells.
    return answer.isFirst || answer.isOver ? answer : this.ask(question);
  }

  end() {
    this.child?.kill("SIGKILL");
    this.child = undefined;
  }

  async #askOnce(question) {
    this.child ??= start(this.place, [this.active]);
    const child = this.child;
    return new Promise((resolve) => {
      let timer;
      const close = (answer) => {
        clearTimeout(timer);
        child.removeAllListeners();
        resolve(answer);
      };
      const wait = (ms) => {
        clearTimeout(timer);
        timer = setTimeout(() => close({ kind: "killed", by: "(endless)", isOver: true }), ms);
      };
      child.once("exit", () => close({ kind: "killed", by: "(the process ended)", isOver: true }));
      child.on("message", (message) => {
        if (message.kind === "ready") child.send(question);
        else if (message.kind === "running") wait(message.ms * 15 + 5_000);
        else close(message);
      });
      wait(LOAD_MS);
      if (child.isReady) child.send(question);
      else child.once("message", () => (child.isReady = true));
    });
  }
}

function start(place, flags) {
  return fork(script, [place, ...flags.map(String)], { execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] });
}
