// The HTTP side: reads a request, asks the router, writes the response. Start it with `npm start`.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";
import { createSessions } from "../db/sessions.js";
import { createStore } from "../db/store.js";
import { createUsers } from "../db/users.js";
import { createAuth } from "./auth.js";
import { createBooks } from "./books.js";
import { createRouter, HttpError, json } from "./router.js";

const MOST_BODY_BYTES = 100_000;

/** Makes a server that does not listen yet. `now` is the clock of the sessions, `secure` marks cookies for HTTPS only. */
export function createApp({ store = createStore(), now = Date.now, secure = false } = {}) {
  const auth = createAuth({ users: createUsers(store), sessions: createSessions(store, { now }), secure });
  const respond = createRouter({ books: createBooks(store), auth });
  return createServer(async (incoming, outgoing) => {
    const { status, headers = {}, body = "" } = await answer(incoming, respond);
    outgoing.writeHead(status, headers).end(body);
  });
}

async function answer(incoming, respond) {
  try {
    const { method, headers } = incoming;
    const [path] = incoming.url.split("?", 1);
    return await respond({ method, path, headers, body: await readJson(incoming) });
  } catch (error) {
    if (error instanceof HttpError) return json(error.status, { error: error.message }, error.headers);
    console.error(error);
    return json(500, { error: "something went wrong" });
  }
}

async function readJson(incoming) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of incoming) {
    bytes += chunk.length;
    if (bytes > MOST_BODY_BYTES) throw new HttpError(413, "the body is too large", { connection: "close" });
    chunks.push(chunk);
  }
  if (bytes === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new HttpError(400, "the body is not JSON");
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const port = Number(process.env.PORT ?? 3000);
  const secure = process.env.COOKIE_SECURE === "1";
  createApp({ secure }).listen(port, "127.0.0.1", () => console.log(`Bookshelf is at http://127.0.0.1:${port}`));
}
