// The contract of a user's own state machine that does a worker's tasks.
import type { Failure } from "../core/failure.ts";
import type { Json } from "../core/json.ts";
import type { Brief } from "./work.ts";

/** What the machine is started with: its attempt (`t3#1`), its brief, host time in ms. */
export interface DelegateInput {
  readonly id: string;
  readonly brief: Brief;
  readonly at: number;
}

/** What it must output: what came of it, or why nothing did. */
export type DelegateOutput = { readonly ok: true; readonly output: Json } | { readonly ok: false; readonly failure: Failure };
