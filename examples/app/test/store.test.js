import assert from "node:assert/strict";
import { test } from "node:test";
import { createStore } from "../db/store.js";

const schema = { pets: { name: "text", age: "integer?" } };

test("rows get running ids and come back as copies", () => {
  const pets = createStore(schema).table("pets");
  const first = pets.insert({ name: "Ada" });
  pets.insert({ name: "Bob", age: 3 });
  first.name = "changed";
  assert.deepEqual(pets.all(), [
    { id: 1, name: "Ada", age: null },
    { id: 2, name: "Bob", age: 3 },
  ]);
  assert.equal(pets.find("name", "Bob").id, 2);
});

test("an id is not used again after its row is removed", () => {
  const pets = createStore(schema).table("pets");
  pets.insert({ name: "Ada" });
  assert.equal(pets.remove(1), true);
  assert.equal(pets.remove(1), false);
  assert.equal(pets.insert({ name: "Bob" }).id, 2);
});

test("values that do not fit their column, and unknown tables, are refused", () => {
  const store = createStore(schema);
  assert.throws(() => store.table("pets").insert({ name: 7 }), /pets\.name must be text, not 7/);
  assert.throws(() => store.table("pets").insert({}), /pets\.name must be text, not null/);
  assert.throws(() => store.table("cars"), /no table "cars"/);
});
