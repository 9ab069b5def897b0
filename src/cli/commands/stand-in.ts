// `quatrain stand-in`: a server on loopback that speaks the Messages API, for clients in any language.
//   L1  It listens until a signal, or until nobody reads its output. What is under way then gets two seconds to end; a second
//       signal ends the process at once.
//   L2  Nothing is left: no socket, no open file, no listener.
import { closeSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import { fileTrouble, messageOf, QuatrainError } from "../../core/errors.ts";
import type { StandInMoment } from "../../testing/stand-in/log.ts";
import { standIn } from "../../testing/stand-in/stand-in.ts";
import type { StandIn, StandInOptions } from "../../testing/stand-in/stand-in.ts";
import { EXIT } from "../exit-code.ts";
import { SIGNAL_CODES } from "../io.ts";
import type { Io } from "../io.ts";
import { Printer } from "../printer.ts";
import { count, emptyTally, lineOf, requestText, summaryText } from "../stand-in/record.ts";
import type { RequestLine, Tally } from "../stand-in/record.ts";
import { standInSetup } from "../stand-in/settings.ts";
import type { StandInFlags } from "../stand-in/settings.ts";
import { plural } from "../words.ts";

/** How long what is under way may take once it is to end. */
const GRACE_MS = 2_000;

/**
 * Serves until it is told to end. Resolves to 0; to 1 with `--strict` when a request was invalid or unexpected.
 * Throws QuatrainError "BadOption" for bad flags, a bad script, and a port that can't be used.
 */
export async function standInCommand(flags: StandInFlags, io: Io): Promise<number> {
  const { options, how } = standInSetup(flags, io);
  const printer = new Printer(io);
  const log = openLog(flags, { io, printer });
  const desk = new Desk(io, (line) => {
    log.write(line);
    if (flags.json === true) printer.line(JSON.stringify(line));
    else if (flags.log !== "-") printer.line(requestText(line));
  });
  try {
    const server = await listening({ ...options, onMoment: (moment) => desk.take(moment) });
    desk.server = server;
    greet(server.url, how, { flags, printer });
    await untilTold({ io, printer, desk, isQuiet: flags.json === true });
    await server.close();
    await desk.none("here");
    return conclude({ flags, printer }, desk.tally);
  } finally {
    log.close();
    await printer.close();
  }
}

/** Looks after the requests: which are under way, and what came of the others. */
class Desk {
  server: StandIn | undefined;
  readonly tally = emptyTally();
  readonly #io: Pick<Io, "now">;
  readonly #over: (line: RequestLine) => void;
  readonly #here = new Set<number>();
  readonly #stalled = new Set<number>();
  #onChange: () => void = () => {};

  constructor(io: Pick<Io, "now">, over: (line: RequestLine) => void) {
    this.#io = io;
    this.#over = over;
  }

  /** Requests that may still be answered; those that stall by a fault never will. */
  get underWay(): number {
    return this.#here.size - this.#stalled.size;
  }

  /** Requests whose exchange is not over. */
  get here(): number {
    return this.#here.size;
  }

  take({ kind, n }: StandInMoment): void {
    if (kind === "arrived") this.#here.add(n);
    else if (kind === "stalled") this.#stalled.add(n);
    else if (kind === "over") this.#isOver(n);
    this.#onChange();
  }

  /** Resolves as soon as a count is 0. */
  async none(which: "underWay" | "here"): Promise<void> {
    while (this[which] > 0)
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
      });
  }

  #isOver(n: number): void {
    this.#here.delete(n);
    this.#stalled.delete(n);
    const record = this.server?.requests[n - 1];
    if (!record || !this.server) return;
    const line = lineOf(record, this.server, this.#io.now());
    count(this.tally, line);
    this.#over(line);
  }
}

async function listening(options: StandInOptions): Promise<StandIn> {
  try {
    return await standIn(options);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const why =
      code === "EADDRINUSE" ? "which another process uses" : code === "EACCES" ? "which this user may not use" : undefined;
    if (why === undefined) throw error;
    const message = `--port is ${options.port}, ${why}; give another one, or leave --port out for a free one.`;
    throw new QuatrainError("BadOption", message, { cause: error });
  }
}

interface Telling {
  readonly flags: StandInFlags;
  readonly printer: Printer;
}

function greet(url: string, how: string, { flags, printer }: Telling): void {
  if (flags.json === true) return printer.line(JSON.stringify({ type: "listening", url, brain: how }));
  const say = flags.log === "-" ? (text: string) => printer.notice(text) : (text: string) => printer.line(text);
  say(`The stand-in listens on ${url} and answers ${how}.`);
  say(`Use it:  ANTHROPIC_BASE_URL=${url} ANTHROPIC_API_KEY=any <your program>`);
  say("Ctrl-C ends it.");
}

interface Waiting {
  readonly io: Io;
  readonly printer: Printer;
  readonly desk: Desk;
  readonly isQuiet: boolean;
}

/** L1. */
async function untilTold({ io, printer, desk, isQuiet }: Waiting): Promise<void> {
  let isTold = false;
  let end = (): void => {};
  const told = new Promise<void>((resolve) => {
    end = resolve;
  });
  const off = io.onSignal((signal) => {
    if (isTold) return io.leave(SIGNAL_CODES[signal]);
    isTold = true;
    const grace = `${plural(desk.underWay, "request")} under way may take ${GRACE_MS / 1000} s`;
    if (desk.underWay > 0 && !isQuiet) printer.notice(`quatrain: ending; ${grace}. Once more to end at once.`);
    end();
  });
  printer.whenClosed(end);
  await told;
  let cancel = (): void => {};
  const late = new Promise<void>((resolve) => {
    cancel = io.later(GRACE_MS, resolve);
  });
  await Promise.race([desk.none("underWay"), late]);
  cancel();
  off();
}

function conclude({ flags, printer }: Telling, tally: Tally): number {
  const { problems, ...counts } = tally;
  const isClean = problems.invalid.size === 0 && problems.unexpected.size === 0;
  const exitCode = printer.isClosed ? EXIT.readerGone : flags.strict === true && !isClean ? EXIT.failed : EXIT.done;
  if (flags.json === true) {
    const reasons = Object.fromEntries(Object.entries(problems).map(([kind, of]) => [kind, Object.fromEntries(of)]));
    printer.line(JSON.stringify({ type: "summary", exitCode, ...counts, ...reasons }));
  } else if (flags.log === "-") printer.notice(summaryText(tally));
  else printer.line(summaryText(tally));
  return exitCode;
}

interface Log {
  write(line: RequestLine): void;
  close(): void;
}

const NO_LOG: Log = { write: () => {}, close: () => {} };

/** Where `--log` writes: appended to a file, or to stdout; there `--json` writes the same lines anyway. */
function openLog({ log, json }: StandInFlags, { io, printer }: { readonly io: Io; readonly printer: Printer }): Log {
  if (log === undefined || (log === "-" && json === true)) return NO_LOG;
  if (log === "-") return { write: (line) => printer.line(JSON.stringify(line)), close: () => {} };
  const file = openFile(path.resolve(io.directory, log));
  let isBroken = false;
  return {
    write(line) {
      try {
        writeSync(file, `${JSON.stringify(line)}\n`);
      } catch (error) {
        // The clients are served on, whatever becomes of the log.
        if (!isBroken) printer.notice(`quatrain: --log can't be written: ${messageOf(error)}`);
        isBroken = true;
      }
    },
    close: () => closeSync(file),
  };
}

function openFile(file: string): number {
  try {
    return openSync(file, "a", 0o600);
  } catch (error) {
    throw new QuatrainError("BadOption", `--log ${file} can't be written: ${fileTrouble(error)}.`, { cause: error });
  }
}
