// Packs the package as npm would publish it and uses it as a user would: installed beside the lowest and the highest peers
// that its ranges allow, typed, run. Needs the registry.
//   npm run check:package
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { cleanEnvironment, inTemporaryFolder, must, printTable, projectRoot, step, tool } from "./shell.mjs";

const manifest = JSON.parse(readFileSync(path.join(projectRoot, "package.json"), "utf8"));
const peers = Object.keys(manifest.peerDependencies).filter((name) => !manifest.peerDependenciesMeta?.[name]?.optional);
// A door to an optional peer opens only beside it: a test runner's, for one, only inside a test.
const closedDoors = new Set(["./package.json", "./testing/vitest"]);
const doors = Object.keys(manifest.exports).filter((door) => !closedDoors.has(door));
const examples = existsSync(path.join(projectRoot, "examples"))
  ? readdirSync(path.join(projectRoot, "examples"))
      .filter((file) => file.endsWith(".ts"))
      .toSorted()
  : [];

try {
  await inTemporaryFolder("package", check);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

async function check(folder) {
  await step("build from nothing", () => {
    // tsc -b does not take back what a deleted source left behind.
    rmSync(path.join(projectRoot, "dist"), { recursive: true, force: true });
    tool(["tsc", "-b", "tsconfig.build.json"]);
  });
  let tarball = "";
  await step("pack", () => {
    const packed = JSON.parse(must("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder]).stdout);
    const [report] = Array.isArray(packed) ? packed : Object.values(packed);
    tarball = path.join(folder, report.filename);
    refuseStrays(report.files);
    printSizes(report);
  });
  await step("publint", () => void tool(["publint", "run", tarball, "--strict"]));
  await step("are the types wrong", () => void tool(["attw", tarball, "--profile", "esm-only", "--no-emoji"]));
  for (const edge of ["lowest", "highest"]) await useWith(edge, tarball, path.join(folder, edge));
}

/** Installs the tarball beside peers at one end of their ranges, compiles everything against it, and runs some of it. */
async function useWith(edge, tarball, folder) {
  mkdirSync(folder);
  await step(`install beside the ${edge} peers`, () => {
    const wanted = peers.map((name) => [
      name,
      edge === "lowest" ? lowest(manifest.peerDependencies[name]) : manifest.peerDependencies[name],
    ]);
    const dependencies = Object.fromEntries([...wanted, [manifest.name, `file:${tarball}`]]);
    writeJson(path.join(folder, "package.json"), { name: "consumer", private: true, type: "module", dependencies });
    must("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
    return peers.map((name) => `${name} ${onlyCopy(folder, name)}`).join(", ");
  });
  await step(`compile ${examples.length} examples`, () => {
    const opened = doors.map((door, index) => `import * as door${index} from "${path.posix.join(manifest.name, door)}";`);
    const counted = doors.map((door, index) => `  ${JSON.stringify(door)}: Object.keys(door${index}).length,`);
    writeFileSync(path.join(folder, "doors.ts"), [...opened, "console.log(JSON.stringify({", ...counted, "}));", ""].join("\n"));
    for (const file of examples) copyFileSync(path.join(projectRoot, "examples", file), path.join(folder, file));
    writeJson(path.join(folder, "tsconfig.json"), consumerConfig());
    tool(["tsc", "-p", path.join(folder, "tsconfig.json")], { cwd: folder });
  });
  const quiet = { cwd: folder, env: withoutKey(), timeoutMs: 60_000 };
  await step("open every door", () => {
    const opened = JSON.parse(tool([path.join(folder, "out/doors.js")], quiet).stdout);
    const empty = Object.entries(opened).filter(([, count]) => count === 0);
    if (empty.length > 0) throw new Error(`These doors export no value: ${empty.map(([door]) => door).join(", ")}`);
    return Object.entries(opened)
      .map(([door, count]) => `${door} ${count}`)
      .join(", ");
  });
  await step("ask the installed command for its version", () => {
    const command = path.join(folder, "node_modules", manifest.name, manifest.bin.quatrain);
    const printed = tool([command, "--version"], quiet).stdout.trim();
    if (!printed.includes(manifest.version)) throw new Error(`quatrain --version printed "${printed}", not ${manifest.version}.`);
    return printed;
  });
  // These need neither a key nor a network.
  for (const name of examples.filter((file) => /^0[238]-/.test(file)))
    await step(`run ${name}`, () => void tool([path.join(folder, "out", name.replace(/\.ts$/, ".js"))], quiet));
}

/** The version at the lower end of a range of the kinds `^1.2.3` and `>=1.2.3 <2`. */
function lowest(range) {
  const version = /^(?:\^|~|>=)?(\d+\.\d+\.\d+)/.exec(range)?.[1];
  if (version === undefined) throw new Error(`The range "${range}" has no lower end that this check understands.`);
  return version;
}

/** The version of the only installed copy of a package; throws where there are none or several. */
function onlyCopy(folder, name) {
  const copies = copiesOf(path.join(folder, "node_modules"), name);
  if (copies.length !== 1) throw new Error(`${copies.length} copies of ${name} are installed:\n${copies.join("\n")}`);
  return JSON.parse(readFileSync(path.join(copies[0], "package.json"), "utf8")).version;
}

function copiesOf(modules, name) {
  if (!existsSync(modules)) return [];
  const packages = readdirSync(modules, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .flatMap((entry) =>
      entry.name.startsWith("@")
        ? readdirSync(path.join(modules, entry.name)).map((inner) => `${entry.name}/${inner}`)
        : [entry.name],
    );
  return packages.flatMap((one) => [
    ...(one === name ? [path.join(modules, one)] : []),
    ...copiesOf(path.join(modules, one, "node_modules"), name),
  ]);
}

function consumerConfig() {
  return {
    compilerOptions: {
      target: "es2023",
      module: "nodenext",
      strict: true,
      exactOptionalPropertyTypes: true,
      verbatimModuleSyntax: true,
      skipLibCheck: true,
      outDir: "out",
      rootDir: ".",
      lib: ["es2023", "esnext.disposable"],
      types: ["node"],
      typeRoots: [path.join(projectRoot, "node_modules/@types")],
    },
    include: ["*.ts"],
  };
}

/** What a stranger's machine has: no key, so an example that needs one says so. */
function withoutKey() {
  const { ANTHROPIC_API_KEY: _key, ANTHROPIC_AUTH_TOKEN: _token, ...rest } = cleanEnvironment();
  return rest;
}

function refuseStrays(files) {
  const strays = files
    .map((file) => file.path)
    // The demo's sample application brings tests of its own.
    .filter((file) => !/^examples\/app(\.solution)?\//.test(file))
    .filter((file) => /\.tsbuildinfo$|(^|\/)(test|node_modules|\.quatrain)\/|\.test\./.test(file));
  if (strays.length > 0) throw new Error(`The package holds what no user needs:\n${strays.join("\n")}`);
}

function printSizes(report) {
  const kilobytes = (bytes) => `${(bytes / 1000).toFixed(0)} kB`;
  const under = (pattern) => report.files.filter((file) => pattern.test(file.path)).reduce((sum, file) => sum + file.size, 0);
  const largest = report.files.toSorted((left, right) => right.size - left.size).slice(0, 5);
  printTable([
    ["    packed", kilobytes(report.size), `${report.files.length} files`],
    ["    unpacked", kilobytes(report.unpackedSize)],
    ["    scripts", kilobytes(under(/^dist\/.*\.js$/))],
    ["    types", kilobytes(under(/^dist\/.*\.d\.ts$/))],
    ["    maps", kilobytes(under(/\.map$/))],
    ["    sources", kilobytes(under(/^src\//))],
    ...largest.map((file) => ["    largest", kilobytes(file.size), file.path]),
  ]);
}

function writeJson(file, value) {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}
