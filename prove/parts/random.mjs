// Seeded randomness of the proofs: the same seed gives the same experiment on every machine.
import { createHash } from "node:crypto";
import { randomFrom } from "../../dist/core/random.js";

/** A stream of numbers in [0, 1) for a seed, with helpers to choose. */
export function dice(seed) {
  const next = randomFrom(createHash("sha256").update(String(seed)).digest().readUInt32LE(0));
  return {
    next,
    /** A whole number from `from` to `to`, both included. */
    whole: (from, to) => from + Math.floor(next() * (to - from + 1)),
    pick: (list) => list[Math.floor(next() * list.length)],
  };
}
