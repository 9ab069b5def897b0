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
/** How long a server may take to accept the connection, and to let go of it, in ms. */
const PATIENCE_MS = 2_000;

/**
 * Connects to an inspector server. The socket is our own, since the stock adapter retries for ever and keeps a process
 * alive whose server is gone. Rejects with QuatrainError "BadOption" when @statelyai/inspect is not installed or no server answers.
 */
export async function statelyInspector(options: StatelyOptions = {}): Promise<StatelyInspector> {
  const { url = DEFAULT_URL, ...rest } = options;
  const { createInspector } = await load();
  const socket = await connect(url);
  const redact = redactor(rest);
  const inspector = createInspector(
    {
      send: (event) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(event));
      },
    },
    {
      // A definition is JSON text; it is redacted as a value, so that no cut breaks it.
      serialize: (event) => {
        const definition =
          "definition" in event && event.definition !== undefined
            ? { definition: JSON.stringify(redact(JSON.parse(event.definition))) }
            : {};
        return { ...(redact(event) as typeof event), ...definition };
      },
    },
  );
  return {
    url,
    inspect: (event) => inspector.inspect.next?.(event),
    close: async () => {
      // Each event is sent from a timer of its own; one round of them lets the last ones out.
      await new Promise((resolve) => {
        setTimeout(resolve, 0);
      });
      if (socket.readyState === WebSocket.CLOSED) return;
      const closed = once(socket, "close");
      socket.close();
      await closed;
    },
  };
}

async function connect(url: string): Promise<WebSocket> {
  const refuse = (why: string) =>
    new QuatrainError(
      "BadOption",
      `No inspector server at ${url} (${why}). Start one, for example createInspectorServer of @statelyai/inspect/server, or name another address.`,
    );
  let socket: WebSocket;
  try {
    socket = new WebSocket(url);
  } catch (error) {
    throw refuse(messageOf(error));
  }
  await once(socket, "open");
  if (socket.readyState === WebSocket.OPEN) return socket;
  socket.close();
  throw refuse("it did not answer");
}

/** Waits for an event of a socket, but not for ever. */
async function once(socket: WebSocket, event: "open" | "close"): Promise<void> {
  const late = new AbortController();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_MS);
    late.signal.addEventListener("abort", () => clearTimeout(timer));
    socket.addEventListener(event, () => resolve(), { once: true });
    socket.addEventListener("error", () => resolve(), { once: true });
  });
  late.abort();
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
