// The faults of a storm: everything that the stand-in can do to one request, each with what it does to the answer.
import { everyFault } from "../../dist/testing/stand-in/faults.js";

const refused = (name, message) => ({ name, fault: { kind: "status", status: 400, message } });

/** Besides the stand-in's own table. */
const MORE = [
  refused("400, credit", "Your credit balance is too low to access the API."),
  refused("400, too long", "prompt is too long: 1000001 tokens > 1000000 maximum"),
  refused("400, binding", "messages.1.content.0: thinking block is bound to a different conversation"),
  refused("400, history", "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after"),
  { name: "429 with a spend limit's header", fault: { kind: "status", status: 429, headers: { "x-should-retry": "false" } } },
  { name: "redirect", fault: { kind: "redirect", location: "http://127.0.0.1:9/v1/messages" } },
  { name: "overloaded first", fault: { kind: "errorEvent", type: "overloaded_error", afterEvents: 0 } },
  { name: "stall after some bytes", fault: { kind: "stall", at: { bytes: 200 } } },
];

/** Which of a turn's places a fault fits: a person must mend it; it ends the attempt; it needs a tool call, or none. */
const PLACES = {
  "status 400": "run",
  "status 401": "run",
  "status 402": "run",
  "status 403": "run",
  "status 404": "run",
  "400, credit": "run",
  "status 413": "attempt",
  "400, too long": "attempt",
  "400, binding": "attempt",
  "400, history": "attempt",
  "stop reason refusal": "attempt",
  "stop reason max_tokens": "attempt",
  "stop reason model_context_window_exceeded": "attempt",
  "stop reason pause_turn": "last turn",
  "tool calls with one id": "tool turn",
};

/** Every fault with its place (`any` unless said) and whether the answer, though made and paid, never arrives whole. */
export const STORM = [...everyFault(), ...MORE].map(({ name, fault }) => ({
  name,
  fault: paced(fault),
  place: PLACES[name] ?? "any",
  loses: losesAnswer(fault),
}));

/** Pings come at a real server's pace, and a reset after the end when the end can have been read; the clock is virtual. */
function paced(fault) {
  if (fault.kind === "cut" && fault.at === "end") return { ...fault, laterMs: 1_000 };
  return fault.kind === "stall" && fault.pingEveryMs !== undefined ? { ...fault, pingEveryMs: 15_000 } : fault;
}

function losesAnswer(fault) {
  switch (fault.kind) {
    case "cut":
    case "stall":
      return fault.at !== "end";
    case "stop":
      return fault.reason === "tired";
    case "errorEvent":
    case "noMessageStop":
    case "twice":
    case "brokenJson":
    case "sameToolIds":
      return true;
    default:
      return false;
  }
}
