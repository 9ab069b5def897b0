// Makes the JSON Schemas of the Messages API from the types of the installed SDK, for the stand-in server.
//   node tools/node.mjs tools/schemas/generate.mjs
// Run by hand after the SDK changed; a test compares the stamp in the file with the installed SDK. The generator comes
// through npx and is no dependency of the project.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const generator = "ts-json-schema-generator@2.9.0";
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const sdk = path.join(root, "node_modules/@anthropic-ai/sdk");
const target = path.join(root, "src/testing/stand-in/schemas/messages.json");

/** What the stand-in checks, by the name it uses; the SDK's type and the file that declares it. */
const roots = {
  create: ["MessageCreateParamsBase", "resources/messages/messages.d.ts"],
  count: ["MessageCountTokensParams", "resources/messages/messages.d.ts"],
  message: ["Message", "resources/messages/messages.d.ts"],
  event: ["RawMessageStreamEvent", "resources/messages/messages.d.ts"],
  model: ["ModelInfo", "resources/models.d.ts"],
};

const definitions = {};
for (const [type, file] of Object.values(roots)) Object.assign(definitions, generate(type, file).definitions);
const refs = Object.fromEntries(Object.entries(roots).map(([name, [type]]) => [name, `#/$defs/${type}`]));
const { version } = JSON.parse(readFileSync(path.join(sdk, "package.json"), "utf8"));
writeFileSync(target, `${JSON.stringify({ sdk: version, generator, refs, $defs: renamed(merged(definitions)) })}\n`);

function generate(type, file) {
  const options = ["--path", path.join(sdk, file), "--type", type, "--no-type-check", "--jsDoc", "none", "--minify"];
  const env = { ...process.env, PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH ?? ""}` };
  const text = execFileSync("npx", ["-y", generator, ...options], { cwd: root, env, maxBuffer: 1e8, encoding: "utf8" });
  return JSON.parse(text);
}

/** The place where JSON Schema 2020-12 (what zod assumes) keeps definitions. */
function renamed(all) {
  return JSON.parse(JSON.stringify(all).replaceAll('"$ref":"#/definitions/', '"$ref":"#/$defs/'));
}

/** Definitions with the same body become one: the SDK declares the same settings once per tool action. */
function merged(all) {
  const kept = new Set(Object.values(roots).map(([type]) => type));
  let current = all;
  for (;;) {
    const first = new Map();
    const alias = new Map();
    for (const name of Object.keys(current).toSorted()) {
      const body = JSON.stringify(current[name]);
      const twin = first.get(body);
      if (twin === undefined || kept.has(name)) first.set(body, name);
      else alias.set(`"#/definitions/${name}"`, `"#/definitions/${twin}"`);
    }
    if (alias.size === 0) return current;
    const gone = new Set([...alias.keys()].map((ref) => ref.slice('"#/definitions/'.length, -1)));
    const text = JSON.stringify(Object.fromEntries(Object.entries(current).filter(([name]) => !gone.has(name))));
    current = JSON.parse(text.replaceAll(/"#\/definitions\/[^"]+"/g, (ref) => alias.get(ref) ?? ref));
  }
}
