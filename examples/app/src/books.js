// The books: what a valid book is, and the four things one can do with them.
import { HttpError } from "./router.js";

export function createBooks(store) {
  const table = store.table("books");
  return {
    list: () => table.all(),
    add: (input) => table.insert(parseBook(input)),
    get(id) {
      return table.get(id) ?? missing(id);
    },
    remove(id) {
      if (!table.remove(id)) missing(id);
    },
  };
}

/** Reads a book from a request body; anything else is a 400. */
export function parseBook(input) {
  const { title, author, year = null } = input ?? {};
  if (!isText(title)) throw new HttpError(400, "title must be a text of 1 to 200 characters");
  if (!isText(author)) throw new HttpError(400, "author must be a text of 1 to 200 characters");
  if (year !== null && !Number.isSafeInteger(year)) throw new HttpError(400, "year must be a whole number");
  return { title: title.trim(), author: author.trim(), year };
}

function isText(value) {
  return typeof value === "string" && value.trim() !== "" && value.length <= 200;
}

function missing(id) {
  throw new HttpError(404, `there is no book ${id}`);
}
