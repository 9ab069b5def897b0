import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { createApp } from "../src/server.js";

/** Starts the application on a free port and registers a user there; the answer is a fetch bound to it, signed in on demand. */
async function start(t) {
  const server = createApp().listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close().closeAllConnections());
  const call = (path, { body, ...options } = {}) =>
    fetch(`http://127.0.0.1:${server.address().port}${path}`, {
      ...options,
      body: typeof body === "object" ? JSON.stringify(body) : body,
    });
  const registered = await call("/auth/register", { method: "POST", body: { name: "Ada", password: "correct horse" } });
  const [cookie] = registered.headers.get("set-cookie").split(";");
  return { call, callAsUser: (path, options) => call(path, { ...options, headers: { cookie } }) };
}

const dune = { title: "Dune", author: "Frank Herbert", year: 1965 };

test("a book can be added, listed, fetched and deleted", async (t) => {
  const { call, callAsUser } = await start(t);
  const added = await callAsUser("/books", { method: "POST", body: dune });
  assert.equal(added.status, 201);
  assert.equal(added.headers.get("location"), "/books/1");
  assert.deepEqual(await (await call("/books")).json(), [{ id: 1, ...dune }]);
  assert.deepEqual(await (await call("/books/1")).json(), { id: 1, ...dune });
  assert.equal((await callAsUser("/books/1", { method: "DELETE" })).status, 204);
  assert.equal((await call("/books/1")).status, 404);
});

test("a book without title or author, or with a wrong year, is refused by name", async (t) => {
  const { callAsUser } = await start(t);
  for (const [field, value] of Object.entries({ title: " ", author: 7, year: "1965" })) {
    const response = await callAsUser("/books", { method: "POST", body: { ...dune, [field]: value } });
    assert.equal(response.status, 400);
    assert.ok((await response.json()).error.startsWith(`${field} must`));
  }
});

test("a body that is not JSON is a 400, one that is too large a 413", async (t) => {
  const { call } = await start(t);
  assert.equal((await call("/books", { method: "POST", body: "{" })).status, 400);
  assert.equal((await call("/books", { method: "POST", body: "x".repeat(100_001) })).status, 413);
});

test("unknown paths are a 404, other methods a 405 that names the right ones", async (t) => {
  const { call } = await start(t);
  assert.equal((await call("/shelves")).status, 404);
  const response = await call("/books", { method: "PUT" });
  assert.equal(response.status, 405);
  assert.equal(response.headers.get("allow"), "GET, POST");
});

test("strangers can't add or delete books", async (t) => {
  const { call, callAsUser } = await start(t);
  assert.equal((await call("/books", { method: "POST", body: dune })).status, 401);
  await callAsUser("/books", { method: "POST", body: dune });
  assert.equal((await call("/books/1", { method: "DELETE" })).status, 401);
  assert.equal((await call("/books/1")).status, 200);
});

test("the shelf is open to everybody: list and page", async (t) => {
  const { call } = await start(t);
  assert.equal((await call("/books")).status, 200);
  const page = await call("/");
  assert.equal(page.status, 200);
  assert.match(page.headers.get("content-type"), /^text\/html/);
});

test("the page shows titles as text", async (t) => {
  const { call, callAsUser } = await start(t);
  await callAsUser("/books", { method: "POST", body: { ...dune, title: "<script>alert(1)</script>" } });
  const page = await (await call("/")).text();
  assert.match(page, /&#60;script&#62;alert\(1\)/);
  assert.doesNotMatch(page, /<script>alert/);
});
