// The one HTML page: the shelf for everybody, a form to sign in for strangers, forms to change the shelf for users.

export function renderPage({ books, user = null }) {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Bookshelf</title>
<style>body { font: 1rem/1.5 system-ui; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }</style>
<h1>Bookshelf</h1>
${user ? renderUser(user) : LOGIN_FORM}
<ul>${books.map((book) => renderBook(book, user)).join("")}</ul>
${user ? ADD_FORM : ""}
<p role="alert"></p>
<script>${SCRIPT}</script>
</html>
`;
}

export function escapeHtml(text) {
  return String(text).replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function renderUser({ name }) {
  return `<form data-method="POST" data-path="/auth/logout">Signed in as <b>${name}</b> <button>Sign out</button></form>`;
}

function renderBook({ id, title, author, year }, user) {
  const when = year === null ? "" : ` (${year})`;
  const text = `<cite>${escapeHtml(title)}</cite> by ${escapeHtml(author)}${when}`;
  if (!user) return `\n  <li>${text}</li>`;
  return `\n  <li><form data-method="DELETE" data-path="/books/${id}">${text} <button>Delete</button></form></li>`;
}

const ADD_FORM = `<form data-method="POST" data-path="/books">
  <input name="title" placeholder="Title" required>
  <input name="author" placeholder="Author" required>
  <button>Add</button>
</form>`;

/** The button that was pressed says whether to sign in or to register. */
const LOGIN_FORM = `<form data-method="POST">
  <input name="name" placeholder="Name" autocomplete="username" maxlength="40" required>
  <input name="password" type="password" placeholder="Password" autocomplete="current-password" minlength="8" required>
  <button data-path="/auth/login">Sign in</button>
  <button data-path="/auth/register">Register</button>
</form>`;

/** Sends each form as JSON to its path and shows the page again, or what went wrong. */
const SCRIPT = `
  addEventListener("submit", async (event) => {
    event.preventDefault();
    const { method, path } = { ...event.target.dataset, ...event.submitter?.dataset };
    const body = method === "DELETE" ? undefined : JSON.stringify(Object.fromEntries(new FormData(event.target)));
    const response = await fetch(path, { method, body });
    if (response.ok) location.reload();
    else document.querySelector("[role=alert]").textContent = (await response.json()).error;
  });
`;
