// Ready replies: errors, small JSON bodies, faults that come instead of an answer, and answers with their faults.
import { unreachable } from "../../core/unreachable.ts";
import type { Answer } from "./answer.ts";
import { errorInstead, jsonPieces, streamPieces, type Piece } from "./events.ts";
import { errorTypeOf, retryAfterHeaders, type Fault } from "./faults.ts";
import type { Reply } from "./transmit.ts";
import { errorBody } from "./wire.ts";

/** A reply and how to send it. */
export interface Plan {
  readonly reply: Reply;
  readonly fault: Fault | undefined;
  /** Extra wait before the first byte. */
  readonly delayMs: number;
  readonly onFirstByte: () => void;
  /** What the reply is once it has arrived whole. */
  readonly kind: "message" | "other" | "error" | "odd";
}

/** What every reply to one request carries. */
export interface ReplyBase {
  readonly requestId: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A fault that comes instead of an answer. */
export type InsteadFault = Extract<Fault, { kind: "status" | "body" | "redirect" }>;

/** True for faults that come instead of an answer. */
export function isInstead(fault: Fault | undefined): fault is InsteadFault {
  return fault?.kind === "status" || fault?.kind === "body" || fault?.kind === "redirect";
}

/** A plan for a small body. */
export function smallPlan(base: ReplyBase, body: object): Plan {
  return plainPlan("other", { status: 200, headers: withType(base, "application/json"), pieces: piece(JSON.stringify(body)) });
}

/** A plan for an error of the API. */
export function errorPlan(base: ReplyBase, status: number, message: string): Plan {
  const body = errorBody(errorTypeOf(status), message, base.requestId);
  return plainPlan("error", { status, headers: withType(base, "application/json"), pieces: piece(body) });
}

/** A plan for a fault that comes instead of an answer. */
export function insteadPlan(base: ReplyBase, fault: InsteadFault): Plan {
  switch (fault.kind) {
    case "redirect":
      return plainPlan("odd", { status: 307, headers: { ...base.headers, location: fault.location }, pieces: [] });
    case "body":
      return plainPlan("odd", oddBody(base, fault.body));
    case "status":
      return plainPlan("error", statusReply(base, fault));
    default:
      return unreachable(fault);
  }
}

/** A plan for an answer, with what a fault does to its pieces. */
export function answerPlan(
  base: ReplyBase,
  answer: Answer,
  how: { isStream: boolean; pings: boolean; fault: Fault | undefined },
): Plan {
  const { isStream, fault } = how;
  if (fault?.kind === "errorEvent" && !isStream) {
    const body = errorInstead(fault.type, base.requestId);
    const status = fault.type === "overloaded_error" ? 529 : 500;
    return plainPlan("error", { status, headers: withType(base, "application/json"), pieces: piece(body) });
  }
  const pieces = isStream ? streamPieces(answer, fault, { pings: how.pings }) : jsonPieces(answer, fault);
  const usual = isStream ? "text/event-stream; charset=utf-8" : "application/json";
  const headers = withType(base, fault?.kind === "contentType" ? fault.value : usual);
  const kind = fault !== undefined && changesBody.has(fault.kind) ? "odd" : "message";
  return { ...plainPlan(kind, { status: 200, headers, pieces }), fault };
}

const changesBody = new Set<Fault["kind"]>(["errorEvent", "noMessageStop", "contentType", "noUsage", "twice", "brokenJson"]);
const html = "<html><head><title>502</title></head><body><h1>Bad gateway</h1></body></html>";

function plainPlan(kind: Plan["kind"], reply: Reply): Plan {
  return { reply, fault: undefined, delayMs: 0, onFirstByte: () => {}, kind };
}

function oddBody(base: ReplyBase, body: "html" | "empty" | "noContent" | "errorJson"): Reply {
  switch (body) {
    case "html":
      return { status: 200, headers: withType(base, "text/html"), pieces: piece(html) };
    case "empty":
      return { status: 200, headers: { ...withType(base, "application/json"), "content-length": "0" }, pieces: [] };
    case "noContent":
      return { status: 204, headers: base.headers, pieces: [] };
    case "errorJson":
      return {
        status: 200,
        headers: withType(base, "application/json"),
        pieces: piece(errorInstead("api_error", base.requestId)),
      };
    default:
      return unreachable(body);
  }
}

function statusReply(base: ReplyBase, fault: Extract<Fault, { kind: "status" }>): Reply {
  const { status } = fault;
  const more = { ...retryAfterHeaders(fault.retryAfter), ...fault.headers };
  if (fault.body === "html") return { status, headers: { ...withType(base, "text/html"), ...more }, pieces: piece(html) };
  if (fault.body === "empty") return { status, headers: { ...base.headers, ...more }, pieces: [] };
  const message = fault.message ?? `The stand-in was told to answer ${status}.`;
  const body = errorBody(fault.type ?? errorTypeOf(status), message, base.requestId);
  return { status, headers: { ...withType(base, "application/json"), ...more }, pieces: piece(body) };
}

function withType(base: ReplyBase, type: string | null): Record<string, string> {
  return type === null ? { ...base.headers } : { ...base.headers, "content-type": type };
}

function piece(text: string): readonly Piece[] {
  return [{ text, tokens: 0 }];
}
