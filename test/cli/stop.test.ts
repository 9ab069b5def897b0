// Stopped by signals as a process of its own: the small version of `npm run prove:stop`. Needs the build (`npm test` makes it).
import { existsSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type * as Stopping from "../../prove/parts/stopping.mjs";

const main = path.resolve(import.meta.dirname, "../../dist/cli/main.js");

describe.skipIf(!existsSync(main))("a stopped process", () => {
  let stopping: typeof Stopping;
  let whole: Stopping.WholeJob;
  beforeAll(async () => {
    stopping = await import("../../prove/parts/stopping.mjs");
    whole = await stopping.playWhole();
  });

  it("leaves no process, lease or file, ends with the signal's code, and loses nothing that was paid for", async () => {
    expect(whole).toMatchObject({ code: 0, answer: "All is done." });
    const { faults, isLate } = await stopping.playStopped({ signal: "SIGINT", afterEvents: 30, delayMs: 2 }, whole);
    expect({ faults, isLate }).toEqual({ faults: [], isLate: false });
  });

  it("ends at once when told twice, though a turn hangs and a command hears no signal", async () => {
    const { faults, isLate } = await stopping.playStopped({ signal: "SIGTERM", isHanging: true, isTwice: true }, whole);
    expect({ faults, isLate }).toEqual({ faults: [], isLate: false });
  });
});
