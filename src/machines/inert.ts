// Effects that never end: for exploring charts, where children are not started and results are fed as events.
import type { RunActors } from "../actors/contract.ts";
import { effect, sleepUntil } from "../host/effect.ts";
import type { EffectLogic } from "../host/effect.ts";

const never = <I extends { readonly key: string }, O>(name: string): EffectLogic<I, O> =>
  effect<I, O>(name, { class: "pure" }, () => new Promise<O>(() => {}));

/** A full set of effects none of which ever answers. */
export function inertActors(): RunActors {
  return {
    modelTurn: never("modelTurn"),
    toolCall: never("toolCall"),
    sleepUntil,
    prepareWorkspace: never("prepareWorkspace"),
    verifyWork: never("verifyWork"),
    commitWork: never("commitWork"),
    performWork: never("performWork"),
    integrate: never("integrate"),
  };
}
