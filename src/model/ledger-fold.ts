// The ledger as a fold of a run's events: at once, or kept along while the run goes on.
//   F1  The book grows with lines (attempts and models), never with turns.
import type { RunEvent } from "../protocol/run-event.ts";
import type { Price } from "../protocol/spend.ts";
import { addTo, NO_AMOUNTS, sumOf, totalsBy } from "./ledger.ts";
import type { Ledger, LedgerAmounts, LedgerCosts, LedgerLine } from "./ledger.ts";
import { LedgerStory } from "./ledger-story.ts";
import type { Talk } from "./ledger-story.ts";
import { amountsOf, priceOfTurn, withheldOf } from "./ledger-turn.ts";
import type { LedgerTerms } from "./ledger-turn.ts";

type TurnEvent = Extract<RunEvent, { type: "turn.completed" | "turn.failed" | "turn.lost" }>;

/** A line that is still written; its outcome is looked up when it is read. */
interface Entry {
  readonly head: Talk;
  readonly amounts: { -readonly [Name in keyof LedgerAmounts]: number };
}

/**
 * Makes the ledger of a run, also of one that is not over. The events are those of `run.events` or the lines of `--json`,
 * from the first; other kinds of events change nothing. Same events, same ledger.
 */
export function foldLedger(events: Iterable<RunEvent>, terms: LedgerTerms): Ledger {
  const book = new LedgerBook(terms);
  for (const event of events) book.add(event);
  return book.read();
}

/** A ledger that is kept along: give it every event in order, read it at any time. */
export class LedgerBook {
  readonly #terms: LedgerTerms;
  readonly #story = new LedgerStory();
  readonly #entries = new Map<string, Entry>();
  readonly #prices = new Map<string, Price | null>();

  constructor(terms: LedgerTerms) {
    this.#terms = terms;
  }

  add(event: RunEvent): void {
    this.#story.see(event);
    if (event.type === "turn.completed") this.#enter(event, false);
    else if (event.type === "turn.lost" || (event.type === "turn.failed" && event.billed)) this.#enter(event, true);
  }

  /** The ledger as it stands. Costs a walk over its lines. */
  read(): Ledger {
    const { orchestrator } = this.#terms.models;
    const lines = [...this.#entries.values()].map(({ head, amounts }): LedgerLine => ({
      ...head,
      outcome: this.#story.outcomeOf(head),
      ...amounts,
    }));
    const total = sumOf(lines);
    const accepted = this.#story.acceptedTasks;
    return {
      orchestrator: orchestrator.model,
      prices: { [orchestrator.model]: orchestrator.price, ...Object.fromEntries(this.#prices) },
      lines,
      total,
      ...twinOf(lines, total, orchestrator.price),
      caching: { savedUsd: total.uncachedUsd - total.usd },
      filteredContext: { tokens: total.withheldTokens, savedUsd: total.withheldUsd },
      bypass: { savedUsd: null, ...this.#bypass(lines) },
      costs: costsOf(lines),
      acceptedTasks: accepted,
      perAcceptedTaskUsd: accepted > 0 ? total.usd / accepted : null,
    };
  }

  #enter(event: TurnEvent, lost: boolean): void {
    const talk = this.#story.talkOf(event.conversation);
    const model = talk.model === "" ? event.model : talk.model;
    const own = priceOfTurn(event, model, this.#terms);
    if (!this.#prices.has(model)) this.#prices.set(model, own);
    const { amounts } = this.#entryOf({ ...talk, model });
    addTo(amounts, {
      ...amountsOf(event, lost, { own, orchestrator: this.#terms.models.orchestrator.price }),
      ...withheldOf(this.#story.takeWithheld(event.conversation), own),
    });
  }

  #entryOf(head: Talk): Entry {
    const key = `${head.conversation}/${head.attempt}/${head.purpose}/${head.model}`;
    const known = this.#entries.get(key);
    if (known) return known;
    const entry = { head, amounts: { ...NO_AMOUNTS } };
    this.#entries.set(key, entry);
    return entry;
  }

  #bypass(lines: readonly LedgerLine[]): { readonly overheadUsd: number; readonly why: string } {
    const own = lines.filter(({ task }) => task === null);
    const planned = own.some(({ conversation }) => conversation === "plan");
    return { overheadUsd: sumOf(own).usd, why: WHY[bypassOf(this.#story.mode, planned)] };
  }
}

const WHY = {
  direct: "One worker was asked directly; what a plan would have cost is not known.",
  late: "A plan was paid for before one worker was asked directly.",
  planned: "A direct call would have spared these; what it would have cost is not known.",
  open: "It is not decided yet whether a plan is needed.",
} as const;

function bypassOf(mode: LedgerStory["mode"], planned: boolean): keyof typeof WHY {
  if (mode === "direct") return planned ? "late" : "direct";
  return mode === null ? "open" : "planned";
}

function twinOf(
  lines: readonly LedgerLine[],
  { usd, twinUsd, uncachedUsd, plainTwinUsd }: LedgerAmounts,
  price: Price | null,
): Pick<Ledger, "twinUsd" | "tiers" | "together"> {
  if (price === null) return { twinUsd: null, tiers: null, together: null };
  const byModel = totalsBy(lines, "model").map((model) => [model.name ?? "", model.twinUsd - model.usd] as const);
  const [tiersUsd, cachingUsd] = [twinUsd - usd, uncachedUsd - usd];
  return {
    twinUsd,
    tiers: { savedUsd: tiersUsd, byModel: Object.fromEntries(byModel) },
    together: { plainTwinUsd, overlapUsd: plainTwinUsd - usd - tiersUsd - cachingUsd },
  };
}

/** Each dollar in one of four places: lost before failed, failed before repair. */
function costsOf(lines: readonly LedgerLine[]): LedgerCosts {
  const costs = { usedUsd: 0, failedUsd: 0, repairsUsd: 0, lostUsd: 0 };
  for (const { usd, lostUsd, purpose, outcome } of lines) {
    const place = outcome !== "open" && outcome !== "accepted" ? "failedUsd" : purpose === "repair" ? "repairsUsd" : "usedUsd";
    costs[place] += usd - lostUsd;
    costs.lostUsd += lostUsd;
  }
  return costs;
}
