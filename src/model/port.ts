// The border between machines and models: what a turn is asked with and what comes out of it. Knows no vendor.
import type { Observable } from "rxjs";
import type { TurnDelta, TurnOutcome, TurnRequest } from "../protocol/turn.ts";

/** What a running turn says: any number of deltas for people to watch, then exactly one outcome. */
export type TurnEvent =
  | { readonly kind: "delta"; readonly delta: TurnDelta }
  | { readonly kind: "outcome"; readonly outcome: TurnOutcome };

/** What a port is told besides the request. */
export interface TurnContext {
  /** Aborting it ends the turn with a `Cancelled` outcome that carries what is known of its cost. */
  readonly signal?: AbortSignal;
}

/** Anything that can answer a turn. */
export interface ModelPort {
  /**
   * A cold Observable of one turn: each subscription asks (and pays) anew. Emits deltas, then one outcome, then
   * completes; never errors, since failures are outcomes. Unsubscribing closes the connection at once and emits nothing.
   */
  turn(request: TurnRequest, context: TurnContext): Observable<TurnEvent>;
}
