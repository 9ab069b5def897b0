// Loads a part that is built beside the command line, by its path from this folder without extension.
import { QuatrainError } from "../core/errors.ts";

/** Throws QuatrainError "BadOption" when this build does not have the part. */
export async function loadLater<T>(part: string): Promise<T> {
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const url = new URL(`${part}${extension}`, import.meta.url).href;
  try {
    return (await import(/* @vite-ignore */ url)) as T;
  } catch (error) {
    throw new QuatrainError("BadOption", `This build has no ${part.replace(/^.*\//, "")}.`, { cause: error });
  }
}
