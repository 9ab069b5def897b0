// Machines that leave little behind. XState writes two kinds of closures as `object.name = () => …`, which V8 puts among
// the old objects at once: the one that every microstep puts in the place of its actor's executor, and eight for every
// `enqueueActions`. Each keeps what its step has seen (contexts, events, children) until the next full garbage collection,
// and scavenges copy it all. Here both are gone, and a new context does not work out its unchanged states anew.
//   L1  A lean machine does what it would do otherwise. An action that is not understood is left as it is.
//   L2  What our charts don't use is not for lean machines: `spawn` inside of `assign`; `check`, `enqueue("name")`,
//       `raise`, `cancel` and `sendParent` inside of `enqueueActions`.
//   L3  What XState keeps in its actions is not promised by it: an action that is asked otherwise than here stays its own,
//       and only the speed is lost.
import { emit, sendTo, spawnChild, stopChild } from "xstate";
import type { AnyActorRef, AnyActorScope, AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from "xstate";

/** Makes a machine lean, in place, and returns it. What `provide` makes of it keeps the lean actions, not the lean steps. */
export function lean<M extends AnyStateMachine>(machine: M): M {
  const actions: Readonly<Record<string, unknown>> = machine.implementations.actions;
  for (const action of Object.values(actions)) {
    if (!isBuiltIn(action)) continue;
    if (action.collect) action.resolve = resolveEnqueueing;
    else if (action.assignment) action.resolve = resolveAssigning;
  }
  const transition = machine.transition.bind(machine);
  const getInitialSnapshot = machine.getInitialSnapshot.bind(machine);
  machine.transition = (snapshot, event, scope) => transition(snapshot, event, new LeanScope(scope));
  machine.getInitialSnapshot = (scope, input) => getInitialSnapshot(new LeanScope(scope), input);
  return machine;
}

interface Place {
  readonly context: object;
  readonly event: AnyEventObject;
  readonly self: AnyActorRef;
  readonly system: AnyActorScope["system"];
}

type Expression = (place: Place) => object;
type Assignment = object | Expression;

/** What XState asks an action with: scope, snapshot, place, parameters, and the action itself. */
type Asked = readonly [AnyActorScope, AnyMachineSnapshot, Place, unknown, BuiltIn];

/** What XState keeps in the actions that `assign` and `enqueueActions` make, and how it asks them. */
interface BuiltIn {
  readonly collect?: (place: Place & { readonly enqueue: Enqueue }) => void;
  readonly assignment?: Assignment;
  resolve: (...asked: Asked) => readonly [AnyMachineSnapshot, undefined, readonly unknown[] | undefined];
}

/** How many things XState asks an action with. */
const ASKED = 5;

/** L3 */
const isBuiltIn = (action: unknown): action is BuiltIn =>
  typeof action === "function" && "resolve" in action && typeof action.resolve === "function" && action.resolve.length === ASKED;

const resolveEnqueueing: BuiltIn["resolve"] = (...asked) => {
  const snapshot = asked[1];
  const place = asked[2];
  const { context, event, self, system } = place;
  const enqueue = new Enqueue(snapshot, place);
  asked[4].collect?.({ context, event, self, system, enqueue });
  return [enqueue.snapshot, undefined, enqueue.actions];
};

const resolveAssigning: BuiltIn["resolve"] = (...asked) => [
  assigned(asked[1], asked[2], asked[4].assignment ?? {}),
  undefined,
  undefined,
];

/** The snapshot with another context. Its states are what they were. */
function assigned(snapshot: AnyMachineSnapshot, place: Place, assignment: Assignment): AnyMachineSnapshot {
  const { context: before } = place;
  const update = isExpression(assignment) ? assignment(place) : valuesOf(assignment, place);
  return { ...snapshot, context: hasSameKeys(before, update) ? update : { ...before, ...update } };
}

/** True for the next value of a whole context: then nothing of the one before is left to be kept. */
function hasSameKeys(before: object, update: object): boolean {
  const known = Object.keys(before);
  const given = Object.keys(update);
  return known.length === given.length && known.every((key, at) => key === given[at]);
}

const valuesOf = (fields: object, place: Place): object =>
  Object.fromEntries(
    Object.entries(fields).map(([key, value]: [string, unknown]) => [key, isExpression(value) ? value(place) : value]),
  );

const isExpression = (value: unknown): value is Expression => typeof value === "function";

/** The `enqueue` of an action. An assignment is made at once; what comes after it sees it. */
class Enqueue {
  readonly actions: unknown[] = [];
  snapshot: AnyMachineSnapshot;
  #place: Place;

  constructor(snapshot: AnyMachineSnapshot, place: Place) {
    this.snapshot = snapshot;
    this.#place = place;
  }

  assign(assignment: Assignment): void {
    const { event, self, system } = this.#place;
    this.snapshot = assigned(this.snapshot, this.#place, assignment);
    const context: unknown = this.snapshot.context;
    this.#place = { context: context as object, event, self, system };
  }

  emit(event: AnyEventObject): void {
    this.actions.push(emit(event));
  }

  sendTo(target: AnyActorRef | string, event: AnyEventObject): void {
    this.actions.push(sendTo(target, event));
  }

  spawnChild(...given: Parameters<typeof spawnChild>): void {
    this.actions.push(spawnChild(...given));
  }

  stopChild(...given: Parameters<typeof stopChild>): void {
    this.actions.push(stopChild(...given));
  }
}

/** The scope of an actor, whose executor stays what it is: that of a microstep fills a list which nobody reads. */
class LeanScope implements AnyActorScope {
  readonly self: AnyActorScope["self"];
  readonly id: string;
  readonly sessionId: string;
  readonly logger: AnyActorScope["logger"];
  readonly defer: AnyActorScope["defer"];
  readonly system: AnyActorScope["system"];
  readonly stopChild: AnyActorScope["stopChild"];
  readonly emit: AnyActorScope["emit"];
  readonly execute: AnyActorScope["actionExecutor"];

  constructor(scope: AnyActorScope) {
    this.self = scope.self;
    this.id = scope.id;
    this.sessionId = scope.sessionId;
    this.logger = scope.logger;
    this.defer = scope.defer;
    this.system = scope.system;
    this.stopChild = scope.stopChild;
    this.emit = scope.emit;
    this.execute = scope.actionExecutor;
  }

  get actionExecutor(): AnyActorScope["actionExecutor"] {
    return executeIn;
  }

  set actionExecutor(_own: AnyActorScope["actionExecutor"]) {}
}

/** One for all, since a microstep's closure keeps it; XState calls it as a method of the scope. */
function executeIn(this: LeanScope, action: Parameters<AnyActorScope["actionExecutor"]>[0]): void {
  this.execute(action);
}
