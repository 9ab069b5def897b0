import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readFigures, withFigures } from "../../prove/figures.mjs";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const { scripts } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  scripts: Record<string, string>;
};

describe("the figures of the proofs", () => {
  it("stand in the README as they were measured", () => {
    expect(readme).toBe(withFigures(readme, readFigures()));
  });

  it("come from commands that exist", () => {
    for (const { command } of Object.values(readFigures()))
      expect(Object.keys(scripts)).toContain(command.replace("npm run ", ""));
  });
});
