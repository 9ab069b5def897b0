// Rules about time and chance: what a restart loses and a replay can't repeat.
import type { Rule } from "./issue.ts";
import { bodyOf, field, nameOf } from "./parts.ts";
import type { Use } from "./parts.ts";

/** Delayed transitions and delayed events: a restored snapshot has none of them. */
export const delayed: Rule = ({ nodes, actions, implementations }) => {
  const after = nodes.flatMap((node) =>
    Object.keys(node.config.after ?? {}).map((delay) => ({
      where: node.id,
      message: `It has a transition after ${delay}${/^\d+$/.test(delay) ? " ms" : ""}, which is lost when a snapshot is restored. Invoke the effect sleepUntil({ key, dueAt }) and move on with its onDone.`,
    })),
  );
  const later = actions.flatMap(({ where, ref }) => {
    const body = bodyOf(ref, implementations.actions);
    return field(body, "delay") === undefined
      ? []
      : [
          {
            where,
            message: `${titleOf(ref)} sends with a delay, which is lost when a snapshot is restored. Invoke the effect sleepUntil({ key, dueAt }) instead.`,
          },
        ];
  });
  return [...after, ...later];
};

/** Clocks, dice and timers in the text of actions, guards and the context factory. What these call is not looked into. */
export const impure: Rule = ({ machine, actions, guards, implementations }) => {
  const check = (where: string, what: string, body: unknown) => {
    const found = textsOf(body).flatMap((text) => IMPURE.flatMap(([name, pattern]) => (pattern.test(text) ? [name] : [])));
    return found.length === 0
      ? []
      : [
          {
            where,
            message: `${what} uses ${[...new Set(found)].join(" and ")}, which a replay can't repeat. Time comes in with events (\`at\`), chance from a seed in the context, and work is done by effects.`,
          },
        ];
  };
  const uses = (list: readonly Use[], known: Readonly<Record<string, unknown>>) =>
    list.flatMap(({ where, ref }) => check(where, titleOf(ref), bodyOf(ref, known)));
  return [
    ...check(machine.root.id, "The context factory", machine.config.context),
    ...uses(actions, implementations.actions),
    ...uses(guards, implementations.guards),
  ];
};

const IMPURE: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["Date", /\bDate\.now\s*\(|\bnew Date\s*\(\s*\)/],
  ["Math.random", /\bMath\.random\s*\(/],
  ["randomUUID", /\brandomUUID\s*\(/],
  ["performance.now", /\bperformance\.now\s*\(/],
  ["a timer", /\bset(?:Timeout|Interval|Immediate)\s*\(/],
  ["fetch", /\bfetch\s*\(/],
  ["await", /\bawait\s/],
];

/** The texts of a function, and of those that XState's own actions are made with. */
function textsOf(body: unknown): readonly string[] {
  if (typeof body === "object" && body !== null) return Object.values(body).flatMap(textsOf);
  if (typeof body !== "function") return [];
  const inner = ["assignment", "collect", "event", "eventOrExpr", "input"].map((name) => field(body, name));
  const own = typeof field(body, "type") === "string" ? [] : [Function.prototype.toString.call(body)];
  return [...own, ...inner.flatMap(textsOf)];
}

const titleOf = (ref: unknown): string => {
  const name = nameOf(ref);
  return name === undefined ? "A function written in place" : `"${name}"`;
};
