// The walk over the chart finds the very states that xstate/graph finds, and knows the shortest way to each.
import { describe, expect, it } from "vitest";
import { getAdjacencyMap, getShortestPaths } from "xstate/graph";
import { createOrchestrator } from "../../../../src/machines/create-orchestrator.ts";
import { eventOf } from "../../../../src/testing/explore/chart/chart-events.ts";
import { graphOf, inputOf } from "../../../../src/testing/explore/chart/explore-run.ts";
import type { ExploreRunOptions } from "../../../../src/testing/explore/chart/explore-run.ts";
import type { RunSnapshot } from "../../../../src/testing/simulate/stage.ts";
import { workers } from "../../../support/cast.ts";
import { diamond, planOf } from "../../../support/plans.ts";

const three = planOf({ a: {}, b: {}, c: {} });
const cases: readonly [string, Partial<ExploreRunOptions>][] = [
  ["a diamond, two at once", { plan: diamond, options: { concurrency: 2 } }],
  ["three tasks, two at once, late reports", { plan: three, options: { concurrency: 2 }, outcomes: ["WorkspaceFailed"] }],
  ["tasks that are cut", { plan: planOf({ a: {} }), outcomes: ["PromptTooLong"] }],
  [
    "people who interfere",
    { plan: planOf({ a: {}, b: { needs: ["a"] } }), commands: [{ type: "run.pause" }, { type: "task.skip", task: "t1" }] },
  ],
];

/** The same question to xstate/graph: the machine as it is shipped, real children, unstarted. */
function asked(options: ExploreRunOptions) {
  const { graph, possibilities, how } = graphOf(options);
  const question = {
    input: inputOf(options),
    limit: 20_000,
    serializeState: (state: unknown) => how.keyOf(state as RunSnapshot),
    serializeEvent: (event: unknown) => JSON.stringify(event),
    events: (state: unknown) =>
      possibilities.from(state as RunSnapshot).map((step) => eventOf(step, state as RunSnapshot, [])) as never[],
  };
  const machine = createOrchestrator({ workers }) as unknown as Parameters<typeof getAdjacencyMap>[0];
  return { graph, machine, question };
}

describe("the graph of the chart", () => {
  it.each(cases)("has the states and ways of xstate/graph: %s", (_name, options) => {
    const { graph, machine, question } = asked({ workers, plan: null, ...options });
    const map = getAdjacencyMap(machine, question);
    expect(graph.size).toBeGreaterThan(30);
    expect(new Set(graph.keys.keys())).toEqual(new Set(Object.keys(map)));
    const ways = Object.values<{ transitions: object }>({ ...map }).flatMap(({ transitions }) => Object.keys(transitions));
    expect(graph.wayTo.length).toBe(ways.length);
  });

  it("knows a shortest way to each state", () => {
    const { graph, machine, question } = asked({ workers, plan: diamond, outcomes: ["WorkspaceFailed"], stale: false });
    const paths = getShortestPaths(machine, question);
    // XState counts the start as a step.
    const lengths = new Map(paths.map(({ state, steps }) => [question.serializeState(state), steps.length - 1]));
    expect(lengths.size).toBe(graph.size);
    for (const [key, state] of graph.keys) {
      expect(graph.wayOf(state)).toHaveLength(lengths.get(key) ?? -1);
      expect(graph.depths[state]).toBe(lengths.get(key));
    }
  });
});
