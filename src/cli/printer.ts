// Lines on stdout, until nobody reads them any more.
//   P1  After the reader has gone (EPIPE) nothing more is written and nothing is thrown; whoever must know is told once.
//   P2  A reader that is slow is waited for by those who ask `ready` before the next line: no more than the stream's own
//       buffer is held for it.
import type { Io, OutputStream } from "./io.ts";

/** Prints to stdout and stderr of one command. */
export class Printer {
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  readonly #onError: (error: Error) => void;
  #isClosed = false;
  #isFull = false;
  #onClosed: () => void = () => {};
  #onRoom: () => void = () => {};

  constructor({ stdout, stderr }: Pick<Io, "stdout" | "stderr">) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#onError = () => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      this.#onRoom();
      this.#onClosed();
    };
    stdout.on("error", this.#onError);
    stdout.on("drain", this.#onDrain);
    stderr.on("error", ignore);
  }

  readonly #onDrain = (): void => {
    this.#isFull = false;
    this.#onRoom();
  };

  /** True when the reader of stdout has gone. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Prints text and a line end. */
  line(text: string): void {
    if (!this.#isClosed) this.#isFull = !this.#stdout.write(`${text}\n`);
  }

  /** P2. Resolves when the reader has room for more, or has gone. */
  async ready(): Promise<void> {
    if (this.#isClosed || !this.#isFull) return;
    await new Promise<void>((resolve) => {
      this.#onRoom = resolve;
    });
  }

  /** Prints a notice to people on stderr. */
  notice(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  /** P1. */
  whenClosed(listener: () => void): void {
    this.#onClosed = listener;
  }

  /** Lets go of the streams, once what was written has gone out. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onRoom = resolve;
      if (this.#isClosed) resolve();
      else this.#stdout.write("", () => resolve());
    });
    this.#onClosed = ignore;
    // The error of a write that is under way may still come.
    setImmediate(() => {
      this.#stdout.off("error", this.#onError);
      this.#stdout.off("drain", this.#onDrain);
      this.#stderr.off("error", ignore);
    });
  }
}

const ignore = (): void => {};
