// Plays ways through the tree: the same steps give the same state, whoever plays them and how often.
//   P1  What the world does in a way stands in its steps, by effect and key: a resumed run meets the same world.
//   P2  Only the last step is looked at closely: those before it were, when they were the last.
//   P3  A resumed run stands where the interrupted one stood (`sameAfterResume`), and repeats nothing silently.
import { createActor } from "xstate";
import { digestOf } from "../../../core/json.ts";
import type { Row } from "../../../host/journal.ts";
import { memoryJournal } from "../../../host/memory-journal.ts";
import type { MemoryJournal } from "../../../host/memory-journal.ts";
import type { Deliverable } from "../../../host/pool.ts";
import { replayHost } from "../../../host/replay-host.ts";
import type { SimulatedEnd } from "../../../host/simulated.ts";
import type { CoverageCounter } from "../../coverage/coverage.ts";
import { nothingRepeated } from "../../simulate/crash-sweep.ts";
import type { SimulatedCase } from "../../simulate/case.ts";
import type { Broken, Invariant } from "../../simulate/invariant.ts";
import type { SimulatedRun, Stage } from "../../simulate/stage.ts";
import type { World, WorldQuestion, WorldScript } from "../../simulate/world.ts";
import type { Performed } from "../../simulated-ports.ts";
import { Life } from "./life.ts";
import { wordsOf } from "./steps.ts";
import type { TreeStep } from "./steps.ts";

/** What all ways have in common. */
export interface PlayerOptions {
  readonly stage: Stage;
  readonly case: Omit<SimulatedCase, "world">;
  readonly invariants: readonly Invariant[];
  /** What effects come to where a way does not say it. */
  readonly usual: World;
}

/** A moment of a way at which its process may die, and from which it can be taken up again: what survives, as data. */
export interface Checkpoint {
  readonly lines: readonly string[];
  readonly performed: readonly Performed[];
  readonly script: WorldScript;
  /** Steps so far. */
  readonly taken: number;
  /** Digest of the tree that dies. */
  readonly state: string;
}

/** Where a way has led. */
export interface Played {
  readonly life: Life;
  readonly end: SimulatedEnd | undefined;
  readonly pending: readonly Deliverable[];
  /** What the world was asked in all of the way, by effect and key. */
  readonly asked: ReadonlyMap<string, WorldQuestion>;
  /** What it was asked in the last step. */
  readonly askedLast: readonly string[];
  /** Whether the last step began anything that is on record. */
  readonly hasBegun: boolean;
  /** What the last step broke, and what was broken before in the same life. The end is not judged. */
  readonly broken: readonly Broken[];
  /** Each step in words, where they were asked for. */
  readonly words: readonly string[];
  readonly run: (end: SimulatedEnd) => SimulatedRun;
  /** Where the last interruption of these steps was taken up; undefined: there was none. */
  readonly resumed: Checkpoint | undefined;
  /** This very moment. */
  readonly checkpoint: () => Checkpoint;
}

/** How closely a way is looked at. */
export interface PlayOptions {
  /** The process has died there, and the steps follow its resume. @default the start of the run */
  readonly from?: Checkpoint;
  /** Counts what the last step visits. */
  readonly coverage?: CoverageCounter;
  /** How many steps at the end count as the last one. @default 1 */
  readonly last?: number;
  /** @default false */
  readonly words?: boolean;
}

/** Plays one way after the other. */
export class Player {
  readonly #options: PlayerOptions;

  constructor(options: PlayerOptions) {
    this.#options = options;
  }

  async play(way: readonly TreeStep[], options: PlayOptions = {}): Promise<Played> {
    const { stage, usual } = this.#options;
    const script = { ...options.from?.script, ...scriptOf(way) };
    const walk = new Walk(this.#options, script, options.from);
    const { ports } = stage;
    ports.world = (question) => {
      const name = `${question.effect} ${question.key}`;
      walk.asked.set(name, question);
      walk.askedLast.push(name);
      return script[name] ?? usual(question);
    };
    ports.performing = (performed) => walk.life.performed.push(performed);
    return walk.along(way, options);
  }
}

/** All that the world does otherwise in a way (P1). */
const scriptOf = (way: readonly TreeStep[]): WorldScript =>
  Object.fromEntries(way.flatMap((step) => ("deliver" in step ? Object.entries(step.world ?? {}) : [])));

/** One way while it is played. */
class Walk {
  readonly asked = new Map<string, WorldQuestion>();
  askedLast: string[] = [];
  life: Life;
  readonly #options: PlayerOptions;
  readonly #script: WorldScript;
  readonly #journal: MemoryJournal;
  readonly #found: Broken[] = [];
  readonly #words: string[] = [];
  #taken: number;
  /** Where the last interruption was taken up; undefined before the first. */
  #from: Checkpoint | undefined;
  #resumed: Checkpoint | undefined;

  constructor(options: PlayerOptions, script: WorldScript, from: Checkpoint | undefined) {
    this.#options = options;
    this.#script = script;
    this.#from = from;
    this.#taken = from?.taken ?? 0;
    this.#journal = memoryJournal(from?.lines);
    this.life = this.#live();
  }

  #live(): Life {
    const { stage, invariants } = this.#options;
    const { machine, ports } = stage;
    const input = stage.inputOf(this.#case);
    const about = { machine, input, versions: stage.versionsOf(input), journal: this.#journal, invariants };
    return new Life({ ...about, isLate: (attempt) => ports.isLate(attempt) });
  }

  get #case(): SimulatedCase {
    return { ...this.#options.case, world: { script: this.#script } };
  }

  async along(way: readonly TreeStep[], { coverage, last = 1, words = false }: PlayOptions): Promise<Played> {
    this.#watch(coverage, way.length === 0);
    this.life.isFragile = isMiddle(way[0]);
    // A host that has just been made moves to where it waits.
    await this.life.host.pending();
    if (this.#from && way.length === 0) await this.#compare(this.#from);
    let intents = 0;
    let said = 0;
    for (const [at, step] of way.entries()) {
      const isLast = at >= way.length - last;
      this.#watch(coverage, isLast);
      if (isLast) this.askedLast = [];
      intents = this.life.intents;
      said = this.life.events.length;
      this.life.isFragile = isMiddle(way[at + 1]);
      const delivered = await this.#take(step, isLast);
      if (words) this.#words.push(wordsOf(step, delivered, this.life.events.slice(said)));
    }
    return this.#played({ hasBegun: this.life.intents > intents, coverage, said });
  }

  #watch(coverage: CoverageCounter | undefined, isLast: boolean): void {
    if (isLast && coverage) this.life.watcher = coverage;
  }

  async #take(step: TreeStep, isLast: boolean): Promise<Deliverable | undefined> {
    const id = `s${++this.#taken}`;
    if ("crash" in step || "stop" in step) return this.#resume(step, isLast);
    if ("command" in step) this.life.host.send(step.command, { id });
    const delivered = await this.life.deliver("command" in step ? id : step.deliver);
    if (!delivered) {
      const what = "command" in step ? step.command.type : step.deliver;
      const message = `played again, the way went otherwise: "${what}" was not pending at step ${this.#taken}`;
      this.#found.push({ invariant: "sameWayAgain", message });
    }
    return delivered;
  }

  /** P3. */
  async #resume(step: TreeStep, isLast: boolean): Promise<undefined> {
    const before = isLast ? this.life.state() : "";
    const from = this.#checkpoint(before);
    if ("stop" in step) await this.life.host.close();
    const { watcher } = this.life;
    this.#from = from;
    this.#resumed = from;
    this.life = this.#live();
    this.life.watcher = watcher;
    await this.life.host.pending();
    if (isLast) await this.#compare(from, before);
    return undefined;
  }

  #checkpoint(state: string): Checkpoint {
    const performed = [...(this.#from?.performed ?? []), ...this.life.performed];
    const lines = [...this.#journal.lines];
    return { lines, performed, script: this.#script, taken: this.#taken, state: digestOf(state) };
  }

  /** Where the resume has delivered something already, the tree of a pure replay is looked at instead. */
  async #compare({ state, lines }: Checkpoint, before?: string): Promise<void> {
    const { host } = this.life;
    const after = host.seq === lines.length ? this.life.state() : await this.#replayed(rowsOf(lines));
    if (state === digestOf(after)) return;
    const where = before === undefined ? "" : `: ${firstDifference(before, after)}`;
    this.#found.push({ invariant: "sameAfterResume", message: `the resumed tree stands elsewhere${where}` });
  }

  async #replayed(rows: readonly Row[]): Promise<string> {
    const replay = replayHost({ rows });
    const actor = createActor(this.#options.stage.machine, replay.attach());
    const events: unknown[] = [];
    actor.on("*", (event) => void events.push(event));
    actor.start();
    await replay.idle();
    const state = JSON.stringify([actor.getPersistedSnapshot(), events]);
    await replay.close();
    return state;
  }

  async #played(about: {
    readonly hasBegun: boolean;
    readonly coverage: CoverageCounter | undefined;
    readonly said: number;
  }): Promise<Played> {
    const { life } = this;
    const pending = await life.host.pending();
    const from = this.#from;
    const repeated = from ? nothingRepeated({ before: from.performed, after: life.performed, recorded: rowsOf(from.lines) }) : [];
    if (about.coverage) for (const event of life.events.slice(about.said)) about.coverage.add(event);
    return {
      life,
      end: life.host.ended,
      pending,
      asked: this.asked,
      askedLast: this.askedLast,
      hasBegun: about.hasBegun,
      broken: [...this.#found, ...life.broken, ...repeated],
      words: this.#words,
      run: (how) => this.#run(how),
      resumed: this.#resumed,
      checkpoint: () => this.#checkpoint(this.life.state()),
    };
  }

  #run(end: SimulatedEnd): SimulatedRun {
    const { actor, events } = this.life;
    const snapshot = actor.getSnapshot();
    const rows = this.#journal.read();
    const { lines } = this.#journal;
    return { case: this.#case, end, output: snapshot.output, snapshot, events, rows, lines, acts: this.#script };
  }
}

const isMiddle = (step: TreeStep | undefined): boolean => step !== undefined && "crash" in step && step.crash === "middle";

const rowsOf = (lines: readonly string[]): readonly Row[] => memoryJournal(lines).read();

/** Where two texts part. */
function firstDifference(before: string, after: string): string {
  let at = 0;
  while (at < before.length && before[at] === after[at]) at++;
  const piece = (text: string): string => text.slice(Math.max(0, at - 40), at + 40);
  return `…${piece(before)}… became …${piece(after)}…`;
}
