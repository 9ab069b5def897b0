// Explores a tree, and of every nth way that led to a known state compares what follows with what followed the first time.
import type { ExploreHostOptions, TreeStep } from "quatrain/testing";
import { keyOf, playerOf } from "../../../src/testing/explore/tree/explore-host.ts";
import { leftAfter, nextSteps } from "../../../src/testing/explore/tree/next-steps.ts";
import type { Left } from "../../../src/testing/explore/tree/next-steps.ts";
import { workMayFail } from "../../../src/testing/explore/tree/options.ts";
import type { Player } from "../../../src/testing/explore/tree/player.ts";

interface Looked {
  readonly way: readonly TreeStep[];
  readonly left: Left;
  readonly key: string;
  readonly next: readonly (readonly TreeStep[])[];
}

export class Merging {
  readonly faults: string[] = [];
  compared = 0;
  readonly #options: ExploreHostOptions;
  readonly #player: Player;
  #merged = 0;

  constructor(options: ExploreHostOptions) {
    this.#options = options;
    this.#player = playerOf(options);
  }

  async run(every: number): Promise<void> {
    const { crashes = 1, stops = 0, commands = [] } = this.#options;
    const queue = [await this.#look([], [], { crashes, stops, commands })];
    const known = new Map(queue.map((first) => [first.key, first]));
    for (const state of queue) {
      for (const next of await this.#follow(state)) {
        const first = known.get(next.key);
        if (!first) {
          known.set(next.key, next);
          queue.push(next);
        } else if (this.#merged++ % every === 0) await this.#compare(first, next);
      }
    }
  }

  async #follow({ way, left, next }: Looked): Promise<readonly Looked[]> {
    const found: Looked[] = [];
    for (const steps of next) found.push(await this.#look(way, steps, leftAfter(left, steps)));
    return found;
  }

  async #compare(first: Looked, second: Looked): Promise<void> {
    this.compared++;
    const followers = new Map<string, string>();
    for (const steps of first.next)
      followers.set(nameOf(steps), (await this.#look(first.way, steps, leftAfter(first.left, steps))).key);
    const seen = new Set<string>();
    for (const steps of second.next) {
      const { key } = await this.#look(second.way, steps, leftAfter(second.left, steps));
      seen.add(nameOf(steps));
      if (followers.get(nameOf(steps)) !== key)
        this.faults.push(`${nameOf(steps)} after ${nameOf(second.way)} or ${nameOf(first.way)}`);
    }
    if (seen.size !== followers.size) this.faults.push(`other steps follow ${nameOf(second.way)} than ${nameOf(first.way)}`);
  }

  async #look(before: readonly TreeStep[], steps: readonly TreeStep[], left: Left): Promise<Looked> {
    const way = [...before, ...steps];
    const played = await this.#player.play(way);
    const options = { steps, left, outcomes: this.#options.outcomes ?? workMayFail, longestEffectMs: 60_000 };
    const { movers, interruptions } = nextSteps(played, options);
    return { way, left, key: keyOf(played, left, this.#options), next: [...movers, ...interruptions] };
  }
}

const nameOf = (steps: readonly TreeStep[]): string => JSON.stringify(steps);
