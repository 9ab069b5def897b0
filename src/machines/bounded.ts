// A bound for state machines of users: one that raises events to itself for ever, or moves between states for ever, would
// hold the whole process inside one step. XState counts such steps only where it is told a most.
import { StateMachine } from "xstate";

/** Most microsteps of one step of a machine. A worker of sense takes some dozens. */
const MOST_MICROSTEPS = 10_000;

/**
 * The same logic; a state machine that names no `maxIterations` of its own breaks after 10,000 microsteps in one step. The
 * machine that is given is not changed.
 */
export function bounded<const Logic>(logic: Logic): Logic {
  if (!(logic instanceof StateMachine) || Number.isFinite(logic.options.maxIterations)) return logic;
  const copy = logic.provide({});
  copy.options = { ...copy.options, maxIterations: MOST_MICROSTEPS };
  // A copy of a machine has the type of the machine.
  return copy as Logic;
}
