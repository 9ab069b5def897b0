// Ties a runtime to the actor tree that `createActor` makes, by actor options and an inspector.
//   A1  On durable hosts nothing enters the tree but deliveries: other events are ForeignAsync, other asynchronous
//       actors UnjournaledActor.
//   A2  The caller's inspector hears nothing during a replay, and can't break the tree.
import type { Actor, AnyActorLogic, InspectionEvent } from "xstate";
import { stableStringify } from "../core/json.ts";
import { HostError } from "./errors.ts";
import { type HeadBody, JOURNAL_FORMAT, type Journal, type Row } from "./journal.ts";
import type { AttachedOptions, AttachOptions } from "./port.ts";
import { registry } from "./registry.ts";
import type { Runtime } from "./runtime.ts";
import { copyOf, notJson } from "./values.ts";

type Root = Actor<AnyActorLogic>;

/** Makes the actor options. Throws as `Host.attach` says. */
export function attachTree<I>(runtime: Runtime, journal: Journal, options: AttachOptions<I>): AttachedOptions<I> {
  const first = firstOf(journal.read());
  const known = first && headOf(first);
  const input = known ? recordedInput(known, options.input) : freshInput(journal, options.input);
  const versions = { ...(options.versions ?? known?.versions) };
  if (known) checkVersions(known.versions, versions);
  const watch = new TreeWatch(runtime, first, {
    format: JOURNAL_FORMAT,
    machine: known?.machine ?? "",
    versions,
    input: journal.durable && input !== undefined ? copyOf(input) : null,
  });
  const { setTimeout, clearTimeout } = runtime.machineClock;
  return { id: "run", input: input as I, clock: { setTimeout, clearTimeout }, inspect: watch.inspector(options.inspect) };
}

/** Follows one tree from its first inspection event on. */
class TreeWatch {
  readonly #runtime: Runtime;
  readonly #first: Row | undefined;
  readonly #head: HeadBody;
  #root: Root | undefined;
  /** Events given to the root inside `start()` and not yet answered by its snapshot. */
  #open = 0;

  constructor(runtime: Runtime, first: Row | undefined, head: HeadBody) {
    this.#runtime = runtime;
    this.#first = first;
    this.#head = head;
  }

  inspector(caller: ((event: InspectionEvent) => void) | undefined): (event: InspectionEvent) => void {
    const tell = caller && guarded(caller);
    return (event) => {
      if (!this.#root) this.#adopt(event);
      if (this.#runtime.durable) this.#guard(event);
      else if (event.type === "@xstate.event" && event.event.type === "xstate.init" && event.actorRef === this.#root)
        this.#runtime.begin();
      if (tell && !this.#runtime.replaying) tell(event);
    };
  }

  #adopt(event: InspectionEvent): void {
    const root = event.actorRef as Root;
    const machine = nameOf(root.logic);
    if (this.#first && this.#head.machine !== machine) {
      throw new HostError(
        "VersionMismatch",
        `This journal was written by machine "${this.#head.machine}", not by "${machine}". Give createActor the machine that began the run.`,
      );
    }
    this.#root = root;
    registry.bind(root.system, this.#runtime);
    this.#runtime.adopt(root, { body: { ...this.#head, machine }, first: this.#first });
    // An observer with an error handler keeps XState from throwing globally: the end is told by `settled()`.
    const look = (): void => this.#runtime.look();
    root.subscribe({ error: look, complete: look });
  }

  /** A1. */
  #guard(event: InspectionEvent): void {
    if (event.type === "@xstate.actor") this.#checkLogic(event.actorRef as Root);
    if (event.type === "@xstate.event") this.#checkOrigin(event.event.type, event.actorRef === this.#root);
    if (event.type === "@xstate.snapshot" && this.#runtime.starting && event.actorRef === this.#root) {
      this.#open--;
      // XState tells no end of start(): it is reached when the root has answered everything it was given.
      if (this.#open === 0) this.#runtime.starting = false;
    }
  }

  #checkOrigin(type: string, toRoot: boolean): void {
    if (toRoot && type === "xstate.init") {
      this.#runtime.starting = true;
      this.#open = 1;
      this.#runtime.begin();
      return;
    }
    if (this.#runtime.ended) return;
    if (!this.#runtime.isInTree) {
      throw new HostError(
        "ForeignAsync",
        `Event "${type}" entered the tree outside a delivery, so it could not be journaled. Send commands with host.send(), and do asynchronous work in effects.`,
      );
    }
    if (toRoot && this.#runtime.starting) this.#open++;
  }

  #checkLogic(actor: Root): void {
    const { logic } = actor;
    if (logic.start === undefined || "effectName" in logic || ("implementations" in logic && "root" in logic)) return;
    const src = typeof actor.src === "string" ? `"${actor.src}"` : "inline logic";
    const error = new HostError(
      "UnjournaledActor",
      `Actor "${actor.id}" (src ${src}) does asynchronous work that is not journaled. Make it an effect(), or use memoryHost() without a journal.`,
    );
    this.#runtime.broken(error);
    throw error;
  }
}

/** A2. */
function guarded(caller: (event: InspectionEvent) => void): (event: InspectionEvent) => void {
  let strikes = 0;
  return (event) => {
    if (strikes === 3) return;
    try {
      caller(event);
    } catch {
      strikes++;
    }
  };
}

function freshInput(journal: Journal, input: unknown): unknown {
  const found = journal.durable && input !== undefined ? notJson(input, "input") : undefined;
  if (found) throw new HostError("NotJson", `The input is not plain JSON: ${found}. Give attach() plain data.`);
  return input;
}

function recordedInput(head: HeadBody, input: unknown): unknown {
  if (input !== undefined && stableStringify(input) !== stableStringify(head.input)) {
    throw new HostError(
      "InputChanged",
      `The run was begun with the input ${short(head.input)}, not ${short(input)}. Leave the input out to resume, or begin another run.`,
    );
  }
  return copyOf(head.input) ?? undefined;
}

function checkVersions(recorded: Readonly<Record<string, string>>, given: Readonly<Record<string, string>>): void {
  for (const name of new Set([...Object.keys(recorded), ...Object.keys(given)])) {
    if (recorded[name] === given[name]) continue;
    throw new HostError(
      "VersionMismatch",
      `The run was begun with ${name} ${recorded[name] ?? "(none)"}, now it is ${given[name] ?? "(none)"}. Resume with the version that began it, or fork the run.`,
    );
  }
}

/** The first row, after a look at all: a journal that is damaged anywhere is refused before the tree starts. */
function firstOf(rows: Iterable<Row>): Row | undefined {
  let first: Row | undefined;
  for (const row of rows) first ??= row;
  return first;
}

function headOf(row: Row): HeadBody {
  const head = row.body as HeadBody | null;
  if (row.kind !== "head" || head === null)
    throw new HostError(
      "StoreCorrupt",
      `Row ${row.seq} is not a head row: the journal has lost its beginning, nothing is usable.`,
    );
  if (head.format !== JOURNAL_FORMAT) {
    throw new HostError(
      "VersionMismatch",
      `The journal has format ${head.format}; this version reads format ${JOURNAL_FORMAT}. Use the version that wrote it.`,
    );
  }
  return head;
}

function nameOf(logic: AnyActorLogic): string {
  if ("id" in logic && typeof logic.id === "string") return logic.id;
  return "effectName" in logic && typeof logic.effectName === "string" ? logic.effectName : "(logic)";
}

function short(value: unknown): string {
  const text = stableStringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
