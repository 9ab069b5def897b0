// The steps around a worker's thinking, as effects: tools, workspace copies, evidence, results.
import { failure, isFailureCode } from "../core/failure.ts";
import type { FailureCode } from "../core/failure.ts";
import { messageOf } from "../core/errors.ts";
import { stableStringify } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import { headAndTail } from "../core/text.ts";
import { effect } from "../host/effect.ts";
import type { Conflict, Evidence } from "../protocol/work.ts";
import type { ArtifactStore } from "../store/artifacts.ts";
import type { Toolbox } from "../tools/port.ts";
import type { WorkspacePort } from "../workspace/port.ts";
import type { EffectContext } from "../host/port.ts";
import { bounded } from "./bounded.ts";
import type {
  Attempted,
  Committed,
  CommitInput,
  Integrated,
  IntegrateInput,
  PrepareInput,
  RunActors,
  ToolCallInput,
  VerifyInput,
} from "./contract.ts";
import { MOST_CRASHES, MOST_CRASHES_OF_STEPS, poisoned } from "./poisoned.ts";

/** What the steps need. */
export interface StepPorts {
  readonly runId: string;
  readonly toolbox: Toolbox;
  readonly workspace: WorkspacePort;
  readonly artifacts: ArtifactStore;
  /** Environment variables that commands may see. @default [] */
  readonly environment?: readonly string[];
}

/** Longest detail of a failed check, in characters. */
const DETAIL = 4_000;

/** Built-in tools that are begun again after a crash: they run no code of others, so that a stop was hardly their doing. */
const OWN_TOOLS: ReadonlySet<string> = new Set(["write", "edit"]);

/** A tool call: repeated after a crash only as its tool's class allows; the model is told when nobody knows. */
export function toolCall({ runId, toolbox, workspace, environment = [] }: StepPorts): RunActors["toolCall"] {
  const classOf = (name: string) => (toolbox.names.includes(name) ? (toolbox.specs([name])[0]?.class ?? "once") : "pure");
  return effect<ToolCallInput, { readonly content: string; readonly isError: boolean }>(
    "toolCall",
    {
      class: ({ call }) => classOf(call.name),
      inDoubt: () => ({
        isError: true,
        content: "The run was interrupted while this call was running: it is unknown whether it ran. Look before you repeat it.",
      }),
    },
    async ({ call, workspace: copy }, context) => {
      const why = poisoned(context, `the call of ${call.name}`, OWN_TOOLS.has(call.name) ? MOST_CRASHES_OF_STEPS : MOST_CRASHES);
      if (why) throw Object.assign(new Error(why.message), { code: why.code });
      const root = workspace.rootOf({ run: runId, attempt: copy });
      const { signal, recovering } = context;
      const running = toolbox.run(call, { root, signal, environment, runId, recovering });
      const { content, isError } = await bounded(context, running, () => ({
        content: `The call was stopped; ${call.name} did not end and was left to itself.`,
        isError: true,
      }));
      return { content, isError };
    },
  );
}

/** A fresh copy of the workspace for an attempt. */
export function prepareWorkspace({ runId, workspace }: StepPorts): RunActors["prepareWorkspace"] {
  return effect("prepareWorkspace", { class: "idempotent" }, ({ workspace: attempt, layers }: PrepareInput, context) =>
    attempted<{ readonly conflicts: readonly Conflict[] }>(context, "making its copy", async () => {
      const { signal } = context;
      const { conflicts } = await workspace.prepare({ run: runId, attempt, layers, signal });
      return { conflicts: conflicts.map(({ path, tasks, kept }) => ({ path, tasks, kept })) };
    }),
  );
}

/** Looks at the evidence: files that must have changed, commands that must exit 0. */
export function verifyWork({ runId, toolbox, workspace, environment = [] }: StepPorts): RunActors["verifyWork"] {
  return effect(
    "verifyWork",
    { class: "idempotent" },
    ({ workspace: attempt, layers, needsFiles, commands }: VerifyInput, context) =>
      attempted<{ readonly evidence: readonly Evidence[] }>(context, "checking its result", async () => {
        const { signal } = context;
        const evidence: Evidence[] = [];
        if (needsFiles) {
          const { files } = await workspace.commit({ run: runId, attempt, layers, signal });
          evidence.push({
            kind: "files",
            what: "files changed",
            ok: files.length > 0,
            detail: files.map(({ path }) => path).join(", ") || "no file was changed",
          });
        }
        const root = workspace.rootOf({ run: runId, attempt });
        for (const [at, command] of commands.entries()) {
          const call = { id: `verify-${at}`, name: "bash", input: { command } };
          const { content, isError } = await toolbox.run(call, { root, signal, environment, runId });
          evidence.push({ kind: "commands", what: command, ok: !isError, detail: headAndTail(content, DETAIL) });
        }
        return { evidence };
      }),
  );
}

/** Stores what an attempt made. */
export function commitWork({ runId, workspace, artifacts }: StepPorts): RunActors["commitWork"] {
  return effect("commitWork", { class: "idempotent" }, ({ workspace: attempt, layers, output }: CommitInput, context) =>
    attempted<Committed>(context, "storing its result", async () => {
      const { signal } = context;
      const changes = await workspace.commit({ run: runId, attempt, layers, signal });
      const { ref, bytes } = await artifacts.put(textOf(output));
      return { changes: { ref: changes.ref, files: changes.files.map(({ path, kind }) => ({ path, kind })) }, ref, bytes };
    }),
  );
}

/** Folds all change sets into the result folder. */
export function integrate({ runId, workspace }: StepPorts): RunActors["integrate"] {
  return effect("integrate", { class: "idempotent" }, ({ changes }: IntegrateInput, context) =>
    attempted<Integrated>(context, "folding the changes", async () => {
      const { signal } = context;
      const { files, conflicts } = await workspace.integrate({ run: runId, changes, signal });
      const open = conflicts.filter(({ settled }) => !settled);
      return {
        files: files.map(({ path, kind }) => ({ path, kind })),
        conflicts: open.map(({ path, tasks, kept }) => ({ path, tasks, kept })),
      };
    }),
  );
}

/** Expected failures are values; the code is the error's own where it is one of ours. */
async function attempted<T extends object>(
  context: Pick<EffectContext, "lost" | "key">,
  what: string,
  work: () => Promise<T>,
): Promise<Attempted<T>> {
  const why = poisoned(context, what, MOST_CRASHES_OF_STEPS);
  if (why) return { ok: false, failure: why };
  try {
    return { ok: true, ...(await work()) };
  } catch (error) {
    return { ok: false, failure: failure(codeOf(error), messageOf(error)) };
  }
}

function codeOf(error: unknown): FailureCode {
  const code: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  if (code === "WorkspaceFull" || code === "WorkspaceNotWritable" || code === "ArtifactNotWritten") return "StoreFull";
  if (code === "ContentBroken" || code === "ArtifactBroken") return "StoreCorrupt";
  return typeof code === "string" && isFailureCode(code) ? code : "WorkspaceFailed";
}

const textOf = (output: Json): string => (typeof output === "string" ? output : stableStringify(output));
