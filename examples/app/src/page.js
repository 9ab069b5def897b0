// The one HTML page: the shelf, and a form to add a book.

export function renderPage({ books }) {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Bookshelf</title>
<style>body { font: 1rem/1.5 system-ui; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }</style>
<h1>Bookshelf</h1>
<ul>${books.map(renderBook).join("")}</ul>
<form data-method="POST" data-path="/books">
  <input name="title" placeholder="Title" required>
  <input name="author" placeholder="Author" required>
  <button>Add</button>
</form>
<p role="alert"></p>
<script>${SCRIPT}</script>
</html>
`;
}

export function escapeHtml(text) {
  return String(text).replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function renderBook({ id, title, author, year }) {
  const when = year === null ? "" : ` (${year})`;
  return `
  <li><form data-method="DELETE" data-path="/books/${id}">
    <cite>${escapeHtml(title)}</cite> by ${escapeHtml(author)}${when} <button>Delete</button>
  </form></li>`;
}

/** Sends each form as JSON to its path and shows the page again, or what went wrong. */
const SCRIPT = `
  addEventListener("submit", async (event) => {
    event.preventDefault();
    const { method, path } = event.target.dataset;
    const body = method === "DELETE" ? undefined : JSON.stringify(Object.fromEntries(new FormData(event.target)));
    const response = await fetch(path, { method, body });
    if (response.ok) location.reload();
    else document.querySelector("[role=alert]").textContent = (await response.json()).error;
  });
`;
