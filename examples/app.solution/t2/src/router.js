// The routes: which handler answers which request. A handler takes { method, path, headers, body, params } and returns
// { status, headers, body }; it throws an HttpError for everything the client has to mend.
import { renderPage } from "./page.js";

export class HttpError extends Error {
  constructor(status, message, headers = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** Everybody may look; only users may change the shelf. */
export function createRouter({ books, auth }) {
  const { requireUser } = auth;
  return dispatcher([
    route("GET", "/", (request) => html(renderPage({ books: books.list(), user: auth.userOf(request) }))),
    route("GET", "/books", () => json(200, books.list())),
    route(
      "POST",
      "/books",
      requireUser(({ body }) => created(books.add(body))),
    ),
    route("GET", "/books/:id", ({ params }) => json(200, books.get(Number(params.id)))),
    route(
      "DELETE",
      "/books/:id",
      requireUser(({ params }) => removed(books, Number(params.id))),
    ),
    route("POST", "/auth/register", auth.register),
    route("POST", "/auth/login", auth.login),
    route("POST", "/auth/logout", auth.logout),
    route(
      "GET",
      "/auth/me",
      requireUser(({ user }) => json(200, { user })),
    ),
  ]);
}

export function json(status, value, headers = {}) {
  return { status, headers: { "content-type": "application/json; charset=utf-8", ...headers }, body: JSON.stringify(value) };
}

function html(text) {
  return { status: 200, headers: { "content-type": "text/html; charset=utf-8" }, body: text };
}

function created(book) {
  return json(201, book, { location: `/books/${book.id}` });
}

function removed(books, id) {
  books.remove(id);
  return { status: 204 };
}

/** A path's `:name` segments take one or more digits. */
function route(method, path, handle) {
  const pattern = new RegExp(`^${path.replaceAll(/:(\w+)/g, String.raw`(?<$1>\d+)`)}$`);
  return { method, pattern, handle };
}

function dispatcher(routes) {
  return async (request) => {
    const matches = routes.filter(({ pattern }) => pattern.test(request.path));
    const match = matches.find(({ method }) => method === request.method);
    if (match) return match.handle({ ...request, params: match.pattern.exec(request.path).groups ?? {} });
    if (matches.length === 0) throw new HttpError(404, `there is nothing at ${request.path}`);
    const allow = matches.map(({ method }) => method).join(", ");
    throw new HttpError(405, `${request.method} is not allowed here, only ${allow}`, { allow });
  };
}
