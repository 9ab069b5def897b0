// Every declared event in every reachable state of every machine: it never breaks the machine, and it does something,
// or stands below on the list of what is ignored on purpose.
import { describe, expect, it } from "vitest";
import { createActor } from "xstate";
import type { AnyActorRef, AnyStateMachine, Snapshot } from "xstate";
import { createMachines } from "../../src/machines/create-orchestrator.ts";
import type { ConversationContext } from "../../src/machines/conversation-state.ts";
import type { RunContext } from "../../src/machines/run-state.ts";
import { Command } from "../../src/protocol/command.ts";
import { runInput, workers } from "../support/cast.ts";
import { commands, downward, eventsOfConversation, eventsOfRun, eventsOfWorker, upward } from "../support/events.ts";
import type { AnyEvent } from "../support/events.ts";
import { Hands } from "../support/hands.ts";
import { planOf } from "../support/plans.ts";
import { Player } from "../support/player.ts";
import { plays } from "../support/plays.ts";
import type { Play } from "../support/player.ts";

type MachineName = "orchestrator" | "worker" | "conversation";

/** Snapshots as JSON text, by machine and state. */
type Seen = Readonly<Record<MachineName, Map<string, string>>>;

const parrots: Play = { name: "machines", input: runInput({ plan: planOf({ a: { worker: "parrot" }, b: {} }) }) };

/**
 * Ignored on purpose, by machine and event: the states in which it does nothing, and why. `mustAct` below takes exceptions back.
 */
const ignored: Readonly<Record<MachineName, readonly (readonly [event: RegExp, states: RegExp, why: string])[]>> = {
  orchestrator: [
    [/^xstate\.(done|error)\.actor\.(route|plan|synthesis|explore|integrate)$/, /./, "no such child is alive"],
    [/^xstate\.error\.actor\.wake:/, /./, "nothing waits for it"],
    [/^run\.pause$/, /paused|suspended|stopping/, "nothing starts already"],
    [/^run\.resume$/, /running|stopping/, "it runs, or is over"],
    [/^conversation\.held$/, /stopping/, "nobody is to be resumed any more"],
    [/^answer\.repairing$/, /./, "only repairs of the plan are told"],
  ],
  worker: [
    [/^xstate\.(done|error)\.actor\./, /./, "no such child is alive"],
    [/^worker\.told$/, /delegating/, "it is the user's machine that hears it"],
    [/^(ask\.answered|budget\.granted|budget\.refused|run\.resumed)$/, /./, "no conversation asked"],
    [
      /^(turn|tool|answer|policy|worker|ask|budget|conversation)\.(?!told)|^effect\.part$/,
      /./,
      "passed on to the parent, and a root has none",
    ],
  ],
  conversation: [
    [/^xstate\.(done|error)\.actor\./, /./, "no such child is alive"],
    [/^ask\.answered$/, /^(?!asking)/, "nothing was asked"],
    [/^budget\.(granted|refused)$/, /^(?!funding)/, "no money was asked for"],
    [/^run\.resumed$/, /^(?!held)/, "it was not held"],
  ],
};

/** What must do something where it has an addressee. */
const mustAct: Readonly<Record<MachineName, readonly (readonly [event: string, state: RegExp])[]>> = {
  orchestrator: [
    ["xstate.done.actor.route", /^routing/],
    ["xstate.error.actor.route", /^routing/],
    ["xstate.done.actor.plan", /planning/],
    ["xstate.error.actor.plan", /planning/],
    ["xstate.done.actor.explore", /exploring/],
    ["xstate.error.actor.explore", /exploring/],
    ["xstate.done.actor.integrate", /integrating/],
    ["xstate.error.actor.integrate", /integrating/],
    ["xstate.done.actor.synthesis", /synthesizing/],
    ["xstate.error.actor.synthesis", /synthesizing/],
  ],
  worker: [
    ["xstate.done.actor.prepare", /^preparing/],
    ["xstate.error.actor.prepare", /^preparing/],
    ["xstate.done.actor.conversation", /conversing/],
    ["xstate.error.actor.conversation", /conversing/],
    ["xstate.done.actor.perform", /performing/],
    ["xstate.error.actor.perform", /performing/],
    ["xstate.done.actor.verify", /^verifying/],
    ["xstate.error.actor.verify", /^verifying/],
    ["xstate.done.actor.commit", /^committing/],
    ["xstate.error.actor.commit", /^committing/],
    ["xstate.done.actor.delegate", /delegating/],
    ["xstate.error.actor.delegate", /delegating/],
    ["worker.told", /preparing|verifying|committing|performing/],
  ],
  conversation: [
    ["xstate.done.actor.turn", /^thinking/],
    ["xstate.error.actor.turn", /^thinking/],
    ["xstate.done.actor.call", /calling/],
    ["xstate.error.actor.call", /calling/],
    ["xstate.done.actor.wait", /^waiting/],
    ["xstate.error.actor.wait", /^waiting/],
    ["worker.told", /./],
  ],
};

const seen = collect();
const machines = createMachines({ workers, ports: new Hands().ports });

describe.each<[MachineName, number]>([
  ["orchestrator", 14],
  ["worker", 6],
  ["conversation", 6],
])("the %s", (name, floor) => {
  const states = [...seen[name]];

  it("was seen in all its states", () => {
    expect(states.length).toBeGreaterThanOrEqual(floor);
    const resting = restingStates(machines[name].config as Node).filter((state) => !states.some(([key]) => key.includes(state)));
    expect(resting).toEqual([]);
  });

  it("is broken by no event in any state", () => {
    const broken = states.flatMap(([state, text]) =>
      eventsFor(name, text).flatMap((event) => {
        const { error } = react(name, text, event);
        return error === undefined ? [] : [`${state}: ${event.type}: ${error}`];
      }),
    );
    expect(broken).toEqual([]);
  });

  it("does something about every event, or ignores it on purpose", () => {
    const idle = states.flatMap(([state, text]) =>
      eventsFor(name, text).flatMap((event) => {
        const purposely = ignored[name].some(([type, where]) => type.test(event.type) && where.test(state));
        const must = mustAct[name].some(([type, where]) => type === event.type && where.test(state));
        return (must || !purposely) && !react(name, text, event).acts ? [`${state}: ${event.type}`] : [];
      }),
    );
    expect(idle).toEqual([]);
  });

  it("listens to declared events only", () => {
    const declared = new Set([
      ...Object.keys(upward("t1#1")),
      ...Object.keys(downward("x")),
      ...Command.options.map((option) => option.shape.type.value),
      "effect.orphaned",
      "host.slept",
      "effect.part",
      "xstate.done.actor.*",
      "xstate.error.actor.*",
      "xstate.done.actor.delegate",
      "xstate.error.actor.delegate",
    ]);
    expect(listenedTo(machines[name].config as Node).filter((type) => !declared.has(type))).toEqual([]);
  });
});

describe("the orchestrator", () => {
  it("was seen while it mends tasks, and while a person decides about files that collide", () => {
    const states = [...seen.orchestrator.keys()];
    expect(states).toEqual(expect.arrayContaining(["dispatching/running while mending", "dispatching/suspended while mending"]));
    expect(states).toContain("resolving/running");
  });

  it("listens to every command and to every message of its children", () => {
    const heard = new Set(listenedTo(machines.orchestrator.config as Node));
    const context = { asks: [], queue: null } as unknown as RunContext;
    expect([...Object.keys(upward("t1#1")), ...Object.keys(commands(context))].filter((type) => !heard.has(type))).toEqual([]);
    expect(Command.options.map((option) => option.shape.type.value).toSorted()).toEqual(
      Object.keys(commands(context)).toSorted(),
    );
  });
});

interface Node {
  readonly on?: Readonly<Record<string, unknown>>;
  readonly states?: Readonly<Record<string, Node>>;
  readonly type?: string;
  readonly invoke?: unknown;
  readonly always?: unknown;
}

function listenedTo({ on = {}, states = {} }: Node): readonly string[] {
  return [...Object.keys(on), ...Object.values(states).flatMap(listenedTo)];
}

/** Names of the states in which a machine can rest: leaves that wait for an event. */
function restingStates({ states = {} }: Node): readonly string[] {
  return Object.entries(states).flatMap(([name, node]) => {
    if (node.states) return restingStates(node);
    const passes = node.always !== undefined && node.invoke === undefined && node.on === undefined;
    return node.type === "final" || passes ? [] : [name];
  });
}

/** Plays everything and keeps one snapshot of each machine in each state. */
function collect(): Seen {
  const found: Seen = { orchestrator: new Map(), worker: new Map(), conversation: new Map() };
  for (const play of [...plays, parrots]) {
    const player = new Player(play);
    for (let steps = 0; steps < 400; steps++) {
      note(found, "orchestrator", player.actor);
      if (!player.step()) break;
    }
  }
  return found;
}

/** Keeps the snapshot of a machine and of the machines below it. */
function note(found: Seen, name: MachineName, actor: AnyActorRef): void {
  const snapshot = actor.getSnapshot() as { status: string; value: unknown; children: Record<string, AnyActorRef | undefined> };
  if (snapshot.status !== "active") return;
  const isMending = name === "orchestrator" && Object.keys(snapshot.children).some((id) => id.startsWith("mend:"));
  const key = `${stateOf(snapshot.value)}${isMending ? " while mending" : ""}`;
  if (!found[name].has(key)) found[name].set(key, JSON.stringify(actor.getPersistedSnapshot()));
  for (const [id, child] of Object.entries(snapshot.children)) {
    if (id.startsWith("worker:") && child) note(found, "worker", child);
    if (/^(plan|route|synthesis|conversation|mend:.*)$/.test(id) && child) note(found, "conversation", child);
  }
}

/** `dispatching/running`, `thinking`, `acting/calling`. */
function stateOf(value: unknown): string {
  if (typeof value === "string") return value;
  const { active } = value as { active?: { phase: unknown; activity: string } };
  if (active) return `${stateOf(active.phase)}/${active.activity}`;
  return Object.entries(value as Record<string, unknown>)
    .map(([name, below]) => `${name}/${stateOf(below)}`)
    .join();
}

function eventsFor(name: MachineName, text: string): readonly AnyEvent[] {
  const { context } = JSON.parse(text) as { context: unknown };
  if (name === "orchestrator") return eventsOfRun(context as RunContext);
  return name === "worker" ? eventsOfWorker() : eventsOfConversation(context as ConversationContext);
}

/** What an event does to a machine in a state: it acts when it changes anything, emits, or sends to a child. */
function react(name: MachineName, text: string, event: AnyEvent): { readonly acts: boolean; readonly error?: string } {
  const machine: AnyStateMachine = machines[name];
  const actor = createActor(machine, { snapshot: JSON.parse(text) as Snapshot<unknown> });
  let emitted = 0;
  let error: string | undefined;
  actor.on("*", () => emitted++);
  actor.subscribe({ error: (thrown) => (error = String(thrown)) });
  actor.start();
  const before = JSON.stringify(actor.getPersistedSnapshot());
  actor.send(event);
  const { status } = actor.getSnapshot();
  if (status === "error") return { acts: true, error: error ?? "error" };
  const acts = emitted > 0 || JSON.stringify(actor.getPersistedSnapshot()) !== before;
  actor.stop();
  return { acts };
}
