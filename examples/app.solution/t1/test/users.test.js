import assert from "node:assert/strict";
import { test } from "node:test";
import { createSessions, SESSION_LIFETIME_MS } from "../db/sessions.js";
import { createStore } from "../db/store.js";
import { createUsers } from "../db/users.js";

test("a user is found by name and password, whatever the case of the name", async () => {
  const users = createUsers(createStore());
  const ada = await users.create("Ada", "correct horse");
  assert.deepEqual(ada, { id: 1, name: "Ada" });
  assert.deepEqual(await users.verify("ada", "correct horse"), ada);
  assert.equal(await users.verify("Ada", "wrong horse"), null);
  assert.equal(await users.verify("Bob", "correct horse"), null);
});

test("a name can be taken once, also by two at the same time", async () => {
  const users = createUsers(createStore());
  const made = await Promise.all([users.create("Ada", "correct horse"), users.create("ADA", "other horse")]);
  assert.equal(made.filter(Boolean).length, 1);
});

test("equal passwords are kept as different hashes, and never as text", async () => {
  const store = createStore();
  const users = createUsers(store);
  await Promise.all([users.create("Ada", "correct horse"), users.create("Bob", "correct horse")]);
  const [first, second] = store.table("users").all();
  assert.notEqual(first.password, second.password);
  assert.ok(!JSON.stringify(store.table("users").all()).includes("correct horse"));
});

test("a session ends when it is ended and when its time is over", () => {
  let time = 1_000;
  const store = createStore();
  const sessions = createSessions(store, { now: () => time });
  const first = sessions.start(7);
  const second = sessions.start(8);
  assert.equal(sessions.userIdOf(first.token), 7);
  sessions.end(first.token);
  assert.equal(sessions.userIdOf(first.token), null);
  time += SESSION_LIFETIME_MS - 1;
  assert.equal(sessions.userIdOf(second.token), 8);
  time += 1;
  assert.equal(sessions.userIdOf(second.token), null);
  sessions.start(9);
  assert.equal(store.table("sessions").all().length, 1);
});

test("the table of sessions holds no token", () => {
  const store = createStore();
  const { token } = createSessions(store).start(1);
  assert.ok(!JSON.stringify(store.table("sessions").all()).includes(token));
});
