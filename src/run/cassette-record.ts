// Makes a cassette from a journal: any run that can be replayed, also one that was recorded long ago, crashed or was stopped.
// The journal has every result; what was asked for is found out by replaying it. Nothing is performed.
import { readFileSync } from "node:fs";
import { QuatrainError } from "../core/errors.ts";
import { stableStringify } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import type { HeadBody, Row } from "../host/journal.ts";
import type { SimulatedEffect } from "../host/pool.ts";
import type { Command } from "../host/port.ts";
import { copyOf } from "../host/values.ts";
import type { OrchestratorMachine } from "../machines/orchestrator.ts";
import type { RunInput } from "../machines/run-state.ts";
import { priceOf } from "../model/prices.ts";
import type { BuiltIn } from "../workers/built-in.ts";
import type { Worker } from "../workers/define-worker.ts";
import { endOf } from "./cassette.ts";
import type { Cassette, CassetteHead, Ending, RecordedArrival, RecordedEffect } from "./cassette.ts";
import { cleaner, isRecord, placesOf } from "./cassette-clean.ts";
import type { Clean } from "./cassette-clean.ts";
import type { SharedOptions } from "./options.ts";
import { storeError } from "./orchestrate.ts";
import { quietWorld, replay } from "./peek.ts";
import { checkBinding, recordOf, salvagedRows } from "./records.ts";
import type { RunRecord, StoreOptions } from "./records.ts";

/** Options of `recordCassette`: where the run is, what its machines were made of, and what must not be told. */
export interface RecordOptions<W extends readonly Worker[] = BuiltIn>
  extends StoreOptions, Pick<SharedOptions<W>, "workers" | "policy" | "tools"> {
  /** Values that must not be in it. What looks like a secret by its name or shape is hidden anyway. @default [] */
  readonly secrets?: readonly string[];
}

/**
 * Makes a cassette of a recorded run (its id in a store), or of the rows of a journal. A run that has not ended makes one
 * that stops where it does. Rejects with QuatrainError "UnknownRun", "UnknownWorker", "BadOption" (no rows; other workers or
 * another policy than it was started with), "StoreTooNew" (another version wrote it) or "StoreCorrupt".
 */
export async function recordCassette<const W extends readonly Worker[] = BuiltIn>(
  run: string | readonly Row[],
  options: RecordOptions<W> = {},
): Promise<Cassette> {
  const { rows, record } = typeof run === "string" ? recordedRows(run, options) : givenRows(run);
  const world = quietWorld(record, options);
  const { info, input, store } = record;
  // Who attached a host without versions has bound the journal to none.
  const isBound = Object.keys(info.versions).length > 0;
  if (isBound) checkBinding(record, world.versions);
  const { secrets = [], policy = null } = options;
  return cassetteOf(rows, {
    machine: world.machines.orchestrator,
    ...(isBound ? { versions: world.versions } : {}),
    head: { quatrain: ownVersion(), versions: info.versions, input, policy, ownPrices: ownPricesOf(input) },
    clean: cleaner({ secrets, places: placesOf({ runId: input.runId, workspace: input.world.workspace, store }) }),
  });
}

/** What makes a cassette of rows. */
export interface CassetteSources {
  /** The machine that wrote them. */
  readonly machine: OrchestratorMachine;
  /** What they are bound to. @default nothing */
  readonly versions?: Readonly<Record<string, string>>;
  /** With the input as it was. */
  readonly head: CassetteHead;
  readonly clean: Clean;
}

/** The cassette of a journal's rows. Rejects where they don't fit the machine. */
export async function cassetteOf(rows: readonly Row[], { machine, versions, head, clean }: CassetteSources): Promise<Cassette> {
  const takes = new Takes(rows);
  const machines = { orchestrator: machine };
  const { peeked, fault } = await replay(rows, { machines, started: (effect, seq) => takes.start(effect, seq) }, versions);
  if (!peeked) throw storeError(fault);
  const made: Cassette = {
    head: { ...head, input: takes.beginning(head.input) },
    effects: takes.effects,
    arrivals: takes.arrivals,
    end: endOf(peeked.context),
  };
  return clean(made);
}

/** The version of this package. */
export function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    readonly version: string;
  };
  return version;
}

interface Source {
  readonly rows: readonly Row[];
  readonly record: RunRecord;
}

function recordedRows(id: string, options: StoreOptions): Source {
  const record = recordOf(id, options);
  const { rows, error } = salvagedRows(record);
  if (error) throw storeError(error);
  return { rows, record };
}

function givenRows(rows: readonly Row[]): Source {
  const [first] = rows;
  if (first?.kind !== "head")
    throw new QuatrainError("BadOption", "These rows don't begin with the head of a journal; give all rows of a run.");
  const { machine, versions, input } = first.body as HeadBody;
  if (!isRecord(input) || typeof input["runId"] !== "string" || !isRecord(input["world"]))
    throw new QuatrainError("BadOption", "These rows are not of a run of the orchestrator: its input can't be read.");
  // It was checked by whoever began the run.
  const whole = input as unknown as RunInput;
  return { rows, record: { store: "", input: whole, info: { id: whole.runId, createdAt: first.at, machine, versions, input } } };
}

/** Models whose price was not that of the dated table when the run began. */
function ownPricesOf({ models, at }: RunInput): readonly string[] {
  const { orchestrator, router, worker, tiers } = models;
  const own = [orchestrator, router, worker, ...Object.values(tiers)].filter(
    ({ model, price }) => stableStringify(price) !== stableStringify(priceOf(model, at)),
  );
  return [...new Set(own.map(({ model }) => model))];
}

/** Rows that bring something to the tree; timers of machines go off by themselves. */
export const DELIVERED: ReadonlySet<Row["kind"]> = new Set(["part", "result", "error", "cancelled", "command", "gap"]);

type Draft = { -readonly [Field in keyof RecordedEffect]: RecordedEffect[Field] } & { parts: RecordedEffect["parts"][number][] };

/** Puts together what the rows and the replayed machine tell of each effect. */
class Takes {
  readonly #rows: readonly Row[];
  readonly #byId = new Map<string, Draft>();
  /** Which delivery a row is. */
  readonly #nth: ReadonlyMap<Row, number>;

  constructor(rows: readonly Row[]) {
    this.#rows = rows;
    const delivered = rows.filter(({ kind }) => DELIVERED.has(kind));
    this.#nth = new Map(delivered.map((row, at) => [row, at + 1]));
  }

  start({ name, path, id, input }: SimulatedEffect, seq: number): void {
    // What the first state starts comes before the first delivery.
    const at = this.#offset(this.#rows[Math.max(seq, 1) - 1]);
    this.#byId.set(id, { effect: name, key: input.key, path, at, input: this.#timeless(copyOf(input)), parts: [], ends: null });
  }

  get effects(): readonly RecordedEffect[] {
    for (const row of this.#rows) {
      const draft = this.#byId.get(row.id ?? "");
      if (!draft) continue;
      const place = this.#placeOf(row);
      if (row.kind === "part") draft.parts.push({ ...place, value: row.body });
      else if (row.kind !== "intent") draft.ends = { ...place, ...endIn(row, draft.effect) };
    }
    return [...this.#byId.values()];
  }

  get arrivals(): readonly RecordedArrival[] {
    return this.#rows.flatMap((row): readonly RecordedArrival[] => {
      const place = this.#placeOf(row);
      if (row.kind === "gap" && isRecord(row.body)) return [{ ...place, gapMs: Number(row.body["ms"]) }];
      if (row.kind !== "command" || !isRecord(row.body)) return [];
      // The hash binds an answer to the very words of its question, which a recording doesn't keep.
      const { hash: _hash, ...command } = row.body;
      return [{ ...place, command: command as Command, key: row.key ?? "" }];
    });
  }

  /** The input without the date and the place of its run. */
  beginning(input: RunInput): RunInput {
    return { ...input, at: this.#since(input.at), world: { ...input.world, workspace: null } };
  }

  #placeOf(row: Row): { readonly at: number; readonly nth: number } {
    return { at: this.#offset(row), nth: this.#nth.get(row) ?? 0 };
  }

  #since(at: number): number {
    return at - (this.#rows[0]?.at ?? 0);
  }

  #offset(row: Row | undefined): number {
    return row ? this.#since(row.at) : 0;
  }

  /** A wait is recorded by how long after the beginning it ends. */
  #timeless(input: Json): Json {
    if (!isRecord(input) || typeof input["dueAt"] !== "number") return input;
    return { ...input, dueAt: this.#since(input["dueAt"]) };
  }
}

function endIn({ kind, body }: Row, effect: string): Ending {
  // The host wrote these rows.
  if (kind !== "result") return { [kind === "error" ? "error" : "stopped"]: body } as unknown as Ending;
  return { result: effect === "modelTurn" ? withoutRequestId(body) : body };
}

/** Ids that a provider makes up for its logs say nothing in a recording. */
function withoutRequestId(result: Json): Json {
  if (!isRecord(result) || !isRecord(result["outcome"])) return result;
  return { ...result, outcome: { ...result["outcome"], requestId: null } };
}
