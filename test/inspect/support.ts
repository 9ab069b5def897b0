// A WebSocket server on loopback that keeps every message it gets, as text.
import { once } from "node:events";
import { WebSocketServer } from "ws";

/** A running listener. */
export interface Listener extends AsyncDisposable {
  readonly url: string;
  readonly messages: readonly string[];
}

/** Starts a listener on any free port. */
export async function listen(): Promise<Listener> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const messages: string[] = [];
  server.on("connection", (socket) => {
    socket.on("message", (data: Buffer) => messages.push(data.toString("utf8")));
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const close = async (): Promise<void> => {
    for (const client of server.clients) client.terminate();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  };
  return { url: `ws://127.0.0.1:${port}`, messages, [Symbol.asyncDispose]: close };
}
