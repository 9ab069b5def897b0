// The laboratory: a copy of the sources and their tests as plain JavaScript, with every mutant in it and none active.
import { createHash } from "node:crypto";
import { cpSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync } from "oxc-parser";
import { instrument } from "./instrument.mjs";

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const testApi = new URL("./test-api.mjs", import.meta.url).href;

/** Reads the sources as text: changed sources are not what it is about. */
const NOT_RUN = new Set(["test/host/door.test.ts"]);

/**
 * Builds it in `place`. `{ mutants, tests, digest }`: all mutants of the folders, the test files by name, and what stands
 * for the sources.
 */
export function build(place, { folders, testFolders }) {
  const hash = createHash("sha256");
  const write = (file, code) => {
    if (file.startsWith("src/")) hash.update(`${file}\n${code}\n`);
    put(place, file, code);
  };
  mkdirSync(place, { recursive: true });
  symlinkSync(path.join(root, "node_modules"), path.join(place, "node_modules"));
  writeFileSync(path.join(place, "package.json"), JSON.stringify(asSources(readJson("package.json"))));
  for (const file of globSync("src/**/*.json", { cwd: root })) cpSync(path.join(root, file), path.join(place, file));
  const mutants = [];
  for (const file of globSync("src/**/*.ts", { cwd: root }).toSorted()) {
    const code = plain(file);
    if (!folders.some((folder) => file.startsWith(`src/${folder}/`))) {
      write(file, code);
      continue;
    }
    const instrumented = instrument(code, file, mutants.length);
    mutants.push(...instrumented.mutants);
    write(file, instrumented.text);
  }
  for (const file of globSync("test/**/*.ts", { cwd: root }).filter((one) => !one.endsWith(".test.ts"))) {
    write(file, plain(file));
  }
  const tests = testFolders
    .flatMap((folder) => globSync(`test/${folder}/**/*.test.ts`, { cwd: root }).toSorted())
    .filter((file) => !NOT_RUN.has(file));
  for (const file of tests) write(file, asFunction(plain(file), file));
  return { mutants, tests, digest: hash.digest("hex").slice(0, 16) };
}

/** As JavaScript, lines and columns where they were. */
function plain(file) {
  return stripTypeScriptTypes(readFileSync(path.join(root, file), "utf8"));
}

function put(place, file, code) {
  const target = path.join(place, file.replace(/\.ts$/, ".js"));
  mkdirSync(path.dirname(target), { recursive: true });
  const imports = code
    .replaceAll(/((?:from|import)\s*\(?\s*"\.[^"]*)\.ts"/g, '$1.js"')
    .replaceAll('from "vitest"', `from ${JSON.stringify(testApi)}`);
  writeFileSync(target, imports);
}

/** A test file as a function that declares its tests, so that they can be declared again while a mutant is active. */
function asFunction(code, file) {
  const { program } = parseSync(file.replace(/\.ts$/, ".js"), code);
  const imports = program.body.filter(({ type }) => type === "ImportDeclaration");
  let body = code;
  for (const { start, end } of imports) body = body.slice(0, start) + " ".repeat(end - start) + body.slice(end);
  return `${imports.map(({ start, end }) => code.slice(start, end)).join("\n")}\nexport default async () => {${body}\n};\n`;
}

function readJson(file) {
  return JSON.parse(readFileSync(path.join(root, file), "utf8"));
}

/** The doors of the package lead to the sources. */
function asSources({ name, version, type, exports }) {
  const doors = Object.entries(exports).map(([door, target]) => [
    door,
    typeof target === "string" ? target : target.default.replace("./dist/", "./src/"),
  ]);
  return { name, version, type, exports: Object.fromEntries(doors) };
}
