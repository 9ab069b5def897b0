// The Stately inspector, fed by a run. @statelyai/inspect is an optional peer and loaded here, on first use; what it
// sends passes our redaction first, as a whole message.
import type { InspectionEvent } from "xstate";
import { QuatrainError, messageOf } from "../core/errors.ts";
import type * as Stately from "@statelyai/inspect";
import { redactor } from "./redact.ts";
import type { RedactOptions } from "./redact.ts";

/** Options of `statelyInspector`. */
export interface StatelyOptions extends RedactOptions {
  /** WebSocket address of a running inspector server. @default ws://127.0.0.1:8080 */
  readonly url?: string;
}

/** A connection to an inspector: give `inspect` to `orchestrate`, `openRun` or `host.attach`. */
export interface StatelyInspector {
  readonly url: string;
  readonly inspect: (event: InspectionEvent) => void;
  /** Sends what is waiting and closes the connection. */
  close(): Promise<void>;
}

const DEFAULT_URL = "ws://127.0.0.1:8080";
/** Events that wait for the connection; the stock default of 200 loses registrations of long runs. */
const MOST_DEFERRED = 20_000;

/** Connects to an inspector server. Throws QuatrainError "BadOption" when @statelyai/inspect is not installed. */
export async function statelyInspector(options: StatelyOptions = {}): Promise<StatelyInspector> {
  const { url = DEFAULT_URL, ...rest } = options;
  const { createWebSocketInspector } = await load();
  const redact = redactor(rest);
  const inspector = createWebSocketInspector({
    url,
    maxDeferredEvents: MOST_DEFERRED,
    // A definition is JSON text; it is redacted as a value, so that no cut breaks it.
    serialize: (event) => {
      const definition =
        "definition" in event && event.definition !== undefined
          ? { definition: JSON.stringify(redact(JSON.parse(event.definition))) }
          : {};
      return { ...(redact(event) as typeof event), ...definition };
    },
  });
  return {
    url,
    inspect: (event) => inspector.inspect.next?.(event),
    close: async () => {
      // The adapter sends each event from a timer of its own; one round of them lets the last ones out.
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      inspector.stop();
    },
  };
}

/** What the command line's `--inspect` does: the address comes from QUATRAIN_INSPECT_URL. */
export const startInspector = (): Promise<StatelyInspector> => {
  const url = process.env["QUATRAIN_INSPECT_URL"];
  return statelyInspector(url ? { url } : {});
};

async function load(): Promise<typeof Stately> {
  try {
    return await import("@statelyai/inspect");
  } catch (cause) {
    throw new QuatrainError(
      "BadOption",
      `The inspector needs the package @statelyai/inspect: npm install @statelyai/inspect (${messageOf(cause)}).`,
      { cause },
    );
  }
}
