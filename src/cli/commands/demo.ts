// `quatrain demo`: hands over to the demo.
import type { Io } from "../io.ts";
import { loadLater } from "../load-later.ts";

/** Flags of `demo`. */
export interface DemoFlags {
  readonly fast?: boolean;
  /** Task whose edit is spoilt, such as `t3`. */
  readonly break?: string;
  readonly live?: boolean;
  /** Folder to work in and to keep. */
  readonly keep?: string;
  readonly plain?: boolean;
  readonly json?: boolean;
}

/** Plays the demo. */
export async function demoCommand(flags: DemoFlags, io: Io): Promise<number> {
  const { runDemo } = await loadLater<{ runDemo(options: DemoFlags & { readonly io: Io }): Promise<number> }>("./demo/demo");
  return runDemo({ ...flags, io });
}
