// Sends a reply over one connection at the pace asked for, and does to the connection what a fault says. Knows no API.
import type { ServerResponse } from "node:http";
import { pause, untilAborted, type StandInClock } from "./clock.ts";
import { ping, type Piece } from "./events.ts";
import type { At, Fault } from "./faults.ts";

/** A reply, ready to be sent. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly pieces: readonly Piece[];
}

/** How a reply is sent. */
export interface Sending {
  readonly clock: StandInClock;
  /** Aborted when the caller hangs up or the server closes. */
  readonly signal: AbortSignal;
  readonly firstByteMs: number;
  readonly perTokenMs: number;
  /** Only stall, cut and delay matter here. */
  readonly fault: Fault | undefined;
  /** Called right before the first byte. */
  readonly onFirstByte: () => void;
  /** Called after each piece that has left, with the bytes of the body so far and whether it was the last of all. */
  readonly onSent: (bytes: number, isLast: boolean) => void;
  /** Called when from now on nothing more will come. */
  readonly onStalled: () => void;
}

/** How sending ended: everything sent, broken off by a fault, or the caller (or the server's end) came first. */
export type Sent = "whole" | "cut" | "stalled" | "aborted";

/** Sends a reply. Never throws. */
export async function transmit(response: ServerResponse, reply: Reply, sending: Sending): Promise<Sent> {
  const { fault, signal, clock } = sending;
  const at = fault?.kind === "stall" || fault?.kind === "cut" ? fault.at : undefined;
  await pause(clock, sending.firstByteMs + (fault?.kind === "delay" ? fault.delayMs : 0), signal);
  if (signal.aborted) return "aborted";
  if (at === "headers") return breakOff(response, sending);
  sending.onFirstByte();
  response.writeHead(reply.status, reply.headers);
  response.flushHeaders();
  let bytes = 0;
  for (const piece of at === undefined || at === "end" ? reply.pieces : upTo(reply.pieces, at)) {
    await pause(clock, piece.tokens * sending.perTokenMs, signal);
    if (signal.aborted) return "aborted";
    await write(response, piece.text, signal);
    bytes += Buffer.byteLength(piece.text);
    sending.onSent(bytes, piece === reply.pieces.at(-1));
  }
  if (at !== undefined) return breakOff(response, sending);
  response.end();
  return "whole";
}

async function breakOff(response: ServerResponse, sending: Sending): Promise<Sent> {
  const { fault, signal } = sending;
  if (fault?.kind === "stall") {
    sending.onStalled();
    await stall(response, fault, sending);
    return "stalled";
  }
  if (fault?.kind !== "cut") return "aborted";
  await pause(sending.clock, fault.laterMs ?? 0, signal);
  if (signal.aborted) return "aborted";
  if (fault.how === "reset") response.socket?.resetAndDestroy();
  else if (fault.how === "close") response.socket?.end();
  else response.end();
  return "cut";
}

async function stall(response: ServerResponse, fault: Fault & { kind: "stall" }, sending: Sending): Promise<void> {
  const { clock, signal } = sending;
  if (fault.pingEveryMs === undefined || fault.at === "headers") return untilAborted(signal);
  while (!signal.aborted) {
    await pause(clock, fault.pingEveryMs, signal);
    if (!signal.aborted) await write(response, ping.text, signal);
  }
}

/** The pieces before a place in the body; the last one may end inside a character. */
function upTo(pieces: readonly Piece[], at: Exclude<At, string>): readonly { text: string | Buffer; tokens: number }[] {
  if ("events" in at) return pieces.slice(0, at.events);
  const kept: { text: string | Buffer; tokens: number }[] = [];
  let left = at.bytes;
  for (const piece of pieces) {
    const bytes = Buffer.from(piece.text);
    kept.push(bytes.length <= left ? piece : { ...piece, text: bytes.subarray(0, left) });
    left -= bytes.length;
    if (left <= 0) break;
  }
  return kept;
}

/** Resolves when the bytes have left this process, or can't any more. */
function write(response: ServerResponse, text: string | Buffer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      signal.removeEventListener("abort", end);
      resolve();
    };
    if (text.length === 0 || response.destroyed) end();
    else {
      signal.addEventListener("abort", end);
      response.write(text, end);
    }
  });
}
