// What tells two states of the tree apart, as a short text. Everything that decides what can happen next is in it, and
// everything that an invariant reads of the present; what is left out is named here, with the reason.
//   K1  Moments of the wall clock count only by their order: which comes first, which are the same.
//   K2  What lists hold in an order that nothing reads counts as a set.
import type { AnyActorRef, Snapshot } from "xstate";
import { digestOf, isPlainObject } from "../../../core/json.ts";
import type { Deliverable, WaitingEffect } from "../../../host/pool.ts";
import { START } from "../../simulate/base-input.ts";

/** What a key is made from. */
export interface KeyParts {
  readonly root: AnyActorRef;
  readonly now: number;
  /** What is in flight, and what has not begun: it may have been in flight before a crash. */
  readonly pending: readonly (Deliverable | WaitingEffect)[];
  readonly timers: readonly Deliverable[];
  /** What is left of the budgets of crashes, stops and commands. */
  readonly left: readonly unknown[];
  /** What else tells states apart. */
  readonly more: unknown;
}

/** What is left out of keys. */
export interface KeyRules {
  /** Whether money and tokens decide anything: there is a limit. */
  readonly money: boolean;
  /** Names of fields of the orchestrator's context that are left out besides. */
  readonly ignore: readonly string[];
}

/** Fields of the orchestrator's context that are left out. */
const LEFT_OUT_OF_RUN: ReadonlySet<string> = new Set([
  // Never change in a run.
  "runId",
  "request",
  "mode",
  "workers",
  "models",
  "options",
  "lineage",
  "startedAt",
  // Told to people; no decision reads them.
  "letters",
  // Draws the next random wait; how long waits are is told by their timers, the next draw may differ (said in `limits`).
  "seed",
]);
/** Fields of conversations that are left out: frozen at their start by what the orchestrator's context says, or as above. */
const LEFT_OUT_OF_CONVERSATIONS: ReadonlySet<string> = new Set(["parameters", "permissions", "limits", "seed"]);
/** Fields anywhere that decide nothing where there is no limit of money or tokens. */
const MONEY = /^(usd|spend|use|usage|worst|tokens|knownTokens|newCharacters|estimatedUsd|moneyUsd|reserved\w+)$/;
/** Lists whose order nothing reads (K2). */
const SETS: ReadonlySet<string> = new Set(["running"]);
/** Effects that answer otherwise when they were lost in a crash, besides those of users. The others never look. */
const BLIND_TO_LOSS: ReadonlySet<string> = new Set([
  "prepareWorkspace",
  "performWork",
  "verifyWork",
  "commitWork",
  "integrate",
  "sleepUntil",
]);
/** Numbers within as many ms of the start are moments. */
const ERA_MS = 5 * 366 * 86_400_000;

/** The key of a state, 22 characters. */
export function stateKey(parts: KeyParts, rules: KeyRules): string {
  const { root, now, pending, timers, left, more } = parts;
  const text = new Writer(rules);
  text.actor(root.getSnapshot() as Snapshot<unknown>, "run");
  text.add(pending.map(inFlight).toSorted().join("\n"));
  for (const { id, dueAt } of timers) {
    text.add(nameOf(id));
    text.value(dueAt);
  }
  text.value(now);
  text.value([left, more]);
  return digestOf(text.end());
}

function inFlight(one: Deliverable | WaitingEffect): string {
  if (!("kind" in one)) return `waiting ${nameOf(one.id)} ${one.lost}`;
  const { kind, id, name = "", lost = 0, behind = 0 } = one;
  return `${kind === "timer" ? "" : kind} ${nameOf(id)} ${BLIND_TO_LOSS.has(name) ? "" : lost} ${behind}`;
}

/** The timer of deadlines is set anew now and then: which one it is by count decides nothing. */
const nameOf = (id: string): string => id.replaceAll(/limit\/\d+/g, "limit");

/** Writes values in one spelling; moments are filled in at the end (K1). */
class Writer {
  readonly #rules: KeyRules;
  readonly #texts: string[] = [];
  readonly #moments: { readonly place: number; readonly at: number }[] = [];

  constructor(rules: KeyRules) {
    this.#rules = rules;
  }

  add(text: string): void {
    this.#texts.push(text);
  }

  end(): string {
    const order = [...new Set(this.#moments.map(({ at }) => at))].toSorted((a, b) => a - b);
    const ranks = new Map(order.map((at, rank) => [at, rank]));
    for (const { place, at } of this.#moments) this.#texts[place] = `@${ranks.get(at)}`;
    return this.#texts.join("\u0001");
  }

  /** An actor with all that lives below it. */
  actor(snapshot: Snapshot<unknown>, from: Origin): void {
    this.add(snapshot.status);
    if ("value" in snapshot) this.value(snapshot.value);
    if ("context" in snapshot) this.#fields(snapshot.context as object, from);
    if ("input" in snapshot) this.value(snapshot.input);
    if (snapshot.output !== undefined && !("machine" in snapshot)) this.value(snapshot.output);
    if (!("children" in snapshot)) return;
    const children = Object.entries(snapshot.children as Readonly<Record<string, AnyActorRef | undefined>>);
    for (const [id, child] of children.toSorted(([a], [b]) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
      if (!child) continue;
      this.add(nameOf(id));
      const inner = child.getSnapshot() as Snapshot<unknown>;
      this.actor(inner, from === "user" || id === "delegate" ? "user" : isConversation(inner) ? "conversation" : "worker");
    }
  }

  value(value: unknown, from: Origin = "user"): void {
    if (typeof value === "number" && Math.abs(value - START) < ERA_MS) {
      this.#moments.push({ place: this.#texts.length, at: value });
      this.add("");
    } else if (Array.isArray(value)) {
      this.add(`[${value.length}`);
      for (const one of value) this.value(one, from);
    } else if (isPlainObject(value)) this.#fields(value, from === "user" ? "user" : "part");
    else this.add(typeof value === "string" ? nameOf(value) : String(value));
  }

  #fields(object: object, from: Origin): void {
    for (const [name, field] of Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (field === undefined || this.#isLeftOut(name, from)) continue;
      this.add(`${name}:`);
      if (from === "run" && name === "alarm") this.value((field as { readonly dueAt: number | null }).dueAt);
      else if (from !== "user" && SETS.has(name) && Array.isArray(field)) this.value(field.map(String).toSorted());
      else this.value(field, from);
    }
    this.add("}");
  }

  #isLeftOut(name: string, from: Origin): boolean {
    const { money, ignore } = this.#rules;
    if (from === "user") return false;
    if (from === "run" && (LEFT_OUT_OF_RUN.has(name) || ignore.includes(name))) return true;
    return (from === "conversation" && LEFT_OUT_OF_CONVERSATIONS.has(name)) || (!money && MONEY.test(name));
  }
}

/** Whose fields are written: the context of a machine of ours, something inside of one, or anything of users. */
type Origin = "run" | "worker" | "conversation" | "part" | "user";

const isConversation = (snapshot: Snapshot<unknown>): boolean =>
  "machine" in snapshot && (snapshot.machine as { readonly id?: unknown }).id === "conversation";
