// The step of a chart as data that may come from a file: what `ChartStep` says, checked.
import { z } from "zod";
import { Command } from "../../../protocol/command.ts";
import { failureCode } from "../../check/given.ts";

const attempt = { task: z.string(), attempt: z.number().int().positive() };

/** A step of a way. */
export const ChartStepData = z.union(
  [
    z.object({ kind: z.enum(["finish", "crash", "late"]), ...attempt }),
    z.object({ kind: z.literal("fail"), ...attempt, code: failureCode() }),
    z.object({ kind: z.literal("wake"), what: z.string() }),
    z.object({
      kind: z.literal("answer"),
      who: z.string(),
      code: failureCode().nullable(),
      plan: z.number().int().nonnegative().optional(),
      collide: z.array(z.string()).optional(),
    }),
    z.object({ kind: z.literal("decide"), ask: z.string(), decision: z.enum(["approve", "reject"]) }),
    z.object({ kind: z.literal("resume") }),
    z.object({ kind: z.literal("command"), command: Command }),
  ],
  "give a step of a way, as pathsOf and the witnesses of exploreRun have them",
);
