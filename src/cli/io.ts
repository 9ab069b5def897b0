// What the command line touches of the outside: streams, signals, environment, time. Injected, so that tests bring their own.
import process from "node:process";

/** A stream to print to; a terminal also says how large it is. */
export interface OutputStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** A stream to read from. */
export interface InputStream extends NodeJS.ReadableStream {
  readonly isTTY?: boolean;
}

/** The signals that end a run. */
export type EndSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** The outside. */
export interface Io {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The current folder. */
  readonly directory: string;
  /** Wall-clock ms. */
  now(): number;
  /** Calls back for every signal until the returned function is called. */
  onSignal(listener: (signal: EndSignal) => void): () => void;
  /** Calls back after so long, unless the process has ended before or the returned function was called. */
  later(ms: number, act: () => void): () => void;
  /** Ends the process at once. */
  leave(code: number): void;
}

/** The exit codes of signals, as shells count them. */
export const SIGNAL_CODES: Readonly<Record<EndSignal, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** The outside of this process. */
export function processIo(): Io {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    directory: process.cwd(),
    now: () => Date.now(),
    onSignal(listener) {
      const names: readonly EndSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];
      for (const name of names) process.on(name, listener);
      return () => {
        for (const name of names) process.off(name, listener);
      };
    },
    later(ms, act) {
      const timer = setTimeout(act, ms).unref();
      return () => clearTimeout(timer);
    },
    leave: (code) => process.exit(code),
  };
}

/** True when a person sits at both ends. */
export function isInteractive({ stdin, stdout }: Io): boolean {
  return stdin.isTTY === true && stdout.isTTY === true;
}

/** True when a view that repaints itself makes sense. */
export function canRepaint({ stdout, environment }: Io): boolean {
  return stdout.isTTY === true && environment["TERM"] !== "dumb" && !isSet(environment["CI"]);
}

/** True unless NO_COLOR is set. */
export function mayColor({ environment }: Io): boolean {
  return !isSet(environment["NO_COLOR"]);
}

const isSet = (value: string | undefined): boolean => value !== undefined && value !== "";
