// Folds what comes down the wire into deltas and the one outcome, with its cost.
//   T1  `take`, `ended` or `failed` yields the outcome; the caller stops at the first one.
//   T2  Usage is null only while nothing is known to have been generated (no message_start).
import { failure, type Failure } from "../core/failure.ts";
import { unreachable } from "../core/unreachable.ts";
import type { Price, Usage } from "../protocol/spend.ts";
import type { TurnOutcome, TurnRequest } from "../protocol/turn.ts";
import { classify, endedEarly, malformed, type AnswerFacts, type Scene } from "./classify.ts";
import { DEFAULT_ENDPOINT } from "./models.ts";
import type { TurnEvent } from "./port.ts";
import type { PriceTable } from "./price-table.ts";
import { canonicalModel, costOf, priceOf, sizeOf } from "./prices.ts";
import { usageFrom } from "./usage.ts";
import { Assembler, type Answer } from "./validate.ts";
import type { WireSignal } from "./wire.ts";

/** The caller's signal ended the turn. */
export class CancelledError extends Error {
  override readonly name = "CancelledError";
}

/** State of one turn while it runs. */
export class TurnFold {
  readonly #request: TurnRequest;
  readonly #scene: Scene;
  readonly #prices: PriceTable | undefined;
  readonly #assembler = new Assembler();
  #facts: AnswerFacts | null = null;
  #headers: Headers | undefined;

  constructor(request: TurnRequest, scene: Scene, prices: PriceTable | undefined) {
    this.#request = request;
    this.#scene = scene;
    this.#prices = prices;
  }

  /** Headers of the response, once there are any. */
  get headers(): Headers | undefined {
    return this.#headers;
  }

  /** Takes one signal; yields a delta, the outcome, or nothing. */
  take(signal: WireSignal): TurnEvent[] {
    switch (signal.kind) {
      case "opened":
        this.#facts = { status: signal.status, contentType: signal.contentType, bytes: 0 };
        this.#headers = signal.headers;
        return [];
      case "bytes":
        if (this.#facts) this.#facts = { ...this.#facts, bytes: this.#facts.bytes + signal.count };
        return [];
      case "event":
        return this.#event(signal.event);
      default:
        return unreachable(signal);
    }
  }

  /** The stream ended without an outcome. */
  ended(): TurnEvent {
    return this.#failed(endedEarly(this.#assembler.started, this.#facts, this.#scene));
  }

  /** The call threw. */
  failed(thrown: unknown): TurnEvent {
    return this.#failed(
      thrown instanceof CancelledError
        ? failure("Cancelled", "The turn was cancelled while it ran.")
        : classify(thrown, this.#scene),
    );
  }

  #event(event: unknown): TurnEvent[] {
    const step = this.#assembler.take(event);
    switch (step.kind) {
      case "nothing":
        return [];
      case "delta": {
        const { conversation, turn } = this.#request;
        return [{ kind: "delta", delta: { conversation, turn, ...step.show } }];
      }
      case "answer":
        return [outcome(this.#answered(step.answer))];
      case "malformed":
        return [this.#failed(malformed(step.why))];
      default:
        return unreachable(step);
    }
  }

  #answered({ blocks, stop, stopDetail, model }: Answer): TurnOutcome {
    const usage = this.#usage();
    return {
      kind: "answered",
      blocks,
      stop,
      stopDetail,
      model: model ?? this.#request.parameters.choice.model,
      usage,
      usd: this.#usd(usage),
      requestId: this.#requestId(),
    };
  }

  #failed(why: Failure): TurnEvent {
    const usage = this.#assembler.started ? this.#usage() : null;
    return outcome({ kind: "failed", failure: why, usage, usd: usage && this.#usd(usage), requestId: this.#requestId() });
  }

  #usage(): Usage {
    const { said, received } = this.#assembler;
    return usageFrom(said, { sent: sizeOf(this.#request), received });
  }

  #usd(usage: Usage): number | null {
    const price = this.#price();
    return price && costOf(usage, price);
  }

  /** The API may answer with another model; then that one's price holds. Own endpoints name models as they like. */
  #price(): Price | null {
    const { choice } = this.#request.parameters;
    const { model } = this.#assembler;
    const same = model === null || canonicalModel(model) === canonicalModel(choice.model);
    if (same || choice.endpoint !== DEFAULT_ENDPOINT) return choice.price;
    return priceOf(model, this.#scene.now, this.#prices) ?? choice.price;
  }

  #requestId(): string | null {
    return this.#headers?.get("request-id") ?? null;
  }
}

function outcome(one: TurnOutcome): TurnEvent {
  return { kind: "outcome", outcome: one };
}
