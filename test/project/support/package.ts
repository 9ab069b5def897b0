// The project's own package.json, as far as the checks read it.
import { z } from "zod";
import { readText } from "./source.ts";

const strings = z.record(z.string(), z.string());
const packageSchema = z.object({
  version: z.string(),
  scripts: strings,
  dependencies: strings,
  devDependencies: strings,
  peerDependencies: strings,
  exports: z.record(z.string(), z.union([z.string(), z.object({ types: z.string(), default: z.string() })])),
});

/** Reads and checks package.json. */
export function readPackage(): z.infer<typeof packageSchema> {
  return packageSchema.parse(JSON.parse(readText("package.json")));
}

/** The source files behind the doors that package.json exports, `src/index.ts` first. */
export function doorSources(): string[] {
  return Object.values(readPackage().exports).flatMap((door) =>
    typeof door === "string" ? [] : [door.types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts")],
  );
}
