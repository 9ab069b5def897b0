// Labels and other words of a draft: which characters they may hold, and when two labels are too alike to tell apart.

/** What no text may hold: control characters except tab and line ends, direction marks and overrides, tags, half surrogate pairs. */
const CONTROL = /[^\P{Cc}\t\n\r]|[\p{Bidi_Control}\p{Zl}\p{Zp}\p{Cs}\u{e0000}-\u{e007f}]/u;
/** What words may not hold besides: line ends, soft hyphens, fillers; the joiner and the selector that emoji are made with may stand. */
const SHAPELESS = /[\p{Cc}\p{Zl}\p{Zp}]|(?!\u200d|\ufe0f)\p{Default_Ignorable_Code_Point}/u;
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;

/** Letters of the Latin, Greek and Cyrillic scripts that look like a basic Latin one, by that one. */
const LOOK_ALIKES: Readonly<Record<string, string>> = {
  a: "\u0430\u03b1\u0251",
  c: "\u0441\u03f2",
  d: "\u0501",
  e: "\u0435",
  g: "\u0261\u050d",
  h: "\u04bb",
  i: "\u0456\u03b9\u0131\u0269",
  j: "\u0458\u03f3",
  k: "\u043a\u03ba",
  l: "\u04cf",
  n: "\u03b7",
  o: "\u043e\u03bf",
  p: "\u0440\u03c1",
  q: "\u051b",
  r: "\u0433",
  s: "\u0455",
  u: "\u03c5",
  v: "\u0475\u03bd",
  w: "\u051d",
  x: "\u0445\u03c7",
  y: "\u0443\u03b3\u04af",
  A: "\u0410\u0391",
  B: "\u0412\u0392",
  C: "\u0421\u03f9",
  E: "\u0415\u0395",
  H: "\u041d\u0397",
  I: "\u0406\u0399\u04c0",
  J: "\u0408\u037f",
  K: "\u041a\u039a",
  M: "\u041c\u039c",
  N: "\u039d",
  O: "\u041e\u039f",
  P: "\u0420\u03a1",
  Q: "\u051a",
  S: "\u0405",
  T: "\u0422\u03a4",
  V: "\u0474",
  W: "\u051c",
  X: "\u0425\u03a7",
  Y: "\u0423\u03a5\u04ae",
  Z: "\u0396",
  "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212",
};
const LATIN_OF = new Map(Object.entries(LOOK_ALIKES).flatMap(([latin, others]) => Array.from(others, (other) => [other, latin])));

/** What is wrong with a label in itself, in words that complete "Label … "; undefined for a good one. */
export function labelFault(label: string, longest: number): string | undefined {
  if (label.trim() === "") return "is empty";
  if (label !== label.trim()) return "begins or ends with a space";
  if (label.length > longest) return `has ${label.length} characters; at most ${longest} are allowed`;
  if (hasControls(label) || SHAPELESS.test(label)) return "holds control, direction or invisible characters";
  return undefined;
}

/** True when a text holds control or direction characters, or half of a surrogate pair. Tabs and line ends are fine. */
export function hasControls(text: string): boolean {
  return CONTROL.test(text);
}

/** True when a word holds characters that can't be seen. */
export function hasShapeless(text: string): boolean {
  return SHAPELESS.test(text);
}

/** A label without case and compatibility forms: labels with the same text are the same to a reader. */
export function foldCase(label: string): string {
  // Upper case first: it makes ß and ss, final and medial sigma, long and round s the same.
  return label.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC").replaceAll(IGNORABLE, "").replaceAll(/\s+/g, " ");
}

/** A label by its looks: like `foldCase`, with look-alikes of other scripts replaced by basic Latin letters. */
export function foldLooks(label: string): string {
  // Before as well: as a compatibility form the lunate sigma, which looks like c, is a sigma.
  const plain = toLatin(toLatin(label).normalize("NFKC"));
  return toLatin(foldCase(plain)).replaceAll("i\u0307", "i");
}

const toLatin = (text: string): string => Array.from(text, (letter) => LATIN_OF.get(letter) ?? letter).join("");
