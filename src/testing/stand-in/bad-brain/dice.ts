// Seeded choices: the same text gives the same throws.
import { randomFrom, seedFrom } from "../../../core/random.ts";

/** A source of choices. */
export interface Dice {
  /** True with a probability in [0, 1]. */
  chance(probability: number): boolean;
  /** A whole number from 0 up to, not including, `limit`. */
  below(limit: number): number;
  /** One of a list that is not empty. */
  pick<Item>(list: readonly [Item, ...Item[]]): Item;
}

/** Dice for a text. */
export function diceFor(text: string): Dice {
  const random = randomFrom(seedFrom(text));
  return {
    chance: (probability) => random() < probability,
    below: (limit) => Math.floor(random() * limit),
    pick: (list) => list[Math.floor(random() * list.length)] ?? list[0],
  };
}

/** The list itself when it holds something, else a list of one fallback. */
export function orElse<Item>(list: readonly Item[], fallback: Item): readonly [Item, ...Item[]] {
  const [first, ...rest] = list;
  return first === undefined ? [fallback] : [first, ...rest];
}
