// How a watched run is stopped: by signals, and by a reader of stdout that has gone.
//   S1  The first signal stops the run cleanly: nothing new starts, what is paid for may end. The second stops what runs,
//       the third ends the process; in each case the state is saved.
//   S2  A reader of stdout that has gone (EPIPE) stops the run cleanly, too: nobody would see what it spends.
//   S3  Whatever may hold the process then, it ends soon after: it is left to end by itself, then made to.
import type { Run } from "../run/run.ts";
import { EXIT } from "./exit-code.ts";
import { SIGNAL_CODES } from "./io.ts";
import type { EndSignal, Io } from "./io.ts";
import type { Printer } from "./printer.ts";
import type { ReporterKind } from "./reporting.ts";
import { resumeCommand } from "./settings.ts";
import type { Place } from "./settings.ts";

/** What stopped a run, or may still. */
export interface Stopping {
  /** Does what a signal does. */
  signal(signal: EndSignal): void;
  received(): EndSignal | "EPIPE" | null;
  /** The run has ended: a signal only cuts short what is still being told. */
  over(): void;
  /** Listens no more, unless the process is to end; S3 still holds. */
  close(): void;
}

/** Whom to tell. */
export interface Telling {
  readonly printer: Printer;
  /** A notice, in the way that fits how the run is shown. */
  readonly say: (text: string) => void;
}

/** How long a clean stop waits for turns that are paid for. */
const GRACE_MS = 10_000;
/** How long the process may take to end by itself after the first and after the second signal. */
const LEAVE_MS = { clean: 1_500, atOnce: 500 } as const;

/** S1, S2, S3. */
export function stopOnSignals(
  run: Run,
  { io, kind, place }: { readonly io: Io; readonly kind: ReporterKind; readonly place: Place },
  { printer, say }: Telling,
): Stopping {
  const resume = `Take it up again: ${resumeCommand(run.id, place)}`;
  let received: EndSignal | "EPIPE" | null = null;
  let signals = 0;
  let isOver = false;
  let cancel = (): void => {};
  const leave = (): void => {
    if (kind !== "json" && !isOver) printer.notice(`quatrain: stopped. The state is saved. ${resume}`);
    io.leave(received === null || received === "EPIPE" ? EXIT.readerGone : SIGNAL_CODES[received]);
  };
  const stop = (graceMs: number, leaveMs: number): void => {
    cancel();
    cancel = io.later(graceMs + leaveMs, leave);
    void run.stop({ graceMs });
  };
  const signal = (name: EndSignal): void => {
    received = name;
    signals += 1;
    if (isOver || signals > 2) return leave();
    if (signals === 2) {
      say("quatrain: stopping at once; the state is saved.");
      return stop(0, LEAVE_MS.atOnce);
    }
    say(`quatrain: stopping; what runs gets ${GRACE_MS / 1000} s to end. Once more to stop at once.`);
    stop(GRACE_MS, LEAVE_MS.clean);
  };
  const off = io.onSignal(signal);
  printer.whenClosed(() => {
    if (received !== null || isOver) return;
    received = "EPIPE";
    say(`quatrain: nobody reads the output any more; the run is stopped. ${resume}`);
    stop(GRACE_MS, LEAVE_MS.clean);
  });
  return {
    signal,
    received: () => received,
    over: () => {
      isOver = true;
    },
    close: () => {
      // Once told to end, the process ends with the signal's code, however often it is told.
      if (received === null) off();
    },
  };
}
