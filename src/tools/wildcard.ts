// Matching with wildcards in linear steps of text times pattern: no regular expression, so nothing to backtrack into.

/** True when a path matches a pattern: `**` is any number of folders, `*` any run inside a name, `?` one character. */
export function matchesPath(pattern: readonly string[], names: readonly string[]): boolean {
  return matches(pattern, names, { isStar: (word) => word === "**", isMatch: matchesName });
}

function matchesName(pattern: string, name: string): boolean {
  return matches(Array.from(pattern), Array.from(name), {
    isStar: (sign) => sign === "*",
    isMatch: (sign, letter) => sign === "?" || sign === letter,
  });
}

interface Signs {
  isStar(sign: string): boolean;
  isMatch(sign: string, letter: string): boolean;
}

/** Greedy match that, when stuck, lets the last star take one more letter; earlier stars never need another try. */
function matches(pattern: readonly string[], text: readonly string[], signs: Signs): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  let index = 0;
  while (index < text.length) {
    const sign = pattern[at];
    if (sign !== undefined && signs.isStar(sign)) {
      star = at;
      resume = index;
      at += 1;
    } else if (sign !== undefined && signs.isMatch(sign, text[index] ?? "")) {
      at += 1;
      index += 1;
    } else if (star >= 0) {
      resume += 1;
      index = resume;
      at = star + 1;
    } else {
      return false;
    }
  }
  return pattern.slice(at).every((sign) => signs.isStar(sign));
}
