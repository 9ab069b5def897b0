// The users. Passwords are kept as scrypt hashes, each with its own salt and cost, and never leave this file.
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify(scrypt);
const COST = 16_384;
const KEY_BYTES = 32;
/** What an unknown name is compared with, so that it takes as long as a wrong password. */
const NOBODY = `${COST}$${"00".repeat(16)}$${"00".repeat(KEY_BYTES)}`;

export function createUsers(store) {
  const table = store.table("users");
  const byName = (name) => table.find("key", keyOf(name));
  return {
    /** Adds a user and returns { id, name }; null when the name is taken. Names that differ only in case are the same. */
    async create(name, password) {
      const hash = await hashPassword(password);
      return byName(name) ? null : publicPart(table.insert({ name, key: keyOf(name), password: hash }));
    },
    /** The user { id, name } whose password this is; null for a wrong password and for an unknown name alike. */
    async verify(name, password) {
      const user = byName(name);
      const isRight = await matches(password, user?.password ?? NOBODY);
      return user && isRight ? publicPart(user) : null;
    },
    get(id) {
      const user = table.get(id);
      return user ? publicPart(user) : null;
    },
  };
}

function keyOf(name) {
  return name.normalize("NFKC").toLowerCase();
}

function publicPart({ id, name }) {
  return { id, name };
}

async function hashPassword(password) {
  const salt = randomBytes(16);
  const key = await derive(password, salt, KEY_BYTES, { N: COST });
  return [COST, salt.toString("hex"), key.toString("hex")].join("$");
}

async function matches(password, stored) {
  const [cost, salt, hash] = stored.split("$");
  const expected = Buffer.from(hash, "hex");
  const key = await derive(password, Buffer.from(salt, "hex"), expected.length, { N: Number(cost) });
  return timingSafeEqual(key, expected);
}
