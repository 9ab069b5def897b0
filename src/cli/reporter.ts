// Ways to show a run while it goes on: JSON lines, plain lines, or a view that repaints itself.
import { createInterface } from "node:readline";
import { unreachable } from "../core/unreachable.ts";
import type { NumberedEvent } from "../protocol/run-event.ts";
import type { Io } from "./io.ts";
import { NO_MEMORY, plainLines } from "./plain.ts";
import type { Reporter, ReporterKind, Reporting } from "./reporting.ts";

/** Starts to show a run. The live view is loaded only here, after the run has started. */
export async function openReporter(kind: ReporterKind, reporting: Reporting): Promise<Reporter> {
  switch (kind) {
    case "json":
      return jsonReporter(reporting);
    case "plain":
      return plainReporter(reporting);
    case "live": {
      const { liveReporter } = await import("./live/live-reporter.ts");
      return liveReporter(reporting);
    }
    default:
      return unreachable(kind);
  }
}

/** Every event as one line. A resumed run tells only what is new: earlier lines were told by the process before. */
function jsonReporter(reporting: Reporting): Reporter {
  const { run } = reporting;
  const told = tell(reporting, (event) => (rowOf(event.seq) > run.replayedThrough ? [JSON.stringify(event)] : []));
  return { ask: () => Promise.resolve(null), notice: () => {}, close: () => told };
}

function plainReporter(reporting: Reporting): Reporter {
  const { io, run, printer } = reporting;
  let memory = NO_MEMORY;
  let old = 0;
  const told = tell(reporting, (event) => {
    const next = plainLines(memory, event);
    memory = next.memory;
    if (rowOf(event.seq) <= run.replayedThrough) {
      old += 1;
      return [];
    }
    const begin = old > 0 ? [`          [run] ${run.id} goes on after ${old} earlier events`] : [];
    old = 0;
    return [...begin, ...next.lines];
  });
  return {
    async ask({ lines, question }, signal) {
      // The events before it come first.
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      for (const line of lines) printer.line(line);
      return askByLine(io, question, signal);
    },
    notice: (text) => printer.notice(text),
    close: () => told,
  };
}

/** Prints the lines of every event as fast as they are read; the run waits for nobody. Ends with the run or its reader. */
async function tell({ run, printer }: Reporting, linesOf: (event: NumberedEvent) => readonly string[]): Promise<void> {
  for await (const event of run.events) {
    for (const line of linesOf(event)) printer.line(line);
    await printer.ready();
    if (printer.isClosed) return;
  }
}

/** Reads lines until one says y or n; null when the signal or the end of the input came first. */
async function askByLine({ stdin, stdout }: Io, question: string, signal: AbortSignal): Promise<boolean | null> {
  // Without a terminal of its own, so that Ctrl+C stays a signal.
  const reader = createInterface({ input: stdin, terminal: false });
  const stop = (): void => reader.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    stdout.write(`${question} (y/n) `);
    for await (const line of reader) {
      if (/^\s*y(es)?\s*$/i.test(line)) return true;
      if (/^\s*no?\s*$/i.test(line)) return false;
      stdout.write(`Answer y or n. ${question} (y/n) `);
    }
    return null;
  } finally {
    signal.removeEventListener("abort", stop);
    reader.close();
  }
}

/** The journal row of an event. */
const rowOf = (seq: string): number => Number(seq.split(".", 1)[0]);
