// Rules about words: what a chart says is named, so that inspectors, tests and restarts can tell it.
import { nearest } from "../../core/text.ts";
import type { Finding, Rule } from "./issue.ts";
import { bodyOf, field, nameOf } from "./parts.ts";
import type { Use } from "./parts.ts";

/** Actions without a name. */
export const inlineAction: Rule = ({ actions }) =>
  actions.flatMap(({ where, ref }) => {
    if (nameOf(ref) !== undefined) return [];
    const kind = field(ref, "type");
    const what = typeof kind === "string" ? ` (${kind.replace("xstate.", "")})` : "";
    return [
      {
        where,
        message: `An action${what} is written in place. Name it in setup({ actions }), so that it can be read, provided and told apart.`,
      },
    ];
  });

/** Guards without a name. */
export const inlineGuard: Rule = ({ guards }) =>
  guards.flatMap(({ where, ref }) =>
    nameOf(ref) === undefined
      ? [{ where, message: "A guard is written in place. Name it in setup({ guards }): a name that reads as yes or no." }]
      : [],
  );

/** Logic of children without a name. */
export const inlineActor: Rule = ({ children }) =>
  children.flatMap(({ where, id, src }) =>
    src === null
      ? [
          {
            where,
            message: `The logic of child ${idText(id)} is written in place. Name it in setup({ actors }): a machine with unnamed children can't be persisted.`,
          },
        ]
      : [],
  );

/** Names that stand for nothing. */
export const unimplemented: Rule = ({ actions, guards, children, implementations }) => {
  const missing = (kind: "action" | "guard" | "actor", name: string, known: Readonly<Record<string, unknown>>): string => {
    const near = nearest(name, Object.keys(known));
    return `There is no ${kind} "${name}"${guess(near)} XState only warns, and goes on without it. Name it in setup({ ${kind}s }) or provide it.`;
  };
  const absent = (uses: readonly Use[], kind: "action" | "guard"): readonly Finding[] => {
    const known = implementations[`${kind}s`];
    return uses.flatMap(({ where, ref }) => {
      const name = nameOf(ref);
      if (name === undefined || name.startsWith("xstate.") || bodyOf(ref, known) !== undefined) return [];
      return [{ where, message: missing(kind, name, known) }];
    });
  };
  const childless = children.flatMap(({ where, src, logic }) =>
    src !== null && logic === undefined ? [{ where, message: missing("actor", src, implementations.actors) }] : [],
  );
  return [...absent(actions, "action"), ...absent(guards, "guard"), ...childless];
};

/** A machine without a name of its own. */
export const noId: Rule = ({ machine }) =>
  typeof field(machine.config, "id") === "string"
    ? []
    : [
        {
          where: machine.root.id,
          message: "The machine has no id. Give it one: journals, watchers and coverage know machines by it.",
        },
      ];

/** The end of a sentence about a name that is not there. */
export const guess = (near: string | undefined): string => (near === undefined ? "." : `; did you mean "${near}"?`);

/** A child's id in words. */
export const idText = (id: string | null): string => (id === null ? "whose id is worked out" : `"${id}"`);
