// Failures below HTTP, told apart by the code of the innermost cause.
import { failure, type Failure } from "../core/failure.ts";

const STALLED = new Set(["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"]);
const UNKNOWN_HOST = new Set(["ENOTFOUND", "EAI_NODATA", "EAI_NONAME"]);
const UNREACHABLE = new Set(["EHOSTUNREACH", "ENETUNREACH", "EAI_AGAIN", "ETIMEDOUT", "UND_ERR_CONNECT_TIMEOUT"]);
const BROKEN_OFF = new Set([
  "ECONNRESET",
  "EPIPE",
  "ECONNABORTED",
  "UND_ERR_SOCKET",
  "UND_ERR_CLOSED",
  "ERR_STREAM_PREMATURE_CLOSE",
]);
const CERTIFICATE = /^(CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_CERT)/;

/** Classifies an error that carries no HTTP status. */
export function networkFailure(thrown: unknown, host: string): Failure {
  const chain = causesOf(thrown);
  const code = chain.map((error) => stringAt(error, "code")).findLast((one) => one !== undefined);
  const names = new Set(chain.map((error) => stringAt(error, "name")));
  if (names.has("SyntaxError") || code?.startsWith("Z_") || code === "ERR_ENCODING_INVALID_ENCODED_DATA") {
    return failure("MalformedAnswer", `The answer of ${host} cannot be read: ${code ?? "broken JSON in its stream"}.`);
  }
  if (names.has("APIConnectionTimeoutError") || (code && STALLED.has(code))) {
    return failure("StreamStalled", `${host} did not answer in time; the connection was closed.`);
  }
  if (code === "ERR_MODULE_NOT_FOUND") return failure("Internal", "The package @anthropic-ai/sdk cannot be loaded. Install it.");
  if (code === undefined && names.has("APIConnectionError")) {
    return failure("NetworkFault", `The connection to ${host} failed${refusedRedirect(chain)}.`);
  }
  if (code === undefined && names.has("APIError"))
    return failure("ServerFault", `${host} broke its answer off with an error it did not explain.`);
  if (code === undefined) return failure("StreamCut", `The answer of ${host} was cut: the connection broke.`);
  if (UNKNOWN_HOST.has(code)) return lasting(`The host ${host} is not known (${code}). Check the baseURL and the network.`);
  if (code === "ECONNREFUSED") return lasting(`${host} refuses connections (${code}). Check that it runs, and its port.`);
  if (UNREACHABLE.has(code))
    return failure(
      "NetworkFault",
      `${host} cannot be reached (${code}). Check that it runs and that the network lets you there.`,
    );
  if (BROKEN_OFF.has(code)) return failure("NetworkFault", `The connection to ${host} broke off (${code}).`);
  if (CERTIFICATE.test(code))
    return lasting(`The certificate of ${host} is not trusted (${code}). Check NODE_EXTRA_CA_CERTS and proxies.`);
  return failure("NetworkFault", `The connection to ${host} failed (${code.replaceAll(/[^\w-]/g, "").slice(0, 40)}).`);
}

/** A fault that stays until somebody mends it; it is tried once more, then a person has to look. */
const lasting = (message: string): Failure => failure("NetworkFault", message, { retryable: false });

/** fetch gives no code for a refused redirect; the hint changes only the words. */
function refusedRedirect(chain: readonly unknown[]): string {
  const redirected = chain.some((error) => stringAt(error, "message")?.includes("redirect"));
  return redirected ? ": it redirects elsewhere, which is not followed. Set the baseURL to the final address" : "";
}

/** The error and its causes, outermost first; also the parts of an AggregateError. */
function causesOf(thrown: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let error = thrown; error !== undefined && error !== null && chain.length < 10; error = causeOf(error)) chain.push(error);
  return chain;
}

function causeOf(error: unknown): unknown {
  if (typeof error !== "object" || error === null) return undefined;
  const cause: unknown = Reflect.get(error, "cause");
  if (cause !== undefined) return cause;
  const errors: unknown = Reflect.get(error, "errors");
  return Array.isArray(errors) ? errors[0] : undefined;
}

function stringAt(error: unknown, key: string): string | undefined {
  const value: unknown = typeof error === "object" && error !== null ? Reflect.get(error, key) : undefined;
  return typeof value === "string" ? value : undefined;
}
