import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { createApp } from "../src/server.js";

const ada = { name: "Ada", password: "correct horse" };
const dune = { title: "Dune", author: "Frank Herbert" };

/** Starts the application on a free port; the answer makes clients, each with a cookie of its own. */
async function start(t, options) {
  const server = createApp(options).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close().closeAllConnections());
  return () => client(`http://127.0.0.1:${server.address().port}`);
}

function client(origin) {
  let cookie = "";
  return async (method, path, body) => {
    const request = { method, headers: { cookie }, body: body && JSON.stringify(body) };
    const response = await fetch(origin + path, request);
    const [set] = response.headers.getSetCookie();
    if (set) [cookie] = set.split(";");
    return response;
  };
}

test("whoever registers is signed in and may change the shelf", async (t) => {
  const call = (await start(t))();
  const response = await call("POST", "/auth/register", ada);
  assert.equal(response.status, 201);
  assert.deepEqual(await response.json(), { user: { id: 1, name: "Ada" } });
  assert.equal((await call("POST", "/books", dune)).status, 201);
  assert.equal((await call("DELETE", "/books/1")).status, 204);
});

test("strangers may look but not change", async (t) => {
  const open = await start(t);
  const [user, stranger] = [open(), open()];
  await user("POST", "/auth/register", ada);
  await user("POST", "/books", dune);
  for (const path of ["/", "/books", "/books/1"]) assert.equal((await stranger("GET", path)).status, 200, path);
  assert.equal((await stranger("POST", "/books", dune)).status, 401);
  assert.equal((await stranger("DELETE", "/books/1")).status, 401);
  assert.equal((await stranger("GET", "/auth/me")).status, 401);
});

test("a user signs in with name and password, from several places at once", async (t) => {
  const open = await start(t);
  const [first, second] = [open(), open()];
  await first("POST", "/auth/register", ada);
  assert.equal((await second("POST", "/auth/login", ada)).status, 200);
  for (const call of [first, second])
    assert.deepEqual(await (await call("GET", "/auth/me")).json(), { user: { id: 1, name: "Ada" } });
});

test("a wrong password and an unknown name get the same answer", async (t) => {
  const call = (await start(t))();
  await call("POST", "/auth/register", ada);
  const wrong = await call("POST", "/auth/login", { ...ada, password: "wrong horse" });
  const unknown = await call("POST", "/auth/login", { ...ada, name: "Bob" });
  assert.deepEqual([wrong.status, unknown.status], [401, 401]);
  assert.equal(await wrong.text(), await unknown.text());
});

test("signing out ends the session, not only the cookie", async (t) => {
  const open = await start(t);
  const call = open();
  const registered = await call("POST", "/auth/register", ada);
  const [cookie] = registered.headers.getSetCookie()[0].split(";");
  assert.equal((await call("POST", "/auth/logout")).status, 204);
  assert.equal((await call("GET", "/auth/me")).status, 401);
  const replayed = await fetch(new URL("/auth/me", registered.url), { headers: { cookie } });
  assert.equal(replayed.status, 401);
});

test("a session that has expired is a stranger", async (t) => {
  let time = Date.now();
  const call = (await start(t, { now: () => time }))();
  const registered = await call("POST", "/auth/register", ada);
  const expires = Date.parse(/Expires=([^;]+)/.exec(registered.headers.getSetCookie()[0])[1]);
  time = expires - 1_000;
  assert.equal((await call("GET", "/auth/me")).status, 200);
  time = expires + 1_000;
  assert.equal((await call("GET", "/auth/me")).status, 401);
});

test("the cookie is closed to scripts and other sites, and to plain HTTP where that is asked for", async (t) => {
  const [plain] = (await (await start(t))()("POST", "/auth/register", ada)).headers.getSetCookie();
  const [secure] = (await (await start(t, { secure: true }))()("POST", "/auth/register", ada)).headers.getSetCookie();
  for (const attribute of ["HttpOnly", "SameSite=Lax", "Path=/"]) assert.ok(plain.includes(attribute), attribute);
  assert.ok(!plain.includes("Secure"));
  assert.ok(secure.includes("Secure"));
});

test("a taken name is a 409, bad credentials are a 400 that names the field", async (t) => {
  const call = (await start(t))();
  await call("POST", "/auth/register", ada);
  assert.equal((await call("POST", "/auth/register", { ...ada, name: "ADA" })).status, 409);
  for (const [field, value] of Object.entries({ name: " ", password: "short" })) {
    const response = await call("POST", "/auth/register", { ...ada, [field]: value });
    assert.equal(response.status, 400);
    assert.ok((await response.json()).error.startsWith(`${field} must`));
  }
});

test("forged and foreign cookies are no session", async (t) => {
  const call = (await start(t))();
  const { url } = await call("POST", "/auth/register", ada);
  for (const cookie of ["session=", "session=1", "other=1; session=%", "session", "=;=;"]) {
    assert.equal((await fetch(new URL("/auth/me", url), { headers: { cookie } })).status, 401, cookie);
  }
});

test("the page shows no name as markup", async (t) => {
  const call = (await start(t))();
  await call("POST", "/auth/register", { ...ada, name: "<i>Ada</i>" });
  const page = await call("GET", "/");
  assert.equal(page.status, 200);
  assert.doesNotMatch(await page.text(), /<i>Ada/);
});
