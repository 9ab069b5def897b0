// A tiny in-memory database: the tables of schema.json, each with a running integer id. Rows go in and out as copies.
import { readFileSync } from "node:fs";

const SCHEMA = JSON.parse(readFileSync(new URL("schema.json", import.meta.url), "utf8"));

/** Opens an empty store. A column type ends in "?" where null is allowed. */
export function createStore(schema = SCHEMA) {
  const tables = new Map(Object.entries(schema).map(([name, columns]) => [name, createTable(name, columns)]));
  return {
    table(name) {
      const table = tables.get(name);
      if (!table) throw new Error(`There is no table "${name}".`);
      return table;
    },
  };
}

function createTable(name, columns) {
  const rows = new Map();
  let lastId = 0;
  return {
    /** Adds a row and returns it with its id; a value that does not fit its column throws. */
    insert(values) {
      const row = { id: ++lastId };
      for (const [column, type] of Object.entries(columns))
        row[column] = checked(values[column] ?? null, type, `${name}.${column}`);
      rows.set(row.id, row);
      return { ...row };
    },
    get: (id) => copy(rows.get(id)),
    find: (column, value) => copy(rows.values().find((row) => row[column] === value)),
    all: () => Array.from(rows.values(), copy),
    /** Says whether there was such a row. */
    remove: (id) => rows.delete(id),
  };
}

function copy(row) {
  return row && { ...row };
}

function checked(value, type, column) {
  const nullable = type.endsWith("?");
  if (value === null ? nullable : fits(value, nullable ? type.slice(0, -1) : type)) return value;
  throw new TypeError(`${column} must be ${type}, not ${JSON.stringify(value)}.`);
}

function fits(value, type) {
  return type === "text" ? typeof value === "string" : type === "integer" && Number.isSafeInteger(value);
}
