// Where a named endpoint is and which key opens it. Keys come from options or from three environment variables, never
// from a profile on disk, and a key from the environment never goes to a named endpoint.
import type { ModelChoice } from "../protocol/turn.ts";
import { DEFAULT_ENDPOINT, type Endpoints } from "./models.ts";
import type { RequestFeatures } from "./request.ts";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Everything needed to reach an endpoint. Holds a key: never shown, stored or logged. */
export interface Connection {
  readonly baseURL: string;
  readonly credential: { readonly apiKey: string } | { readonly authToken: string };
  readonly features: RequestFeatures;
  /** Named endpoints are somebody else's servers: they get the key in both usual headers and no custom headers of the environment. */
  readonly foreign: boolean;
}

/** Why an endpoint cannot be reached at all. */
export interface Unreachable {
  readonly missing: "endpoint" | "key";
}

const ANTHROPIC = "https://api.anthropic.com";
/** Servers of one's own often want no key, but the SDK wants one to send. */
const NO_KEY = "none";

/** Resolves the endpoint of a choice. Empty variables count as absent. */
export function connectionOf(
  { endpoint }: Pick<ModelChoice, "endpoint">,
  endpoints: Endpoints,
  environment: Environment,
): Connection | Unreachable {
  const isDefault = endpoint === DEFAULT_ENDPOINT;
  const given = Object.hasOwn(endpoints, endpoint) ? endpoints[endpoint] : undefined;
  const { baseURL, apiKey, caching = isDefault, outputFormat = isDefault } = given ?? {};
  const features = { caching, outputFormat };
  if (!isDefault) {
    if (!baseURL) return { missing: "endpoint" };
    return { baseURL, credential: { apiKey: apiKey || NO_KEY }, features, foreign: true };
  }
  const credential = credentialOf(apiKey, environment);
  if (!credential) return { missing: "key" };
  return { baseURL: baseURL || environment["ANTHROPIC_BASE_URL"]?.trim() || ANTHROPIC, credential, features, foreign: false };
}

/** The key itself, to keep it out of messages. */
export function secretOf({ credential }: Connection): string {
  return "apiKey" in credential ? credential.apiKey : credential.authToken;
}

/** The host of an address, for messages; without user, password and path. */
export function hostOf(baseURL: string): string {
  try {
    return new URL(baseURL).host;
  } catch {
    return "an unreadable address";
  }
}

function credentialOf(apiKey: string | undefined, environment: Environment): Connection["credential"] | null {
  const key = apiKey || environment["ANTHROPIC_API_KEY"]?.trim();
  if (key) return { apiKey: key };
  const authToken = environment["ANTHROPIC_AUTH_TOKEN"]?.trim();
  return authToken ? { authToken } : null;
}
