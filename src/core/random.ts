// Seeded randomness as data: the state is one number that can live in a machine's context.

/** One draw: a number in [0, 1) and the state for the next draw. */
export interface Draw {
  readonly value: number;
  readonly next: number;
}

/** Draws from a state (any integer). Pure: the same state gives the same draw. */
export function draw(state: number): Draw {
  const next = (state + 0x6d2b_79f5) | 0;
  let mixed = Math.imul(next ^ (next >>> 15), 1 | next);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return { value: ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296, next };
}

/** A generator function over `draw`, for code that may hold state (tests, simulations, stand-ins). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    const { value, next } = draw(state);
    state = next;
    return value;
  };
}

/** Turns a text into a seed. */
export function seedFrom(text: string): number {
  let seed = 0x811c_9dc5;
  for (let index = 0; index < text.length; index++) seed = Math.imul(seed ^ text.charCodeAt(index), 0x0100_0193);
  return seed | 0;
}
