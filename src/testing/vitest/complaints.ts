// What doubles have to complain of when a test is over.
import type { ScriptedModel } from "../scripted-model.ts";
import type { StandIn } from "../stand-in/stand-in.ts";

/** Requests that a script did not expect, and answers that nobody asked for. */
export const complaintsOfModel = ({ unexpected, unused }: Pick<ScriptedModel, "unexpected" | "unused">): readonly string[] => [
  ...unexpected,
  ...unused().map((name) => `Nobody asked for the answer "${name}" of the scripted model: take it out, or find out why.`),
];

/** Requests that the API would refuse, or that the brain did not expect. */
export const complaintsOfServer = ({ invalid, unexpected }: Pick<StandIn, "invalid" | "unexpected">): readonly string[] => [
  ...invalid.map(({ n, reason }) => `The API would refuse request ${n} to the stand-in: ${reason}`),
  ...unexpected.map(({ n, reason }) => `The stand-in did not expect request ${n}: ${reason}`),
];
