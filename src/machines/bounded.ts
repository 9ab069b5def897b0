// A bound for state machines of users: one that raises events to itself for ever, or moves between states for ever, would
// hold the whole process inside one step. XState counts such steps only where it is told a most.

/** Most microsteps of one step of a machine. A worker of sense takes some dozens. */
const MOST_MICROSTEPS = 10_000;

/** What is looked at of a state machine, which may come from another copy of XState. */
interface Machine<Logic> {
  options: { readonly maxIterations?: number };
  provide(implementations: object): Logic & Machine<Logic>;
}

/**
 * The same logic; a state machine that names no `maxIterations` of its own breaks after 10,000 microsteps in one step. The
 * machine that is given is not changed.
 */
export function bounded<const Logic>(logic: Logic): Logic {
  if (!isMachine(logic) || Number.isFinite(logic.options.maxIterations)) return logic;
  const copy = logic.provide({});
  copy.options = { ...copy.options, maxIterations: MOST_MICROSTEPS };
  return copy;
}

function isMachine<Logic>(logic: Logic): logic is Logic & Machine<Logic> {
  if (typeof logic !== "object" || logic === null || !("provide" in logic) || !("options" in logic)) return false;
  return typeof logic.provide === "function" && typeof logic.options === "object" && logic.options !== null;
}
