// What a test is given and need not clean up: a simulated host with its clock, scripted models, stand-in servers.
import { test as base } from "vitest";
import type { TestAPI } from "vitest";
import type { HostClock } from "../../host/port.ts";
import { simulatedHost } from "../../host/simulated.ts";
import type { SimulatedHost } from "../../host/simulated.ts";
import { scriptedModel } from "../scripted-model.ts";
import type { Script, ScriptedModel } from "../scripted-model.ts";
import { standIn } from "../stand-in/stand-in.ts";
import type { StandIn, StandInOptions } from "../stand-in/stand-in.ts";
import { complaintsOfModel, complaintsOfServer } from "./complaints.ts";

/** What a test can ask for. */
export interface Fixtures {
  /** Seed of `host`; `test.override({ seed: 7 })` sets another for a suite. @default 1 */
  readonly seed: number;
  /** A simulated host of the test's own, closed after it. It moves only inside `host.run()`. */
  readonly host: SimulatedHost;
  /** The virtual clock of `host`: it jumps from one due time to the next, and never by itself. */
  readonly clock: HostClock;
  /** Makes a scripted model. Requests that it does not expect, and answers that nobody asked for, fail the test. */
  readonly model: (scripts: Readonly<Record<string, Script>>) => ScriptedModel;
  /** Starts a stand-in server on loopback, closed after the test. Requests that the API would refuse, or that its brain does not expect, fail the test. */
  readonly server: (options: StandInOptions) => Promise<StandIn>;
}

/** vitest's `test` with fixtures; each is made only for tests that name it. */
export const test: TestAPI<Fixtures> = base.extend<Fixtures>({
  seed: 1,
  host: async ({ seed }, use) => {
    const host = simulatedHost({ seed });
    await use(host);
    await host.close();
  },
  clock: async ({ host }, use) => use(host.clock),
  model: async ({ task }, use) => {
    const made: ScriptedModel[] = [];
    await use((scripts) => {
      const model = scriptedModel(scripts);
      made.push(model);
      return model;
    });
    // A test that failed already has told what is wrong.
    if (task.result?.state === "fail") return;
    complain(made.flatMap(complaintsOfModel));
  },
  server: async ({ task }, use) => {
    const started: StandIn[] = [];
    await use(async (options) => {
      const server = await standIn(options);
      started.push(server);
      return server;
    });
    for (const server of started) await server.close();
    if (task.result?.state === "fail") return;
    complain(started.flatMap(complaintsOfServer));
  },
});

function complain(lines: readonly string[]): void {
  if (lines.length > 0) throw new Error(lines.join("\n"));
}
