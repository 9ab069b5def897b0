// What a person can mend suspends the run, wherever it happens, and never fails it: every code of the run level in every
// phase. After the resume the run goes on where it was, and no turn that was paid is asked again.
import { describe, expect, it } from "vitest";
import { FAILURES, FAILURE_CODES } from "../../src/core/failure.ts";
import type { FailureCode } from "../../src/core/failure.ts";
import type { RunShape } from "../support/cast.ts";
import { fails } from "../support/hands.ts";
import type { Hands } from "../support/hands.ts";
import { planOf } from "../support/plans.ts";
import { RunByHand } from "../support/run-by-hand.ts";

const codes = FAILURE_CODES.filter((code) => FAILURES[code].level === "run");
const drafted = { json: { rationale: "r", tasks: [{ label: "a", worker: "backend", task: "do a", writes: ["a.txt"] }] } };
const parts = { json: { rationale: "", tasks: ["a-x", "a-y"].map((label) => ({ label, worker: "backend", task: label })) } };
const routed = { json: { mode: "orchestrate", worker: null, reason: "large" } };

type Phase =
  | "routing"
  | "exploring"
  | "decomposing"
  | "preparing"
  | "working"
  | "mending"
  | "verifying"
  | "committing"
  | "integrating"
  | "synthesizing";

/** The conversation whose turn fails in a phase, or the effect that fails, and its key. */
const places: Readonly<
  Record<
    Phase,
    | { readonly talk: string }
    | {
        readonly step: "prepareWorkspace" | "verifyWork" | "commitWork" | "integrate";
        readonly key: string;
        readonly again: string;
      }
  >
> = {
  routing: { talk: "route" },
  exploring: { step: "prepareWorkspace", key: "plan/prepare/1", again: "plan/prepare/2" },
  decomposing: { talk: "plan" },
  preparing: { step: "prepareWorkspace", key: "t1#1/prepare", again: "t1#1/prepare/again/1" },
  working: { talk: "t1#1" },
  mending: { talk: "mend:t1#1" },
  verifying: { step: "verifyWork", key: "t1#1/verify/0", again: "t1#1/verify/0/again/1" },
  committing: { step: "commitWork", key: "t1#1/commit", again: "t1#1/commit/again/1" },
  integrating: { step: "integrate", key: "integrate", again: "integrate/2" },
  synthesizing: { talk: "synthesis" },
};

/** Plays a whole run, and lets the place of a phase fail once with a code. */
function play(phase: Phase, code: FailureCode) {
  const place = places[phase];
  const slow = (hands: Hands): void => {
    if ("step" in place) {
      const { atOnce } = hands;
      const { [place.step]: usual } = atOnce;
      // One key waits for the test; the same step elsewhere goes on by itself.
      hands.atOnce = {
        ...atOnce,
        [place.step]: (input: { key: string }) => (input.key === place.key ? fails(code) : usual?.(input as never)),
      };
    }
    const { commitWork } = hands.atOnce;
    hands.atOnce.commitWork = (input) => {
      const made = commitWork?.(input) ?? fails("Internal");
      return made.ok ? { ...made, changes: { ref: "c", files: [{ path: "a.txt", kind: "added" }] } } : made;
    };
  };
  const shape: RunShape = { options: { hasWorkspace: true } };
  const run = new RunByHand(phase === "mending" ? { ...shape, plan: planOf({ a: {} }) } : shape, { prepare: slow });
  const answered: string[] = [];
  const say = (talk: string, answer: Parameters<Hands["answer"]>[1]): void => {
    if (
      "talk" in place &&
      place.talk === talk &&
      !run.activity.startsWith("suspended") &&
      run.all("conversation.held").length === 0
    ) {
      run.hands.fail(talk, code);
      expect(run.activity).toBe("suspended");
      expect(run.hands.doing("modelTurn").filter((key) => key.startsWith(`${talk}/`))).toEqual([]);
      run.command({ type: "run.resume" });
    }
    answered.push(`${talk}/${run.hands.requests.at(-1)?.turn}`);
    run.hands.answer(talk, answer);
    if (run.activity === "suspended") {
      expect("step" in place && run.context.suspension?.code).toBe(code);
      run.command({ type: "run.resume" });
      if ("step" in place) expect(run.hands.doing()).not.toContain(place.key);
    }
  };
  if (phase === "mending") {
    for (const attempt of ["t1#1", "t1#2"]) {
      run.hands.fail(attempt, "PromptTooLong");
      if (attempt === "t1#1") run.hands.wake();
    }
    say("mend:t1#1", parts);
    for (const attempt of ["t2#1", "t3#1", "t1#3"]) say(attempt, "done");
  } else {
    say("route", routed);
    say("plan", drafted);
    say("t1#1", "done");
  }
  say("synthesis", "all is done");
  return { run, answered };
}

describe.each(Object.keys(places) as Phase[])("while %s", (phase) => {
  it.each(codes)("%s suspends the run; it goes on after the resume, and nothing is paid twice", (code) => {
    const { run, answered } = play(phase, code);
    expect(run.output).toMatchObject({ outcome: "complete", failure: null, answer: "all is done" });
    expect(run.all("activity.changed").map(({ activity }) => activity)).toEqual(["suspended", "running"]);
    expect(run.all("activity.changed")[0]?.failure?.code).toBe(code);
    expect(new Set(answered).size).toBe(answered.length);
    expect(run.all("turn.completed").map(({ conversation, turn }) => `${conversation}/${turn}`)).toEqual(answered);
    if (phase !== "mending") expect(run.output.tasks).toMatchObject([{ attempts: 1, status: "finished", history: [] }]);
  });
});
