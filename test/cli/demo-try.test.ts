import { describe, expect, it } from "vitest";
import { setStage } from "../../src/cli/demo/stage.ts";

describe("the demo", () => {
  it("plays", async () => {
    const stage = await setStage({ fast: true });
    const started = Date.now();
    for await (const event of stage.run.events) {
      if (["turn.started", "turn.completed", "tool.started", "tool.finished", "task.progressed"].includes(event.type)) continue;
      console.log(Date.now() - started, JSON.stringify(event).slice(0, 260));
    }
    const result = await stage.run.result;
    console.log(result.outcome, result.failure, result.spend, stage.server?.invalid, stage.server?.unexpected);
    const tested = await stage.finalTest();
    console.log(Date.now() - started, tested.passed, tested.failed);
    await stage.close(false);
    expect(result.outcome).toBe("complete");
  }, 60_000);
});
