// Rules about data: contexts that survive a restart, functions that take what comes.
import { fromTransition, initialTransition } from "xstate";
import type { AnyActorLogic } from "xstate";
import { messageOf } from "../../core/errors.ts";
import { notJson } from "../../host/values.ts";
import { bounded } from "../../machines/bounded.ts";
import type { Finding, LintFacts, Rule } from "./issue.ts";
import { bodyOf, field, nameOf } from "./parts.ts";
import type { Parts } from "./parts.ts";

/** A machine that can't be started without input: XState's pure transitions ask for that. */
export const throwingContext: Rule = (parts, { input }) => {
  const { machine } = parts;
  const without = contextOf(parts, undefined);
  const found =
    "threw" in without
      ? [
          {
            where: machine.root.id,
            message: `Started without input it throws: ${without.threw} XState's pure transitions call the context factory without input, so explorers and tests need it to be total.`,
          },
        ]
      : [];
  const given = input === undefined ? without : contextOf(parts, input);
  return input !== undefined && "threw" in given
    ? [...found, { where: machine.root.id, message: `Started with the input of the option it throws: ${given.threw}` }]
    : found;
};

/** What of the first context, or of the input, a snapshot would lose. */
export const notJsonContext: Rule = (parts, { input }) => {
  const { machine } = parts;
  const first = contextOf(parts, input);
  const context = "context" in first && typeof first.context === "object" && first.context !== null ? first.context : {};
  const finding = (found: string | undefined): readonly Finding[] =>
    found === undefined
      ? []
      : [
          {
            where: machine.root.id,
            message: `${found}. A snapshot loses it: keep plain JSON (null, booleans, numbers, texts, lists, plain objects).`,
          },
        ];
  return [
    ...(input === undefined ? [] : finding(notJson(input, "input"))),
    ...Object.entries(context).flatMap(([name, value]) =>
      finding(value === undefined ? undefined : notJson(value, `context.${name}`)),
    ),
  ];
};

/** Guards that throw on an event without a payload. Only asked with the option `probe`. */
export const throwingGuard: Rule = (parts, { input, probe, events = [] }) => {
  const first = contextOf(parts, input);
  if (!probe || "threw" in first) return [];
  const { guards, implementations } = parts;
  return guards.flatMap(({ where, ref, event }) => {
    const guard = bodyOf(ref, implementations.guards);
    // What children report is typed by XState and comes whole; `always` is asked after any event.
    if (typeof guard !== "function" || event?.startsWith("xstate.")) return [];
    const params: unknown = field(ref, "params");
    const types = event === null ? ["xstate.init", ...events] : [event];
    for (const type of types) {
      const threw = thrownBy(() =>
        Reflect.apply(guard, undefined, [
          { context: first.context, event: { type } },
          typeof params === "function" ? undefined : params,
        ]),
      );
      if (threw !== undefined)
        return [
          {
            where,
            message: `Guard "${nameOf(ref) ?? "written in place"}" throws on { type: "${type}" }: ${threw} A guard that throws breaks the machine: make it total.`,
          },
        ];
    }
    return [];
  });
};

/** The context that a machine begins with, worked out without starting anything. */
function contextOf(
  { machine, implementations, children }: Parts,
  input: LintFacts["input"],
): { readonly context: unknown } | { readonly threw: string } {
  // XState warns on the console of children without logic; what they are missing is another rule's.
  const missing = children.flatMap(({ src }) => (src !== null && !Object.hasOwn(implementations.actors, src) ? [src] : []));
  const inert = Object.fromEntries(missing.map((src) => [src, NOTHING]));
  const whole = missing.length === 0 ? machine : machine.provide({ actors: inert });
  const [snapshot] = initialTransition(bounded(whole), input);
  return snapshot.status === "error" ? { threw: sentence(messageOf(snapshot.error)) } : { context: snapshot.context as unknown };
}

const NOTHING: AnyActorLogic = fromTransition(() => null, null);

function thrownBy(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return sentence(messageOf(error));
  }
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
