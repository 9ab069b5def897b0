// The data of the sample job fits together: the plan passes its own checks, each task's files are the ones it may write.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { DraftPlan } from "../../src/protocol/plan.ts";
import { checkPlan } from "../../src/queue/check-plan.ts";

const folder = fileURLToPath(new URL("../../examples/app.solution", import.meta.url));
const read = (name: string): unknown => JSON.parse(readFileSync(path.join(folder, name), "utf8"));
const filesIn = (name: string): readonly string[] =>
  readdirSync(path.join(folder, name), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(path.join(folder, name), path.join(entry.parentPath, entry.name)).split(path.sep).join("/"))
    .toSorted();

const plan = DraftPlan.parse(read("plan.json"));
const reports = z.record(z.string(), z.object({ summary: z.string(), output: z.string() })).parse(read("reports.json"));
const changing = plan.tasks.map((task, index) => ({ ...task, id: `t${index + 1}` })).filter(({ writes }) => writes.length > 0);
const played = changing.filter(({ optional }) => !optional);

describe("the sample job", () => {
  it("has a plan that can run", () => {
    const names = [...new Set(plan.tasks.map(({ worker }) => worker))];
    const checked = checkPlan(plan, { workers: names.map((name) => ({ name, checkInput: () => [] })) });
    expect(checked).toMatchObject({ ok: true });
    expect(names.toSorted()).toEqual(["backend", "database", "docs", "frontend", "review", "tdd"]);
  });

  it.each(played)("has for $id exactly the files it may write", ({ id, writes }) => {
    expect(filesIn(id)).toEqual(writes.toSorted());
  });

  it.each(["t2-broken", "t3-spoiled"])("has in %s other versions of files of that task", (name) => {
    const task = name.slice(0, 2);
    expect(filesIn(name)).not.toEqual([]);
    for (const file of filesIn(name)) {
      const good = readFileSync(path.join(folder, task, file), "utf8");
      expect(readFileSync(path.join(folder, name, file), "utf8")).not.toBe(good);
    }
  });

  it("has a report for every task but the one that is skipped, each beginning with its summary", () => {
    const expected = plan.tasks.filter(({ optional }) => !optional).map(({ label }) => label);
    expect(Object.keys(reports).toSorted()).toEqual(expected.toSorted());
    for (const { summary, output } of Object.values(reports)) expect(output.startsWith(summary)).toBe(true);
  });

  it("holds a contradiction between two workers, of which the code follows one", () => {
    expect(reports["add-users-and-sessions"]?.output).toContain("7 days");
    expect(reports["document-auth"]?.output).toContain("24 hours");
    expect(readFileSync(path.join(folder, "t1/db/sessions.js"), "utf8")).toContain("7 * 24 * 60 * 60 * 1000");
    expect(readFileSync(path.join(folder, "t5/docs/api.md"), "utf8")).toContain("24 hours");
  });
});
