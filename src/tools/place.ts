// Where a file tool may go: the words of a path, then its real place after links, then the deny rules about that place.
import { realpath, stat } from "node:fs/promises";
import path from "node:path";
import type * as officialToolset from "@anthropic-ai/sdk/tools/agent-toolset/node";
import type { PermissionRules } from "../protocol/command.ts";
import { readPath } from "./paths.ts";
import { permit } from "./permissions.ts";
import type { ToolEnvironment } from "./port.ts";

/** The toolset that the file tools are built on; heavy, so it is loaded with the first call. */
export type Toolset = typeof officialToolset;

/** A place inside the workspace that a call may use. */
export interface Place {
  /** Real path of the workspace copy. */
  readonly root: string;
  /** Real absolute path of the target, which need not exist yet. */
  readonly real: string;
  /** The same, relative to the root, with `/`; `.` for the root. */
  readonly relative: string;
}

/** A call that is refused; the message is for the model. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/** Resolves the path of a call and checks it; rejects with a `Refusal` or the toolset's own error. */
export async function placeOf(
  call: { readonly name: string; readonly path: string },
  environment: ToolEnvironment,
  { toolset, rules }: { readonly toolset: Toolset; readonly rules: PermissionRules },
): Promise<Place> {
  if (environment.root === "") throw new Refusal(`${call.name}: this run has no workspace, so there are no files`);
  const root = await realpath(environment.root);
  const words = readPath(call.path, [environment.root, root]);
  if (words.kind === "refused") throw new Refusal(`${call.name}: ${words.reason}`);
  const real = await toolset.resolvePath({ workdir: root }, words.path);
  const relative = path.relative(root, real).split(path.sep).join("/") || ".";
  const tools = call.name === "grep" ? ["grep", "read"] : [call.name];
  const denied = tools.map((tool) => deniedBy(rules, { tool, path: relative })).find((rule) => rule !== null);
  if (denied) throw new Refusal(`${call.name}: ${relative} is denied by the rule ${denied}`);
  return { root, real, relative };
}

/** The deny rule that keeps a tool from a workspace-relative path, or null. */
export function deniedBy(rules: PermissionRules, target: { readonly tool: string; readonly path: string }): string | null {
  const input = { file_path: target.path, path: target.path };
  const permission = permit({ name: target.tool, input }, { allow: [], ask: [], deny: rules.deny });
  return permission.decision === "deny" ? permission.rule : null;
}

/** Refuses what is neither a regular file nor a folder, before anything opens it: opening a FIFO never returns. */
export async function refuseSpecial(name: string, place: Place): Promise<void> {
  const status = await stat(place.real).catch(() => null);
  if (status === null) throw new Refusal(`${name}: ${place.relative}: no such file or directory`);
  if (!status.isFile() && !status.isDirectory()) throw new Refusal(`${name}: ${place.relative} is neither a file nor a folder`);
}
