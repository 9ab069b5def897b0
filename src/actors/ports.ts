// All effects of a run, bound to the world they act on.
import { sleepUntil } from "../host/effect.ts";
import type { ToolDeclaration } from "../protocol/turn.ts";
import { declarationsOf } from "../tools/toolbox.ts";
import type { RunActors } from "./contract.ts";
import { modelTurn } from "./model-turn.ts";
import type { ModelTurnPorts } from "./model-turn.ts";
import { performWork } from "./perform-work.ts";
import type { PerformPorts } from "./perform-work.ts";
import { commitWork, integrate, prepareWorkspace, toolCall, verifyWork } from "./work-steps.ts";
import type { StepPorts } from "./work-steps.ts";

/** The world of a run. */
export type World = ModelTurnPorts & PerformPorts & StepPorts;

/** The effects and tool declarations that `createOrchestrator` takes as `ports`. */
export function createPorts(world: World): { readonly actors: RunActors; readonly tools: readonly ToolDeclaration[] } {
  const { toolbox } = world;
  const tools = declarationsOf(toolbox);
  return {
    actors: {
      modelTurn: modelTurn(world),
      toolCall: toolCall(world),
      sleepUntil,
      prepareWorkspace: prepareWorkspace(world),
      verifyWork: verifyWork(world),
      commitWork: commitWork(world),
      performWork: performWork(world),
      integrate: integrate(world),
    },
    tools,
  };
}
