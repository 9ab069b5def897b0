import { expect, it } from "vitest";
import { draftOf } from "../../src/queue/write-draft.ts";
import { check, draft, planOf, task } from "./drafts.ts";

it("a plan written as a draft has labels for ids and inputs as text, and gives the same plan when it is checked", () => {
  const plan = planOf(
    draft([
      task("a", { files: ["src/a.ts"], constraints: ["be brief"], writes: ["out/a.ts"], acceptance: ["npm test"] }),
      task("b", { worker: "resize", input: '{"width":3}', depends_on: ["a"], optional: true, tier: "haiku" }),
      task("c", { depends_on: ["b"], after: ["a"], output_format: "a table" }),
    ]),
  );
  const written = draftOf(plan);
  expect(written).toMatchObject({
    rationale: "why",
    tasks: [
      { label: "a", input: null, files: ["src/a.ts"], constraints: ["be brief"], writes: ["out/a.ts"], acceptance: ["npm test"] },
      { label: "b", worker: "resize", input: '{"width":3}', depends_on: ["a"], after: [], optional: true, tier: "haiku" },
      { label: "c", depends_on: ["b"], after: ["a"], output_format: "a table" },
    ],
  });
  expect(check(written)).toEqual({ ok: true, plan });
});
