// The scripted models of the demo: what router, planner, six workers and synthesizer say, turn by turn. Everything they
// cause is real: reads, edits, test runs, a failed check, a retry, an overload, a skipped task, a contradiction.
import type { TaskId } from "../../core/ids.ts";
import { taskIdAt } from "../../core/ids.ts";
import { systemText } from "../../testing/stand-in/brain.ts";
import type { Brain, BrainAnswer, BrainContext, BrainPart } from "../../testing/stand-in/brain.ts";
import type { MessagesRequest } from "../../testing/stand-in/wire.ts";
import type { Material, ScriptedFile } from "./material.ts";

/** What the script may vary. */
export interface DemoScript {
  readonly material: Material;
  /** Task whose edit is spoiled; null for none. */
  readonly spoil: string | null;
}

/** Answers the requests of the demo; anything else is an error that says what came. */
export function demoBrain(script: DemoScript): Brain {
  const overloaded = new Set<string>();
  return (request, context) => {
    const system = systemText(request);
    if (system.includes("You are the router"))
      return say(
        JSON.stringify({
          mode: "orchestrate",
          worker: null,
          reason: "Store, server, page, tests and documentation all have real work.",
        }),
      );
    if (system.includes("You are the planner")) return planning(script.material, context);
    if (system.includes("You write the final answer")) return say(synthesis(script.spoil !== null));
    const task = taskOf(script.material, request);
    if (task === undefined) throw new Error("The demo's script does not know this request.");
    if (task === "t1" && !overloaded.has(task)) {
      overloaded.add(task);
      return { content: [], fault: { kind: "status", status: 529 } };
    }
    return working(script, { task, request, context });
  };
}

interface Work {
  readonly task: TaskId;
  readonly request: MessagesRequest;
  readonly context: BrainContext;
}

const say = (...content: readonly BrainPart[]): BrainAnswer => ({ content });
const read = (file: string): BrainPart => ({ tool: "read", input: { file_path: file } });
const write = ({ path, content }: ScriptedFile): BrainPart => ({ tool: "write", input: { file_path: path, content } });
const test: BrainPart = { tool: "bash", input: { command: "node --test" } };

function planning({ plan }: Material, { turn }: BrainContext): BrainAnswer {
  const steps: readonly BrainAnswer[] = [
    say("I look at the application first.", { tool: "glob", input: { pattern: "**/*" } }, read("README.md")),
    say(read("src/server.js"), read("src/router.js"), read("db/store.js")),
    say({ tool: "grep", input: { pattern: "export", path: "src" } }, read("test/server.test.js")),
    say(JSON.stringify(plan)),
  ];
  return steps[turn] ?? say(JSON.stringify(plan));
}

/** Finds the task by its text in the first message: briefs carry it whole. */
function taskOf({ plan }: Material, { messages }: MessagesRequest): TaskId | undefined {
  const first = JSON.stringify(messages[0] ?? "");
  const at = plan.tasks.findIndex(({ task }) => first.includes(JSON.stringify(task.slice(0, 80)).slice(1, -1)));
  return at < 0 ? undefined : taskIdAt(at);
}

function working(script: DemoScript, work: Work): BrainAnswer {
  switch (work.task) {
    case "t2":
      return isFirstAttempt(work.request) ? hasty(script.material, work.context) : diligent(script, work, "t2");
    case "t6":
      return reviewing(script.material, work.context);
    case "t7":
      return say("GAVE UP: there is no OpenAPI description to start from, and a hand-written one would soon be wrong.");
    default:
      return diligent(script, work, script.spoil === work.task ? `${work.task}-spoiled` : work.task);
  }
}

const isFirstAttempt = ({ messages }: MessagesRequest): boolean => !JSON.stringify(messages[0]).includes("Attempt 1 failed");

/** Reads, writes, runs the tests, reports. */
function diligent({ material }: DemoScript, { task, context }: Work, version: string): BrainAnswer {
  const files = merged(material, task, version);
  const steps: readonly BrainAnswer[] = [
    say("I read what is there.", ...readsOf(material, task)),
    say(...files.map(write)),
    ...(task === "t5" ? [] : [say("I run the tests.", test)]),
  ];
  return steps[context.turn] ?? say(reportOf(material, task));
}

/** The first try of the endpoints: a wrong router, no look at the tests, and, when told, an answer that does not end. */
function hasty(material: Material, { turn }: BrainContext): BrainAnswer {
  const steps: readonly BrainAnswer[] = [
    say(...readsOf(material, "t2")),
    say(...merged(material, "t2", "t2-broken").map(write)),
    say("The endpoints are in place; every route now asks for a signed-in user."),
  ];
  return (
    steps[turn] ?? {
      content: ["The tests expect that everybody may look. I could let the router decide by method, or by path, or"],
      stop: "max_tokens",
    }
  );
}

function reviewing(material: Material, { turn }: BrainContext): BrainAnswer {
  const steps: readonly BrainAnswer[] = [
    say(read("src/auth.js"), read("src/router.js"), read("db/sessions.js"), read("src/page.js")),
    say(test),
  ];
  return steps[turn] ?? say(reportOf(material, "t6"));
}

/** The files of a variant over those of the task. */
function merged(material: Material, task: string, version: string): readonly ScriptedFile[] {
  const files = new Map(material.files(task).map((file) => [file.path, file]));
  for (const file of material.files(version)) files.set(file.path, file);
  return [...files.values()];
}

function readsOf({ plan }: Material, task: string): readonly BrainPart[] {
  const planned = plan.tasks[Number(task.slice(1)) - 1];
  return (planned?.files ?? []).slice(0, 4).map(read);
}

function reportOf({ plan, reports }: Material, task: string): string {
  const label = plan.tasks[Number(task.slice(1)) - 1]?.label ?? "";
  return reports[label]?.output ?? "Done.";
}

function synthesis(spoiled: boolean): string {
  const first = spoiled
    ? "The bookshelf has user authentication, but **its tests do not all pass**: see what failed below."
    : "The bookshelf has user authentication: people register and sign in, everybody may look, and only signed-in users add or delete books. All tests pass, the new ones included.";
  return `${first}

**What was done**
- Store: \`db/users.js\`, \`db/sessions.js\` and the schema keep users with scrypt hashes and sessions with an expiry.
- Server: \`src/auth.js\` and the routes for register, sign in and sign out; adding and deleting books asks for a user.
- Page: a form to sign in or register in \`src/page.js\`.
- Tests: \`test/auth.test.js\` covers the authentication over HTTP.
- Documentation: \`docs/api.md\` describes routes, rules and the cookie.

**Contradiction**
- How long a session lasts: *add-users-and-sessions* (database) says **7 days**, and so does *review-auth*; *document-auth* (docs) writes **24 hours** into \`docs/api.md\`. The result follows the code, which keeps sessions for 7 days, so \`docs/api.md\` has to be corrected.

**Skipped**
- *describe-openapi* (optional): its worker gave up twice, because there is no OpenAPI description to start from.

**Next**
1. Correct the lifetime in \`docs/api.md\`.
2. Add a limit on sign-in attempts before the application is reached from outside, as the review asks.`;
}
