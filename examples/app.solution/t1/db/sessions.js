// The sessions. A session is known by a random token; only the token's digest is kept, so that the table gives none away.
import { createHash, randomBytes } from "node:crypto";

/** How long a session lasts: 7 days. */
export const SESSION_LIFETIME_MS = 7 * 24 * 60 * 60 * 1000;

export function createSessions(store, { now = Date.now } = {}) {
  const table = store.table("sessions");
  const byToken = (token) => table.find("digest", digestOf(token));
  return {
    /** Starts a session and returns { token, expiresAt }. Sessions that have expired are cleared away here. */
    start(userId) {
      for (const { id, expiresAt } of table.all()) if (expiresAt <= now()) table.remove(id);
      const token = randomBytes(32).toString("base64url");
      const expiresAt = now() + SESSION_LIFETIME_MS;
      table.insert({ digest: digestOf(token), userId, expiresAt });
      return { token, expiresAt };
    },
    /** The id of the user a token stands for; null when it is unknown or has expired. */
    userIdOf(token) {
      const session = byToken(token);
      return session && session.expiresAt > now() ? session.userId : null;
    },
    /** Ends a session; an unknown token is no error. */
    end(token) {
      const session = byToken(token);
      if (session) table.remove(session.id);
    },
  };
}

function digestOf(token) {
  return createHash("sha256").update(token).digest("hex");
}
