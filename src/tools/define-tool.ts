// Makes a tool from a zod schema and a function: the schema is shown to the model and checks every input.
import { z } from "zod";
import type { Json } from "../core/json.ts";
import type { Tool, ToolClass, ToolEnvironment, ToolResult } from "./port.ts";

/** The parts of a tool. */
export interface ToolDefinition<Schema extends z.ZodObject> {
  /** Letters, digits, `_` and `-`; unique in a toolbox. */
  readonly name: string;
  /** What it does and when to use it; the model reads this. */
  readonly description: string;
  /** Whether a call may be repeated after a crash. */
  readonly class: ToolClass;
  /** Checks the input; its descriptions are shown to the model. */
  readonly input: Schema;
  /** Does the work with a checked input; may reject with a message for the model. */
  run(input: z.output<Schema>, environment: ToolEnvironment): Promise<ToolResult>;
}

/** Makes a tool; an input that its schema refuses is an error result that names each field and what it should be. */
export function defineTool<Schema extends z.ZodObject>(definition: ToolDefinition<Schema>): Tool {
  const { name, description, input } = definition;
  return {
    spec: { name, description, inputSchema: jsonSchemaOf(input), class: definition.class },
    async run(raw, environment) {
      const parsed = input.safeParse(raw);
      if (!parsed.success) return errorResult(`${name}: wrong input. ${issuesOf(parsed.error)}`);
      return definition.run(parsed.data, environment);
    },
  };
}

/** An error result with a message for the model. */
export function errorResult(content: string): ToolResult {
  return { content, isError: true };
}

function jsonSchemaOf(schema: z.ZodObject): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return z.json().parse(JSON.parse(JSON.stringify(rest)));
}

function issuesOf(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join(".") || "input"}: ${issue.message}`).join("; ");
}
