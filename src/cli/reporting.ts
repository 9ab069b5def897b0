// What every way to show a run offers, and what it works with.
import type { Run } from "../run/run.ts";
import type { AskText } from "./ask-text.ts";
import type { Io } from "./io.ts";
import type { Printer } from "./printer.ts";

/** Which way. */
export type ReporterKind = "json" | "plain" | "live";

/** Shows one run. */
export interface Reporter {
  /** Shows a question and waits for yes or no; null when the signal came first or nobody can answer. */
  ask(text: AskText, signal: AbortSignal): Promise<boolean | null>;
  /** Tells people something that is no event; not with `json`. */
  notice(text: string): void;
  /** Ends the showing, once the run has ended and all was told; what was shown stays. */
  close(): Promise<void>;
}

/** What a reporter works with. */
export interface Reporting {
  readonly io: Io;
  readonly printer: Printer;
  readonly run: Run;
  /** A key that stands for the interrupt signal was pressed. */
  readonly onInterrupt: () => void;
}
