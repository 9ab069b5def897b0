// Authentication: registering, signing in and out, and who a request comes from. The session's token travels in a cookie
// that scripts can't read and other sites can't send along with a write.
import { HttpError, json } from "./router.js";

const COOKIE = "session";

/** `secure` marks the cookie for HTTPS only; set it wherever the application is reached by HTTPS. */
export function createAuth({ users, sessions, secure = false }) {
  const userOf = ({ headers }) => {
    const userId = sessions.userIdOf(tokenIn(headers.cookie));
    return userId === null ? null : users.get(userId);
  };

  const signedIn = (status, user) => {
    const { token, expiresAt } = sessions.start(user.id);
    return json(status, { user }, { "set-cookie": cookie(token, `Expires=${new Date(expiresAt).toUTCString()}`, secure) });
  };

  return {
    /** The user { id, name } a request comes from; null for a stranger. */
    userOf,

    /** Wraps a handler so that strangers get a 401; the handler finds the user in the request. */
    requireUser: (handle) => (request) => {
      const user = userOf(request);
      if (!user) throw new HttpError(401, "sign in first");
      return handle({ ...request, user });
    },

    async register({ body }) {
      const { name, password } = credentials(body);
      const user = await users.create(name, password);
      if (!user) throw new HttpError(409, "this name is taken");
      return signedIn(201, user);
    },

    async login({ body }) {
      const { name, password } = credentials(body);
      const user = await users.verify(name, password);
      if (!user) throw new HttpError(401, "name or password is wrong");
      return signedIn(200, user);
    },

    logout({ headers }) {
      sessions.end(tokenIn(headers.cookie));
      return { status: 204, headers: { "set-cookie": cookie("", "Max-Age=0", secure) } };
    },
  };
}

function credentials(body) {
  const { name, password } = body ?? {};
  if (typeof name !== "string" || name.trim() === "" || name.length > 40) {
    throw new HttpError(400, "name must be a text of 1 to 40 characters");
  }
  if (typeof password !== "string" || password.length < 8 || password.length > 200) {
    throw new HttpError(400, "password must be a text of 8 to 200 characters");
  }
  return { name: name.trim(), password };
}

function tokenIn(header = "") {
  const pairs = header.split(";").map((pair) => pair.trim().split("="));
  return pairs.find(([name]) => name === COOKIE)?.[1] ?? "";
}

function cookie(value, lifetime, secure) {
  return [`${COOKIE}=${value}`, "Path=/", "HttpOnly", "SameSite=Lax", lifetime, ...(secure ? ["Secure"] : [])].join("; ");
}
