// Where the money of real runs went: over HTTP with a server that fails, and across a stop.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { foldLedger } from "../../src/model/ledger-fold.ts";
import { openRun, orchestrate, peekRun } from "../../src/index.ts";
import type { Run, RunResult } from "../../src/index.ts";
import type { Brain } from "../../src/testing/stand-in/brain.ts";
import type { Fault } from "../../src/testing/stand-in/faults.ts";
import { standIn } from "../../src/testing/stand-in/stand-in.ts";
import type { StandIn } from "../../src/testing/stand-in/stand-in.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { deferred, eventOf, eventsOf, fixedModel, folder, hasty, kept, threeTasks } from "./helpers.ts";

const writer = defineWorker({ name: "writer", description: "writes", instructions: "write" });
const direct = { workers: [writer], mode: "direct", policy: { table: hasty } } as const;
const usual: Brain = () => ({ content: ["A poem of some length, so that there is something to cut."] });

let server: StandIn;
let brain: Brain = usual;
let faults: (Fault | undefined)[] = [];

beforeAll(async () => {
  server = await standIn({ brain: (request, context) => brain(request, context), faults: () => faults.shift() });
});
afterAll(() => server.close());
beforeEach(() => {
  brain = usual;
  faults = [];
  vi.stubEnv("ANTHROPIC_BASE_URL", server.url);
  vi.stubEnv("ANTHROPIC_API_KEY", "test-key");
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** Fails unless the ledger is what the events say, and adds up to the spend. */
async function expectTrue(
  run: Pick<Run, "events" | "snapshot">,
  { ledger, spend }: Pick<RunResult, "ledger" | "spend">,
): Promise<void> {
  expect(ledger).toEqual(foldLedger(await eventsOf(run), { models: run.snapshot.context.models }));
  expect(ledger.total.usd).toBeCloseTo(spend.usd, 9);
  expect(ledger.total).toMatchObject({ turns: spend.turns, unpricedTurns: spend.unpricedTurns });
  expect(ledger.total.estimatedUsd).toBeCloseTo(spend.estimatedUsd, 9);
}

describe("the ledger of a run", () => {
  it("marks what the provider did not say as an estimate", async () => {
    faults = [{ kind: "noUsage" }];
    const run = kept(orchestrate("write a poem", direct));
    const result = await run.result;
    await expectTrue(run, result);
    expect(result.outcome).toBe("complete");
    expect(result.ledger.total.estimatedUsd).toBeGreaterThan(0);
    expect(result.ledger.costs).toMatchObject({ usedUsd: result.spend.usd, lostUsd: 0 });
  });

  it("counts an answer that was cut as lost", async () => {
    faults = [{ kind: "cut", at: { events: 4 }, how: "end" }];
    const run = kept(orchestrate("write a poem", direct));
    const result = await run.result;
    await expectTrue(run, result);
    expect(result.ledger.total).toMatchObject({ turns: 2, lostTurns: 1 });
    const { lostUsd, usedUsd } = result.ledger.costs;
    expect(lostUsd).toBeGreaterThan(0);
    expect(lostUsd).toBeCloseTo(result.ledger.total.estimatedUsd, 12);
    expect(usedUsd + lostUsd).toBeCloseTo(result.spend.usd, 12);
  });

  it("books a turn that a stop took away as an estimate, also when it is told from the journal alone", async () => {
    const workspace = await folder();
    const store = `${workspace}/.quatrain`;
    const [asked, never] = [deferred(), deferred<string>()];
    const slow = fixedModel({
      t1: () => {
        asked.resolve();
        return never.promise;
      },
    });
    const first = kept(orchestrate("write", { ...direct, store, model: slow, id: "run" }));
    await asked.promise;
    await first.stop();
    expect((await first.result).ledger.total.turns).toBe(0);
    const run = kept(await openRun("run", { ...direct, store, model: fixedModel({ t1: "a poem" }) }));
    const result = await run.result;
    await expectTrue(run, result);
    expect(result.ledger.total).toMatchObject({ turns: 2, lostTurns: 1 });
    expect(result.ledger.costs.lostUsd).toBeCloseTo(result.ledger.total.estimatedUsd, 12);
    expect(result.ledger.costs.lostUsd).toBeGreaterThan(0);
    const { events, context } = await peekRun("run", { store, workers: direct.workers, policy: direct.policy });
    expect(foldLedger(events, { models: context.models })).toEqual(result.ledger);
  });

  it("can be read while it goes on, and by a stranger", async () => {
    const workspace = await folder();
    const answer = deferred<string>();
    const model = fixedModel({ ...threeTasks, synthesis: () => answer.promise });
    const run = kept(orchestrate("go", { workspace, model, id: "run" }));
    await eventOf(run, "turn.started", ({ conversation }) => conversation === "synthesis");
    const { ledger } = run;
    expect(ledger.acceptedTasks).toBe(3);
    expect(ledger.lines.map(({ conversation, outcome }) => `${conversation} ${outcome}`)).toEqual(
      expect.arrayContaining(["route accepted", "plan accepted", "t1#1 accepted", "t3#1 accepted"]),
    );
    // t2 depends on t1 and began after t3, or t3 began first: what it was not given is at most one short report.
    expect(ledger.filteredContext.tokens).toBeLessThan(20);
    const { events, context } = await peekRun("run", { store: `${workspace}/.quatrain` });
    expect(foldLedger(events, { models: context.models })).toEqual(run.ledger);
    answer.resolve("All done.");
    await expectTrue(run, await run.result);
  });

  it("says what kind of run it was", async () => {
    const one = await kept(orchestrate("write", { ...direct, model: fixedModel({ "*": "done" }) })).result;
    expect(one.ledger.bypass).toMatchObject({
      savedUsd: null,
      overheadUsd: 0,
      why: expect.stringMatching(/^One worker was asked/),
    });
    const workspace = await folder();
    const three = await kept(orchestrate("go", { workspace, model: fixedModel(threeTasks) })).result;
    const own = three.ledger.lines.filter(({ task }) => task === null).reduce((sum, { usd }) => sum + usd, 0);
    expect(three.ledger.bypass.overheadUsd).toBeCloseTo(own, 12);
    expect(own).toBeGreaterThan(0);
  });
});
