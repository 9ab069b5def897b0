// The ids that are spent for ever, in few bytes each: a set of 128-bit digests in one open-addressed table.
//   K1  An id that was added is found again, always.
//   K2  Another id is found by chance only: of a million ids, below 1e-26 as far as the digest mixes well. It is no defence
//       against ids that are made to collide, which only a run's own machine could make.
//   K3  The table is at most three quarters full, so a look takes about two steps.

const LANES = 4;
const FIRST_SLOTS = 16;

/** A set of texts that can be asked and added to. */
export class SpentKeys {
  #table = new Uint32Array(FIRST_SLOTS * LANES);
  #count = 0;
  /** The digest of the last text that was looked at. */
  readonly #digest = new Uint32Array(LANES);

  add(text: string): void {
    digestInto(this.#digest, text);
    const slot = slotOf(this.#table, this.#digest);
    if (!isFree(this.#table, slot)) return;
    this.#table.set(this.#digest, slot);
    this.#count++;
    if (this.#count * LANES * 4 > this.#table.length * 3) this.#grow();
  }

  has(text: string): boolean {
    digestInto(this.#digest, text);
    return !isFree(this.#table, slotOf(this.#table, this.#digest));
  }

  /** Bytes that the table takes. */
  get bytes(): number {
    return this.#table.byteLength;
  }

  #grow(): void {
    const old = this.#table;
    this.#table = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += LANES) {
      if (isFree(old, at)) continue;
      const digest = old.subarray(at, at + LANES);
      this.#table.set(digest, slotOf(this.#table, digest));
    }
  }
}

/** Where a digest stands, or the free slot where it belongs. */
function slotOf(table: Uint32Array, digest: Uint32Array): number {
  const mask = table.length - 1;
  let slot = ((digest[0] ?? 0) * LANES) & mask;
  while (!isFree(table, slot) && !isAt(table, slot, digest)) slot = (slot + LANES) & mask;
  return slot;
}

function isAt(table: Uint32Array, slot: number, digest: Uint32Array): boolean {
  for (let lane = 0; lane < LANES; lane++) if (table[slot + lane] !== digest[lane]) return false;
  return true;
}

/** A digest never ends in 0. */
function isFree(table: Uint32Array, slot: number): boolean {
  return table[slot + LANES - 1] === 0;
}

/** Four lanes, each mixed with its neighbour at every code unit. */
function digestInto(digest: Uint32Array, text: string): void {
  let a = 0x6a09_e667;
  let b = 0xbb67_ae85;
  let c = 0x3c6e_f372;
  let d = 0xa54f_f53a;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    a = b ^ Math.imul(a ^ unit, 597_399_067);
    b = c ^ Math.imul(b ^ unit, 2_869_860_233);
    c = d ^ Math.imul(c ^ unit, 951_274_213);
    d = a ^ Math.imul(d ^ unit, 2_716_044_179);
  }
  digest[0] = finished(a, c);
  digest[1] = finished(b, d);
  digest[2] = finished(c, a);
  digest[3] = finished(d, b) || 1;
}

function finished(lane: number, other: number): number {
  const mixed = Math.imul(lane ^ (other >>> 16), 0x85eb_ca6b);
  return (Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35) ^ (mixed >>> 16)) >>> 0;
}
