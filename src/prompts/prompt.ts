// What a prompt is. Every text that Quatrain itself says to a model stands in this folder: data in, text out, no clock,
// no ids, no files. A changed text is a changed version, because runs are compared and reused by it.
import { z } from "zod";
import type { Json } from "../core/json.ts";
import { apiSchema } from "./schema.ts";

/** The shape that a structured answer must have, as the model port takes it. */
export interface AnswerFormat {
  /** Names the format in messages. */
  readonly name: string;
  /** A JSON schema inside the subset that the API can decode by, see `apiSchema`. */
  readonly schema: Json;
}

/** A versioned prompt: equal data gives equal text, whatever the order of keys. */
export interface Prompt<Data> {
  readonly name: string;
  /** `<name>/<number>`; the number grows with every change of the text. */
  readonly version: string;
  /** System blocks, the most shared first. They hold configuration only, never text of a request, a file or a model. */
  system(data: Data): readonly string[];
  /** The first user message. All text that comes from elsewhere stands in fenced parts, see `renderParts`. */
  user(data: Data): string;
  /** The shape of the answer; null for free text. */
  readonly format: AnswerFormat | null;
}

/** The format of a zod schema, worked out when it is first read: importing a prompt costs nothing. */
export function answerFormat(name: string, schema: z.ZodType): AnswerFormat {
  let made: Json | undefined;
  return {
    name,
    get schema() {
      // The output of toJSONSchema is plain JSON by its contract; reading it back gives it the type.
      made ??= apiSchema(z.json().parse(JSON.parse(JSON.stringify(z.toJSONSchema(schema))))).schema;
      return made;
    },
  };
}
