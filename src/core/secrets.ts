// What looks like a secret: by the name of a field, by its shape, by known values. Pure; who hides what stands elsewhere
// (src/inspect/redact.ts for watchers, src/run/cassette-clean.ts for recordings).

/** Shorter known values are not looked for: they stand in any text. */
const SHORTEST_SECRET = 8;
const SECRET_FIELD =
  /^(?:.*[-_.])?(?:api[-_]?key|authorization|auth[-_]?token|access[-_]?token|token|secret|client[-_]?secret|password|passwd|cookie|private[-_]?key)$/i;
const CAMEL_FIELD = /(?:apiKey|ApiKey|Token|privateKey|Password|Secret|passphrase|Passphrase)$/;
const SECRET_VARIABLE = /(?:KEY|TOKEN|SECRET|PASSWORD)$/i;
/** Keys of providers, bearers, signed tokens, private keys. */
const SHAPE =
  /\b(?:sk-[a-zA-Z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|AKIA[0-9A-Z]{16}|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+)\b|Bearer\s+[A-Za-z0-9._~+/-]{8,}=*|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g;
/** A variable that is set in a text, as in an .env file: what stands before the value, and the value. What is read from elsewhere is none. */
const ASSIGNMENT =
  /(\b[A-Z][A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)[ \t]*=[ \t]*["']?)(?!process\.|import\.|os\.|\$)([^\s"'`;,(){}]{6,})/g;
/** A field of JSON inside a text, perhaps escaped once. */
const FIELD = /((\\?")([A-Za-z][\w.-]*)\2\s*:\s*\2)((?:(?!\2)(?:\\.|[^\\\n]))+)(?=\2)/g;
/** The password in an address. */
const ADDRESS = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@"']+:)([^\s/@"']+)(?=@)/gi;

/** True for names of fields and headers that hold secrets, such as `apiKey`, `x-api-key`, `authorization`. */
export const isSecretField = (name: string): boolean => SECRET_FIELD.test(name) || CAMEL_FIELD.test(name);

/** The values of environment variables that look like secrets by their names. */
export function secretsIn(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(environment).flatMap(([name, value]) => (value && SECRET_VARIABLE.test(name) ? [value] : []));
}

/**
 * Makes a function that hides secrets in a text: the known ones (those shorter than 8 characters are ignored), also as
 * they stand inside JSON, and what has the shape of one. `hide` says what stands in their place.
 */
export function secretHider(secrets: readonly string[], hide: (secret: string) => string): (text: string) => string {
  const known = writingsOf(secrets.filter((secret) => secret.length >= SHORTEST_SECRET));
  const once = (text: string): string =>
    known
      .reduce((rest, secret) => rest.replaceAll(secret, () => hide(secret)), text)
      .replaceAll(SHAPE, hide)
      .replaceAll(ASSIGNMENT, (_whole, before: string, value: string) => before + hide(value))
      .replaceAll(ADDRESS, (_whole, before: string, value: string) => before + hide(value))
      .replaceAll(FIELD, (...[whole, before, , name, value]: string[]) =>
        isSecretField(name ?? "") ? (before ?? "") + hide(value ?? "") : (whole ?? ""),
      );
  return (text) => {
    let hidden = text;
    // What was hidden may show the shape of something around it. Nearly always the first round is the last.
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const before = hidden;
      hidden = once(before);
      if (hidden === before) break;
    }
    return hidden;
  };
}

const MOST_ROUNDS = 8;

/** Secrets as they may stand in a text: themselves, and escaped inside JSON; longer ones first, so that no tail stays. */
function writingsOf(secrets: readonly string[]): readonly string[] {
  const writings = secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]);
  return [...new Set(writings)].toSorted((a, b) => b.length - a.length);
}
