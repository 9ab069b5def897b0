// Rules about children and the events of a machine: failures that are heard, work that a host journals, names that come.
import { nearest } from "../../core/text.ts";
import type { Finding, Rule } from "./issue.ts";
import { bodyOf, field, hears, pathOf, transitionsOf } from "./parts.ts";
import type { Child, Node, Parts } from "./parts.ts";
import { guess, idText } from "./word-rules.ts";

const ERROR = "xstate.error.actor.";

/** Children whose failure nobody hears. An invoked one is looked for from its state upwards, a spawned one at the root. */
export const unhandledError: Rule = (parts, facts) => {
  const { machine, children } = parts;
  const root = [machine.root];
  const atRoot = { where: machine.root.id, isInvoked: false };
  const seen = children.map((child) => {
    const what = `child ${idText(child.id)}${child.src === null ? "" : ` (${child.src})`}`;
    return errorFinding({ ...child, what }, child.isInvoked ? pathOf(child.node) : root);
  });
  const told = (facts.children ?? []).map((id) => errorFinding({ ...atRoot, id, what: `child "${id}"` }, root));
  const hidden = told.length > 0 ? [] : neverStarted(parts);
  const unseen = hidden.map((src) =>
    errorFinding({ ...atRoot, id: null, what: `actor "${src}", which only actions can start,` }, root),
  );
  return [...seen, ...told, ...unseen].flat();
};

/** Handlers that take every event, failures of children among them. */
export const wildcard: Rule = ({ nodes }) =>
  nodes.flatMap((node) =>
    node.transitions.has("*")
      ? [
          {
            where: node.id,
            message:
              'It hears "*", and so takes every event, failures of children (xstate.error.actor.*) among them. Name the events, or a family such as "turn.*".',
          },
        ]
      : [],
  );

/** Children that are known to the whole system by one name. */
export const systemId: Rule = ({ children }) =>
  children.flatMap(({ where, id, systemId: name }) =>
    name === undefined
      ? []
      : [
          {
            where,
            message: `Child ${idText(id)} has the systemId ${JSON.stringify(name)}: a second one breaks the machine, and explorers can't walk past the first. Send to it by its id.`,
          },
        ],
  );

/** Work that no host journals: promises, callbacks, observables. */
export const foreignAsync: Rule = ({ machine, children, implementations }) => {
  const used = new Set(children.map(({ logic }) => logic));
  const unseen: readonly Pick<Child, "where" | "src" | "id" | "logic">[] = Object.entries(implementations.actors).flatMap(
    ([src, logic]) => (used.has(logic) ? [] : [{ where: machine.root.id, src, id: null, logic }]),
  );
  return [...children, ...unseen].flatMap(({ where, src, id, logic }) =>
    isForeign(logic)
      ? [
          {
            where,
            message: `${src === null ? `Child ${idText(id)}` : `Actor "${src}"`} works by itself (promise, callback or observable), so a durable host refuses it as UnjournaledActor, and its answers come as ForeignAsync. Make it an effect(), and wait with sleepUntil.`,
          },
        ]
      : [],
  );
};

/** Events that nobody sends. */
export const unknownEvent: Rule = (parts, facts) => {
  const known = new Set([...parts.children.flatMap(({ id }) => id ?? []), ...(facts.children ?? [])]);
  const sent = facts.events && [...facts.events, ...FROM_HOSTS, ...raisedBy(parts)];
  return parts.nodes.flatMap((node) =>
    [...node.transitions.keys()].flatMap((event) => {
      const why = nobodySends(event, { known, sent, parts });
      return why === undefined ? [] : [{ where: node.id, message: why }];
    }),
  );
};

/** What hosts send on their own account. */
const FROM_HOSTS = ["effect.orphaned", "effect.part", "host.slept"];

/** Names that XState 4 had. */
const OLD: readonly (readonly [RegExp, string])[] = [
  [/^done\.invoke\./, "xstate.done.actor."],
  [/^error\.platform\./, ERROR],
  [/^done\.state\./, "xstate.done.state."],
];

function nobodySends(
  event: string,
  {
    known,
    sent,
    parts,
  }: { readonly known: ReadonlySet<string>; readonly sent: readonly string[] | undefined; readonly parts: Parts },
): string | undefined {
  const old = OLD.find(([name]) => name.test(event));
  if (old) return `"${event}" is a name of XState 4, and never comes. It is "${event.replace(old[0], old[1])}" now.`;
  const [, id] = /^xstate\.(?:done\.actor|error\.actor|snapshot)\.(.+)$/.exec(event) ?? [];
  if (id !== undefined) {
    if (id.endsWith("*") || known.has(id)) return undefined;
    const near = nearest(id, [...known]);
    return `"${event}" never comes: there is no child "${id}"${guess(near)} If code spawns it, name it in the option children.`;
  }
  const [, state] = /^xstate\.done\.state\.(.+)$/.exec(event) ?? [];
  if (state !== undefined)
    return parts.nodes.some((node) => node.id === state) ? undefined : `"${event}" never comes: there is no state "${state}".`;
  if (sent === undefined || event === "*" || event.startsWith("xstate.") || sent.some((one) => hears(event, one)))
    return undefined;
  const near = nearest(event, sent);
  return `Nobody sends "${event}"${guess(near)} Take it out, or add it to the option events.`;
}

/** Types of events that the machine raises itself, where they can be seen. */
const raisedBy = ({ actions, implementations }: Parts): readonly string[] =>
  actions.flatMap(({ ref }) => {
    const body = bodyOf(ref, implementations.actions);
    const type = field(body, "type") === "xstate.raise" ? field(field(body, "event"), "type") : undefined;
    return typeof type === "string" ? [type] : [];
  });

/** As the host itself tells it. */
const isForeign = (logic: unknown): boolean =>
  field(logic, "start") !== undefined &&
  field(logic, "effectName") === undefined &&
  !(field(logic, "implementations") !== undefined && field(logic, "root") !== undefined);

/** Actors that have a name and that no state invokes and no action visibly spawns. */
const neverStarted = ({ children, implementations }: Parts): readonly string[] =>
  Object.keys(implementations.actors).filter((name) => !children.some(({ src }) => src === name));

function errorFinding(
  { where, id, isInvoked, what }: Pick<Child, "where" | "id" | "isInvoked"> & { readonly what: string },
  path: readonly Node[],
): readonly Finding[] {
  const handlers = path
    .flatMap(transitionsOf)
    .filter((transition) => transition.eventType !== "" && hears(String(transition.eventType), `${ERROR}${id ?? "?"}`));
  if (handlers.some(({ guard }) => guard === undefined || guard === null)) return [];
  const descriptor = `${ERROR}${id ?? "*"}`;
  const place = path.length === 1 ? " at the root" : "";
  const [how, mend] =
    handlers.length > 0
      ? ["every handler of it has a guard", `Add one of "${descriptor}" without a guard`]
      : ["nobody hears it", `${isInvoked ? "Give it onError, or hear" : "Hear"} "${descriptor}"`];
  return [
    {
      where,
      message: `When ${what} fails, ${how}: then this machine breaks and all its children are stopped. ${mend}${place}.`,
    },
  ];
}
