// The job that is killed: five tasks with files, a command, a failed attempt and an optional task that is given up. What
// the models say depends on the request alone, so that a run gives the same result however often it is interrupted.
import { systemText } from "../../dist/testing/stand-in/brain.js";

/** What the workspace holds at the start. */
export const FILES = { "a.txt": "one\n", "notes/list.txt": "first\nsecond\n" };

/** The models of the job. `effects`: a file outside the workspace that a command appends one line to. */
export function jobBrain(effects) {
  const said = { ...turns(effects) };
  return (request, { turn }) => {
    const system = systemText(request);
    if (system.includes("You are the router"))
      return say(JSON.stringify({ mode: "orchestrate", worker: null, reason: "Several files." }));
    if (system.includes("You are the planner"))
      return turn === 0 ? say("I look first.", { tool: "glob", input: { pattern: "**/*" } }) : say(JSON.stringify(PLAN));
    if (system.includes("You write the final answer")) return say(ANSWER);
    const first = JSON.stringify(request.messages[0]);
    const label = /job ([a-z-]+)/.exec(first)?.[1];
    const steps = said[first.includes("Attempt 1 failed") ? `${label} again` : label];
    if (steps === undefined) throw new Error("The job does not know this request.");
    return say(...(steps[turn] ?? steps.at(-1)));
  };
}

const say = (...content) => ({ content });
const write = (file_path, content) => ({ tool: "write", input: { file_path, content } });
const read = (file_path) => ({ tool: "read", input: { file_path } });

const task = (label, worker, more) => ({
  label,
  worker,
  task: `job ${label}`,
  input: null,
  files: [],
  constraints: [],
  output_format: "text",
  depends_on: [],
  after: [],
  writes: [],
  acceptance: [],
  optional: false,
  tier: null,
  ...more,
});

const PLAN = {
  rationale: "Five steps, two of them after others.",
  tasks: [
    task("change", "backend", { files: ["a.txt"], writes: ["a.txt"] }),
    task("describe", "docs", { depends_on: ["change"], writes: ["docs/a.md"] }),
    task("command", "backend", { writes: ["c.txt"] }),
    task("retry", "tdd", { depends_on: ["command"], writes: ["test.txt"] }),
    task("extra", "review", { optional: true }),
  ],
};

const ANSWER = "Changed a.txt, described it, ran the command and wrote the test. The extra was given up.";

/** Turn by turn, by task; the last line repeats. */
const turns = (effects) => ({
  change: [
    ["I read it.", read("a.txt")],
    [{ tool: "edit", input: { file_path: "a.txt", old_string: "one", new_string: "two" } }],
    ["Changed a.txt from one to two."],
  ],
  describe: [[write("docs/a.md", "# a\n\nIt says two.\n")], ["Wrote docs/a.md."]],
  command: [
    // Something stays in the background: nothing of it may be left in the end, however the run was killed.
    [{ tool: "bash", input: { command: `sleep 60 >/dev/null 2>&1 & printf 'ran\\n' >> '${effects}'; sleep 0.02` } }],
    [read("notes/list.txt"), write("c.txt", "three\n")],
    ["Ran the command and wrote c.txt."],
  ],
  retry: [[write("test.txt", "wrong\n")], ["GAVE UP: I don't see how."]],
  "retry again": [[write("test.txt", "right\n")], ["Wrote test.txt."]],
  extra: [[read("a.txt")], ["GAVE UP: there is nothing extra here."]],
  "extra again": [["GAVE UP: there is still nothing extra here."]],
});
