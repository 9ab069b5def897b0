// The toolbox: finds the tool of a call, runs it, and makes whatever happens a result that a model can read.
import { QuatrainError, messageOf } from "../core/errors.ts";
import { nearest } from "../core/text.ts";
import { capText, defaultOutputCap } from "../process/output.ts";
import type { PermissionRules } from "../protocol/command.ts";
import type { ToolDeclaration } from "../protocol/turn.ts";
import { bashTool } from "./bash.ts";
import type { BashOptions } from "./bash.ts";
import { errorResult } from "./define-tool.ts";
import { fileTools } from "./files.ts";
import { defaultPermissions } from "./permissions.ts";
import type { Tool, Toolbox, ToolResult } from "./port.ts";

/** What a toolbox is made of. */
export interface ToolboxOptions {
  readonly bash?: BashOptions;
  /** Tools besides the built-in ones; a name that is taken throws `BadOption`. */
  readonly extra?: readonly Tool[];
  /**
   * Rules whose deny list guards the files themselves: real paths and what grep finds. Whether a call may run at all is
   * decided before, by `permit`. @default defaultPermissions
   */
  readonly permissions?: PermissionRules;
}

/** Makes a toolbox of read, write, edit, glob, grep, bash and the extra tools. */
export function createToolbox(options: ToolboxOptions = {}): Toolbox {
  const tools = [...fileTools(options.permissions ?? defaultPermissions), bashTool(options.bash), ...(options.extra ?? [])];
  const names = tools.map((tool) => tool.spec.name);
  const double = names.find((name, index) => names.indexOf(name) !== index);
  if (double !== undefined) throw new QuatrainError("BadOption", `Two tools are called ${JSON.stringify(double)}; rename one.`);
  const cap = Math.max(defaultOutputCap, options.bash?.outputCap ?? 0);
  const find = (name: string): Tool | undefined => tools.find((tool) => tool.spec.name === name);

  return {
    names,
    specs: (wanted) =>
      wanted.map((name) => {
        const tool = find(name);
        if (!tool) throw new QuatrainError("UnknownTool", unknownTool(name, names));
        return tool.spec;
      }),
    async run(call, environment) {
      environment.signal.throwIfAborted();
      const tool = find(call.name);
      if (!tool) return errorResult(unknownTool(call.name, names));
      try {
        return capped(await tool.run(call.input, environment), cap);
      } catch (error) {
        environment.signal.throwIfAborted();
        return capped(errorResult(`${call.name}: ${messageOf(error)}`), cap);
      }
    },
  };
}

/** All tools of a toolbox, as models are told of them. */
export const declarationsOf = (toolbox: Toolbox): readonly ToolDeclaration[] =>
  toolbox.specs(toolbox.names).map(({ name, description, inputSchema }) => ({ name, description, inputSchema }));

/** Room for the lines around an output that is itself at the cap: marks, exit code. */
const frameBytes = 1024;

function capped(result: ToolResult, cap: number): ToolResult {
  const text = capText(result.content, cap + frameBytes);
  return text.truncated ? { ...result, content: capText(result.content, cap).text } : result;
}

function unknownTool(name: string, names: readonly string[]): string {
  const meant = nearest(name, names);
  const hint = meant === undefined ? "" : ` Did you mean ${meant}?`;
  return `There is no tool ${JSON.stringify(name)}.${hint} Known tools: ${names.join(", ")}.`;
}
