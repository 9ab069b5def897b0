// The door `quatrain/inspect`: watching runs with the Stately inspector, and redaction for watchers of your own.
export { startInspector, statelyInspector } from "./inspect.ts";
export type { StatelyInspector, StatelyOptions } from "./inspect.ts";
export { redactor } from "./redact.ts";
export type { RedactOptions } from "./redact.ts";
