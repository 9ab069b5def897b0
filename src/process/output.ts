// Output with a cap: the head and the tail of a byte stream are kept, what is between them is counted.
// Border: bytes in, text out. Memory stays below the cap plus one chunk, however much a process prints.

/** The text that is left of an output after capping it. */
export interface CappedText {
  /** UTF-8 text: everything, or head, a marker line that says how much was left out, tail. */
  readonly text: string;
  /** Bytes that arrived in all, those left out included. */
  readonly bytes: number;
  /** True when something was left out. */
  readonly truncated: boolean;
}

/** Collects chunks; `finish` may be called at any time and more than once. */
export interface OutputBuffer {
  push(chunk: Uint8Array): void;
  finish(): CappedText;
}

/** 64 KiB, the default cap of one output in bytes. */
export const defaultOutputCap = 64 * 1024;

/**
 * Makes a buffer that keeps the first and the last `capBytes / 2` bytes of what is pushed.
 * Characters are never cut in half; bytes that are no UTF-8 become U+FFFD.
 */
export function outputBuffer(capBytes: number = defaultOutputCap): OutputBuffer {
  const headCap = Math.ceil(capBytes / 2);
  const tailCap = Math.floor(capBytes / 2);
  const head: Uint8Array[] = [];
  const tail: Uint8Array[] = [];
  let headBytes = 0;
  let tailBytes = 0;
  let bytes = 0;

  function keepTail(chunk: Uint8Array): void {
    const end = chunk.length > tailCap ? chunk.subarray(chunk.length - tailCap) : chunk;
    tail.push(end);
    tailBytes += end.length;
    let first = tail[0];
    while (first !== undefined && tailBytes - first.length >= tailCap) {
      tail.shift();
      tailBytes -= first.length;
      first = tail[0];
    }
  }

  return {
    push(chunk) {
      bytes += chunk.length;
      const toHead = chunk.subarray(0, headCap - headBytes);
      if (toHead.length > 0) head.push(toHead);
      headBytes += toHead.length;
      if (toHead.length < chunk.length) keepTail(chunk.subarray(toHead.length));
    },
    finish() {
      const start = Buffer.concat(head);
      const held = Buffer.concat(tail);
      const end = held.subarray(Math.max(0, held.length - tailCap));
      const truncated = start.length + end.length < bytes;
      if (!truncated) return { text: Buffer.concat([start, end]).toString("utf8"), bytes, truncated };
      const first = withoutCutEnd(start);
      const last = withoutCutStart(end);
      const left = bytes - first.length - last.length;
      return { text: `${first.toString("utf8")}\n[... ${left} bytes left out ...]\n${last.toString("utf8")}`, bytes, truncated };
    },
  };
}

/** Caps a text the same way as an output; a text within the cap comes back unchanged. */
export function capText(text: string, capBytes: number = defaultOutputCap): CappedText {
  const buffer = outputBuffer(capBytes);
  buffer.push(Buffer.from(text, "utf8"));
  return buffer.finish();
}

function withoutCutStart(bytes: Buffer): Buffer {
  let start = 0;
  while (start < Math.min(3, bytes.length) && isContinuation(bytes[start])) start += 1;
  return bytes.subarray(start);
}

function withoutCutEnd(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(4, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back];
    if (isContinuation(byte)) continue;
    return sequenceLength(byte) > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

function sequenceLength(first: number | undefined): number {
  if (first === undefined || first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}
