// A workspace with a secret beside it, and short ways to call tools in it.
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { ToolEnvironment, ToolResult } from "../../src/tools/port.ts";
import { createToolbox } from "../../src/tools/toolbox.ts";
import type { ToolboxOptions } from "../../src/tools/toolbox.ts";

export const canary = "canary-7f3a91";

export interface Desk {
  /** Holds the workspace and, beside it, what must stay unread. */
  readonly outside: string;
  readonly root: string;
  environment(more?: Partial<ToolEnvironment>): ToolEnvironment;
  run(name: string, input: unknown, more?: Partial<ToolEnvironment>): Promise<ToolResult>;
  remove(): Promise<void>;
}

export async function openDesk(options: ToolboxOptions = {}): Promise<Desk> {
  const outside = await realpath(await mkdtemp(path.join(os.tmpdir(), "quatrain-tools-")));
  const root = path.join(outside, "copy");
  await mkdir(path.join(root, "src"), { recursive: true });
  await mkdir(path.join(outside, "copy-sibling"));
  await mkdir(path.join(outside, "private"));
  await writeFile(path.join(root, "src", "a.ts"), "one\ntwo\nthree\n");
  for (const name of ["secret.txt", "copy-sibling/secret.txt", "private/secret.txt"])
    await writeFile(path.join(outside, name), canary);
  await symlink("../private", path.join(root, "link-folder"));
  await symlink("../secret.txt", path.join(root, "link-file"));
  await symlink("../made-through-link.txt", path.join(root, "link-dangling"));
  await symlink("/", path.join(root, "link-root"));
  await symlink("link-loop", path.join(root, "link-loop"));
  const toolbox = createToolbox(options);
  const signal = new AbortController().signal;
  const environment = (more: Partial<ToolEnvironment> = {}): ToolEnvironment => ({ root, signal, runId: "r-tools", ...more });
  return {
    outside,
    root,
    environment,
    run: (name, input, more) => toolbox.run({ id: "call-1", name, input }, environment(more)),
    remove: () => rm(outside, { recursive: true, force: true }),
  };
}
