// The machines and the memory host run where there is no Node: they are bundled for a browser, in memory, and nothing of
// Node may be asked for on the way.
import { existsSync } from "node:fs";
import { isBuiltin } from "node:module";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { build } from "vite";
import type { Plugin } from "vite";
import { projectRoot } from "./support/source.ts";

const machines = path.join(projectRoot, "src/machines/index.ts");
const host = path.join(projectRoot, "src/host/index.ts");

interface Bundle {
  /** Built-in modules that the bundle would need, each with the file that asks for it. */
  readonly builtins: readonly string[];
  readonly code: string;
}

/** Bundles one entry for the browser; what tree-shaking removes is not there, as in an app of a user. */
async function bundle(entry: string): Promise<Bundle> {
  const askers = new Map<string, Set<string>>();
  const watcher: Plugin = {
    name: "watch-builtins",
    enforce: "pre",
    resolveId: (source, importer = "") => {
      if (source === "virtual:entry") return `\0entry.js`;
      if (!isBuiltin(source)) return null;
      askers.set(source, (askers.get(source) ?? new Set()).add(path.relative(projectRoot, importer)));
      return { id: source, external: true };
    },
    load: (id) => (id === "\0entry.js" ? entry : null),
  };
  const output = await build({
    root: projectRoot,
    configFile: false,
    logLevel: "silent",
    plugins: [watcher],
    build: {
      write: false,
      minify: false,
      target: "es2023",
      modulePreload: false,
      rolldownOptions: { input: "virtual:entry", preserveEntrySignatures: "strict" },
    },
  });
  if (!("output" in output)) throw new Error("The bundler returned no single output.");
  const chunks = output.output.filter((one) => one.type === "chunk");
  const needed = new Set(
    chunks.flatMap((chunk) => [...chunk.imports, ...chunk.dynamicImports]).filter((name) => isBuiltin(name)),
  );
  return {
    builtins: [...needed].toSorted().map((name) => `${name}, asked for by ${[...(askers.get(name) ?? [])].join(", ")}`),
    code: chunks.map((chunk) => chunk.code).join("\n"),
  };
}

describe("a browser bundle", () => {
  it.skipIf(!existsSync(machines) || !existsSync(host))("of the machines and the memory host needs nothing of Node", async () => {
    const { builtins, code } = await bundle(
      `export * from ${JSON.stringify(machines)};\nexport { memoryHost } from ${JSON.stringify(host)};`,
    );
    expect(builtins).toEqual([]);
    expect(code).not.toMatch(/["'`]node:/);
    expect(code).toContain("memoryHost");
  });

  it("is seen to need Node where it does, also lazily", async () => {
    const { builtins } = await bundle(
      `import { readFileSync } from "node:fs";\nexport const read = () => readFileSync;\nexport const lazy = () => import("path");`,
    );
    expect(builtins.map((one) => one.replace(/,.*/s, ""))).toEqual(["node:fs", "path"]);
  });
});
