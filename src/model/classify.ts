// Anything that a call can throw or answer becomes a Failure: by status, error type and cause code, never by wording,
// except for the four 400s below that have no code of their own. Messages are short, without markup and keys.
import { failure, type Failure, type FailureCode } from "../core/failure.ts";
import { isPlainObject } from "../core/json.ts";
import { oneLine } from "../core/text.ts";
import { unreachable } from "../core/unreachable.ts";
import { exhaustedMs, retryAfterMs, type HeadersLike } from "./headers.ts";
import { DEFAULT_ENDPOINT } from "./models.ts";
import { networkFailure } from "./network.ts";
import { StallError } from "./watchdog.ts";
import { OversizeError } from "./wire.ts";

/** What messages may name. */
export interface Scene {
  readonly host: string;
  readonly model: string;
  readonly endpoint: string;
  /** Never shown: cut out of every quoted text. */
  readonly secret: string;
  /** Wall clock in ms, for dates in headers. */
  readonly now: number;
}

/** What is known of the response when a stream ends without an answer. */
export interface AnswerFacts {
  readonly status: number;
  readonly contentType: string | null;
  readonly bytes: number;
}

/** The parts of an SDK error we read, by shape: two copies of the SDK would break `instanceof`. */
interface ErrorFacts {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly code: string | undefined;
  /** What the API says, null when the body was no API error. */
  readonly said: string | null;
  /** The body that was no API error. */
  readonly page: string;
  readonly headers: HeadersLike | undefined;
}

const BY_TYPE: Readonly<Record<string, FailureCode>> = {
  authentication_error: "AuthFailed",
  permission_error: "AuthFailed",
  billing_error: "BillingBlocked",
  not_found_error: "ModelNotFound",
  request_too_large: "RequestTooLarge",
  rate_limit_error: "RateLimited",
  overloaded_error: "Overloaded",
  api_error: "ServerFault",
  timeout_error: "ServerFault",
  conflict_error: "ServerFault",
};
const BY_STATUS: Readonly<Record<number, FailureCode>> = {
  401: "AuthFailed",
  402: "BillingBlocked",
  403: "AuthFailed",
  404: "ModelNotFound",
  408: "ServerFault",
  409: "ServerFault",
  413: "RequestTooLarge",
  429: "RateLimited",
  529: "Overloaded",
};
/** Error codes that stand for money, whatever their status is. */
const MONEY = new Set([
  "contract_spend_limit_reached",
  "enforced_spend_limit_reached",
  "linked_organization_billing_unavailable",
  "linked_organization_spend_limit_reached",
  "organization_on_hold",
]);
/** 400s that differ only in their text. */
const BY_TEXT: readonly (readonly [RegExp, FailureCode])[] = [
  [/credit balance/i, "BillingBlocked"],
  [/bound to a different conversation/i, "ThinkingBindingBroken"],
  [/prompt is too long|exceeds? (the )?context (limit|window)/i, "PromptTooLong"],
  [/\btool_(use|result)\b/, "HistoryBroken"],
];

/** Classifies what a call threw. */
export function classify(thrown: unknown, scene: Scene): Failure {
  if (thrown instanceof StallError) return stalled(thrown, scene);
  if (thrown instanceof OversizeError)
    return malformed(`more than ${thrown.maxBodyBytes} bytes, which is no answer to this request`);
  const facts = factsOf(thrown);
  if (facts.status === undefined && facts.type === undefined) return networkFailure(thrown, scene.host);
  const code = codeOf(facts);
  const wait =
    facts.headers && (code === "RateLimited" || code === "Overloaded" || code === "ServerFault")
      ? waitOf(facts.headers, scene.now)
      : undefined;
  return failure(code, messageFor(code, facts, scene), wait === undefined ? {} : { retryAfterMs: wait });
}

/** The failure of a stream that ended without message_stop. */
export function endedEarly(started: boolean, facts: AnswerFacts | null, { host }: Scene): Failure {
  if (!started && facts !== null && !(/event-stream/i.test(facts.contentType ?? "") && facts.bytes > 0)) return noMessage(facts);
  return failure(
    "StreamCut",
    `The answer of ${host} was cut: the connection ended ${started ? "before its end" : "before it began"}.`,
  );
}

/** The failure of an answer that breaks the protocol. */
export function malformed(why: string): Failure {
  return failure("MalformedAnswer", `The answer is not a proper API message: ${oneLine(why, 160)}.`);
}

/** No key was found, so nothing was sent. */
export function keyMissing(): Failure {
  return failure("AuthFailed", "No API key: set ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN), or pass endpoints.default.apiKey.");
}

/** A choice names an endpoint that the client was not given. */
export function endpointMissing(endpoint: string): Failure {
  return failure(
    "RequestInvalid",
    `The endpoint "${oneLine(endpoint, 60)}" is not known: pass it with its baseURL in the endpoints of the model client.`,
  );
}

function noMessage({ status, contentType, bytes }: AnswerFacts): Failure {
  const kind = `${status === 200 ? "" : `${status}, `}${oneLine(contentType?.split(";")[0] ?? "no content type", 60)}`;
  return failure(
    "MalformedAnswer",
    `The answer is not an API message (${kind}, ${bytes} bytes). Check the baseURL and whether a proxy or login page is in between.`,
  );
}

function stalled({ watchdog, afterMs }: StallError, { host }: Scene): Failure {
  const seconds = Math.round(afterMs / 1_000);
  switch (watchdog) {
    case "bytesMs":
      return failure("StreamStalled", `${host} sent nothing for ${seconds} s; the connection was closed.`);
    case "progressMs":
      return failure("StreamStalled", `${host} kept the connection open but said nothing new for ${seconds} s; it was closed.`);
    case "turnMs":
      return failure("StreamStalled", `The turn was not finished after ${seconds} s; it was ended.`);
    default:
      return unreachable(watchdog);
  }
}

function factsOf(thrown: unknown): ErrorFacts {
  const read = (key: string): unknown => (typeof thrown === "object" && thrown !== null ? Reflect.get(thrown, key) : undefined);
  const [status, type, code, said, message, headers] = ["status", "type", "errorCode", "apiMessage", "message", "headers"].map(
    read,
  );
  return {
    status: typeof status === "number" ? status : undefined,
    type: typeof type === "string" ? type : undefined,
    code: typeof code === "string" ? code : undefined,
    said: typeof said === "string" ? said : null,
    page: typeof message === "string" ? message.replace(/^\d{3} /, "") : "",
    headers: isHeaders(headers) ? headers : undefined,
  };
}

function isHeaders(value: unknown): value is HeadersLike {
  return value instanceof Headers || (isPlainObject(value) && typeof value["get"] === "function");
}

function codeOf({ status, type, code, said }: ErrorFacts): FailureCode {
  if (code !== undefined && MONEY.has(code)) return "BillingBlocked";
  const byType = type === undefined ? undefined : BY_TYPE[type];
  if (byType) return byType;
  if (status === undefined && type !== "invalid_request_error") return "ServerFault";
  const byStatus = status === undefined ? undefined : BY_STATUS[status];
  if (byStatus) return byStatus;
  if (status !== undefined && status >= 500) return "ServerFault";
  return BY_TEXT.find(([pattern]) => pattern.test(said ?? ""))?.[1] ?? "RequestInvalid";
}

/** A named wait holds; otherwise the reset of an exhausted limit. */
function waitOf(headers: HeadersLike, now: number): number | undefined {
  return retryAfterMs(headers, now) ?? exhaustedMs(headers, now);
}

function messageFor(code: FailureCode, facts: ErrorFacts, scene: Scene): string {
  const quoted = quote(facts, scene.secret);
  return MESSAGES[code]?.(scene, facts, quoted) ?? `${scene.host} refused the request.${quoted}`;
}

type Wording = (scene: Scene, facts: ErrorFacts, quoted: string) => string;

const MESSAGES: Readonly<Partial<Record<FailureCode, Wording>>> = {
  AuthFailed: ({ host, model, endpoint }, { status }) =>
    endpoint === DEFAULT_ENDPOINT
      ? `${host} refused the key${status === 403 ? ` for ${model}` : ""}. Check ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN, or endpoints.default.apiKey).`
      : `${host} refused the key. Set the apiKey of the endpoint "${endpoint}".`,
  BillingBlocked: ({ host }, _facts, quoted) =>
    `${host} takes no more paid requests from this account. Check its credit and spend limits, then resume.${quoted}`,
  ModelNotFound: ({ host, model }, { type }, quoted) =>
    type === undefined
      ? `${host} has no Messages API at this address (404). Check the baseURL.`
      : `${host} does not know the model "${oneLine(model, 80)}". Correct it in the option models (orchestrator, worker, router or tiers).${quoted}`,
  RateLimited: ({ host, model }) => `Rate limit of ${host} for ${model}.`,
  Overloaded: ({ host }) => `${host} is overloaded.`,
  ServerFault: ({ host }, { status }, quoted) => `${host} failed${status === undefined ? "" : ` with ${status}`}.${quoted}`,
  RequestTooLarge: ({ host }) => `The request is too large for ${host}.`,
  PromptTooLong: ({ model }, _facts, quoted) => `The prompt is too long for ${model}.${quoted}`,
};

/** What the other side said: 160 characters, no markup, no key. Pages of proxies are quoted only by their words. */
function quote({ said, page }: ErrorFacts, secret: string): string {
  const text = (said ?? page)
    .slice(0, 4_000)
    .replaceAll(/<(script|style)\b[\s\S]*?(<\/\1>|$)/gi, " ")
    .replaceAll(/<[^>]*>?/g, " ");
  const clean = oneLine(secret.length < 8 ? text : text.replaceAll(secret, "(key)"), 160);
  return clean === "" || clean === "status code (no body)" ? "" : ` It said: ${clean}`;
}
