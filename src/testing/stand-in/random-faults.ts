// Faults at random, for clients that are to survive them.
import { checkGiven, count, number, optionsOf } from "../check/given.ts";
import { everyFault, type Fault } from "./faults.ts";
import { randomFrom } from "../../core/random.ts";
import type { FaultScript } from "./service.ts";

/** How many requests go wrong. */
export interface RandomFaultsOptions {
  /** Share of requests, 0 to 1. */
  readonly share: number;
  /** Draws which, and how. @default 1 */
  readonly seed?: number;
}

const OPTIONS = optionsOf({ share: number(0, 1), seed: count(0).optional() });

/**
 * Breaks a share of the requests, in any way of `everyFault` after which a retry makes sense (statuses that say the
 * request itself is wrong are left out). The n-th request meets the same fate under the same seed.
 * Throws QuatrainError "BadOption" for a share that is none.
 */
export function randomFaults(options: RandomFaultsOptions): FaultScript {
  checkGiven("randomFaults", OPTIONS, options);
  const { share, seed = 1 } = options;
  const faults = everyFault().flatMap(({ fault }) => (isFinal(fault) ? [] : [fault]));
  return (_request, { n }) => {
    const random = randomFrom(seed * 1_000_003 + n);
    return random() < share ? faults[Math.floor(random() * faults.length)] : undefined;
  };
}

const FINAL = new Set([400, 401, 402, 403, 404, 413]);

const isFinal = (fault: Fault): boolean => fault.kind === "status" && FINAL.has(fault.status);
