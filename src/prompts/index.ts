// The door `quatrain/prompts`: every text that Quatrain says to a model, and the parts to write own prompts with.
export { routerPrompt, RouterAnswer } from "./router.ts";
export type { RouterData, RouterWorker } from "./router.ts";
export { plannerPrompt, planFormat, repairPlan } from "./planner.ts";
export type { PlannerData, PlannerWorker } from "./planner.ts";
export type { EarlierRun } from "../protocol/lineage.ts";
export { workerPrompt, workerFormat, verifyFailed, outputInvalid, told, gaveUpReason, GAVE_UP } from "./worker.ts";
export type { WorkerData } from "./worker.ts";
export { synthesizerPrompt } from "./synthesizer.ts";
export type { SynthesisFailure, SynthesisReport, SynthesisTask, SynthesizerData } from "./synthesizer.ts";

export { bulletList, cutText, jsonText, pathText, READING_PARTS, renderParts } from "./fence.ts";
export type { Caps, Part } from "./fence.ts";
export { answerFormat } from "./prompt.ts";
export type { AnswerFormat, Prompt } from "./prompt.ts";
export { apiSchema } from "./schema.ts";
export type { ApiSchema } from "./schema.ts";
