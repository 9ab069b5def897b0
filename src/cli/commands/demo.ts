// `quatrain demo`: hands over to the demo.
import { runDemo } from "../demo/demo.ts";
import type { DemoOptions } from "../demo/demo.ts";
import type { Io } from "../io.ts";

/** Plays the demo. Resolves to the exit code. */
export function demoCommand(flags: Omit<DemoOptions, "io">, io: Io): Promise<number> {
  return runDemo({ ...flags, io });
}
