import { describe, expect, it } from "vitest";
import { checkPlan, describeIssues } from "../../src/queue/check-plan.ts";
import { codesOf, draft, issuesOf, planOf, task, WORKERS } from "./drafts.ts";

const times = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
const messagesOf = (value: unknown): string =>
  issuesOf(value)
    .map(({ message }) => message)
    .join("\n");

describe("a good draft", () => {
  it("becomes a plan with our ids, one spelling of paths, and defaults for what is left out", () => {
    const plan = planOf(
      draft([
        task("späte Tests", {
          depends_on: ["api"],
          after: ["docs"],
          files: ["./src//a.ts", "src/a.ts", "lib/./"],
          optional: true,
          tier: "haiku",
        }),
        task("api", { constraints: ["x", "x"], output_format: "a list", acceptance: ["npm test"], writes: ["src/"] }),
        task("docs", { worker: "resize", input: '{"width": 3}', files: null, tier: null }),
      ]),
    );
    expect(plan.rationale).toBe("why");
    expect(plan.tasks[0]).toEqual({
      id: "t1",
      label: "späte Tests",
      worker: "api",
      task: "Do it.",
      input: null,
      files: ["src/a.ts", "lib/"],
      constraints: [],
      outputFormat: "",
      dependencies: [
        { task: "t2", kind: "hard" },
        { task: "t3", kind: "soft" },
      ],
      writes: [],
      acceptance: [],
      optional: true,
      tier: "haiku",
    });
    expect(plan.tasks[1]).toMatchObject({
      constraints: ["x"],
      outputFormat: "a list",
      acceptance: ["npm test"],
      writes: ["src/"],
    });
    expect(plan.tasks[2]).toMatchObject({ id: "t3", input: { width: 3 }, files: [], tier: null });
  });

  it.each([
    ["plain", (json: string) => json],
    ["in a fence", (json: string) => `\`\`\`json\n${json}\n\`\`\``],
    ["with prose around", (json: string) => `Here is the {plan}: \n${json}\nIt has { 2 } parts, "as asked.`],
    ["after another object", (json: string) => `{"thought":"a } in a string"} ${json}`],
    ["after a byte order mark", (json: string) => `\ufeff${json}`],
  ])("is found in text: %s", (_, wrap) => {
    const tasks = draft([task("a", { task: 'Write "}" and ```{``` and \\ there.' })]);
    expect(planOf(wrap(JSON.stringify(tasks, null, 2))).tasks[0]?.task).toBe('Write "}" and ```{``` and \\ there.');
  });

  it.each([
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "ünïcode ✅",
    "🛠️ build",
    "a/b#c",
    "<script>",
    "'; DROP TABLE",
    "null",
    "%s%n",
  ])("may have a label such as %s", (label) => {
    const plan = planOf(draft([task(label), task("b", { depends_on: [label] })]));
    expect(plan.tasks[1]?.dependencies).toEqual([{ task: "t1", kind: "hard" }]);
    expect(codesOf(draft([task("b", { depends_on: [label] })]))).toEqual(["UnknownDependency"]);
    expect(codesOf(draft([task("b", { worker: label })]))).toEqual(["UnknownWorker"]);
  });

  it("may be as large as the limits say, and limits may be changed", () => {
    const row = Object.fromEntries(times(12, (at) => [`n${at}`, at > 0 ? [`n${at - 1}`] : []]));
    expect(codesOf(draft(row))).toEqual([]);
    expect(codesOf(draft(row), { depth: 11 })).toEqual(["TooDeep"]);
    expect(codesOf(draft(times(40, (at) => task(`n${at}`))))).toEqual([]);
    expect(codesOf(draft(times(3000, (at) => task(`n${at}`))), { tasks: 3000 })).toEqual([]);
  });
});

describe("each code", () => {
  const long = (length: number) => "x".repeat(length);
  const cases: ReadonlyArray<readonly [code: string, message: RegExp, value: unknown]> = [
    ["NotJson", /holds none/, "I can't do that."],
    ["NotJson", /never closed: the text was cut off/, JSON.stringify(draft([task("a")])).slice(0, -5)],
    ["NotJson", /trailing commas/, '{"tasks": [],}'],
    ["NotJson", /no JSON value/, undefined],
    ["NotJson", /cycle/, Object.assign([], { 0: 1n })],
    ["Schema", /must be an object with .*it is \[1\]/, [1]],
    ["Schema", /must be an object with .*it is null/, null],
    ["Schema", /"tasks" must be a list/, "{}"],
    ["Schema", /"rationale" must be a text; it is 5/, { rationale: 5, tasks: [task("a")] }],
    ["Schema", /Task number 1 must be an object; it is 7/, draft([7] as never)],
    ["Schema", /Task "a": files\[1\] is 5\. .*expected string/, draft([task("a", { files: ["x", 5] })])],
    ["Schema", /Task "a": optional is "yes"/, draft([task("a", { optional: "yes" })])],
    ["Schema", /Task "a": tier is "huge"\. .*"haiku"\|"sonnet"\|"opus"/, draft([task("a", { tier: "huge" })])],
    ["Schema", /Task "a": task is 3\./, draft([task("a", { task: 3 })])],
    ["Schema", /"dependsOn" that no task has\. Did you mean "depends_on"/, draft([task("a", { dependsOn: [] })])],
    [
      "Schema",
      /"__proto__" that no task has\. Fields are label/,
      '{"tasks":[{"label":"a","worker":"api","task":"x","__proto__":{"optional":true}}]}',
    ],
    ["Empty", /no tasks/, draft([])],
    ["Empty", /at least one/, '{"rationale":"nothing to do","tasks":[]}'],
    ["TooManyTasks", /has 41 tasks; at most 40/, draft(times(41, (at) => task(`n${at}`)))],
    ["TooManyTasks", /has 5000 tasks/, draft(times(5000, (at) => task(`n${at}`)))],
    [
      "TooManyDependencies",
      /has 401 dependencies; at most 400/,
      draft(
        times(40, (at) =>
          task(`n${at}`, at < 20 ? {} : { depends_on: times(20, (to) => `n${to}`), after: at === 20 ? ["n39"] : [] }),
        ),
      ),
    ],
    [
      "TooDeep",
      /13 tasks wait .* n0 -> n1 -> .*n12 \(each comes before/,
      draft(Object.fromEntries(times(13, (at) => [`n${at}`, at > 0 ? [`n${at - 1}`] : []]))),
    ],
    [
      "TooDeep",
      /n19 -> … 160 more … -> n180/,
      draft(Object.fromEntries(times(200, (at) => [`n${at}`, at > 0 ? [`n${at - 1}`] : []]))),
    ],
    ["DuplicateLabel", /number 2 has the label "a"/, draft([task("a"), task("a")])],
    ["DuplicateLabel", /number 3 has the label "__proto__"/, draft([task("__proto__"), task("b"), task("__proto__")])],
    ["ConfusableLabel", /"Api" of task number 2 looks like the earlier "api"/, draft([task("api"), task("Api")])],
    ["ConfusableLabel", /"\\u0430pi" .* looks like the earlier "api"/, draft([task("api"), task("\u0430pi")])],
    ["ConfusableLabel", /earlier "add-api"/, draft([task("add-api"), task("add\u2011api")])],
    ["ConfusableLabel", /looks like/, draft([task("ﬁle"), task("file")])],
    ["ConfusableLabel", /looks like/, draft([task("straße"), task("STRASSE")])],
    ["ConfusableLabel", /looks like/, draft([task("ABC"), task("\u0391\u0392\u0421")])],
    ["ConfusableLabel", /looks like/, draft([task("Новый"), task("новый")])],
    ["ConfusableLabel", /looks like/, draft([task("ship \u{1f6a2}"), task("ship \u{1f6a2}\ufe0f")])],
    ["BadLabel", /label "" of task number 1 is empty/, draft([task("")])],
    ["BadLabel", /has 61 characters; at most 60/, draft([task(long(61))])],
    ["BadLabel", /begins or ends with a space/, draft([task("a ")])],
    ["BadLabel", /"a\\u202eb" .* holds control/, draft([task("a\u202eb")])],
    ["BadLabel", /"a\\nb" .* holds control/, draft([task("a\nb")])],
    ["BadLabel", /"a\\u200bb"/, draft([task("a\u200bb")])],
    ["BadLabel", /holds control/, draft([task("\u001b[31mred")])],
    ["BadLabel", /holds control/, draft([task("a\ud800")])],
    ["BadLabel", /holds control/, draft([task("a\u3164b")])],
    [
      "UnknownWorker",
      /"dosc", which does not exist\. Did you mean "docs"\? Workers are "api", "docs", "resize"/,
      draft([task("a", { worker: "dosc" })]),
    ],
    ["UnknownWorker", /"API".* Did you mean "api"/, draft([task("a", { worker: "API" })])],
    ["UnknownWorker", /"constructor", which does not exist\. Workers/, draft([task("a", { worker: "constructor" })])],
    [
      "UnknownDependency",
      /depends_on names "tset", .* Did you mean "test"/,
      draft([task("test"), task("b", { depends_on: ["tset"] })]),
    ],
    [
      "UnknownDependency",
      /after names "t1", which is the label of no task\. Use/,
      draft([task("test"), task("b", { after: ["t1"] })]),
    ],
    ["UnknownDependency", /names "toString"/, draft([task("b", { depends_on: ["toString"] })])],
    ["SelfDependency", /Task "a" names itself in depends_on/, draft([task("a", { depends_on: ["a"] })])],
    ["SelfDependency", /names itself in after/, draft([task("a", { after: ["a"] })])],
    ["DuplicateDependency", /names "a" twice/, draft([task("a"), task("b", { depends_on: ["a", "a"] })])],
    ["DuplicateDependency", /names "a" twice/, draft([task("a"), task("b", { depends_on: ["a"], after: ["a"] })])],
    ["Cycle", /: a -> b -> a \(each depends/, draft({ a: ["b"], b: ["a"] })],
    [
      "Cycle",
      /: a -> b -> c -> a /,
      draft([task("a", { after: ["b"] }), task("b", { depends_on: ["c"] }), task("c", { after: ["a"] })]),
    ],
    ["BadInput", /input is no JSON text: "\{width/, draft([task("a", { worker: "resize", input: "{width: 3}" })])],
    [
      "BadInput",
      /input \{"width":"3"\} does not suit worker "resize": width: a number/,
      draft([task("a", { worker: "resize", input: { width: "3" } })]),
    ],
    ["BadInput", /input null does not suit/, draft([task("a", { worker: "resize", input: " " })])],
    ["BadInput", /nested more than 64/, draft([task("a", { input: "[".repeat(9000) + "]".repeat(9000) })])],
    ["EmptyText", /Task "a": task is empty/, draft([task("a", { task: " \n" })])],
    ["EmptyText", /constraints\[1\] is empty/, draft([task("a", { constraints: ["x", ""] })])],
    ["EmptyText", /files\[0\] "" is empty/, draft([task("a", { files: [""] })])],
    ["TooLong", /task has 20001 characters; at most 20000/, draft([task("a", { task: long(20_001) })])],
    ["TooLong", /files has more than 100 entries/, draft([task("a", { files: times(101, (at) => `f${at}`) })])],
    ["TooLong", /input has 20\d+ characters/, draft([task("a", { input: [long(20_001)] })])],
    ["TooLong", /rationale has/, { rationale: long(20_001), tasks: [task("a")] }],
    ["TooLong", /at most 1024/, draft([task("a", { files: [long(1025)] })])],
    ["TooLong", /at most 2000000 are read/, long(2_000_001)],
    ["ControlCharacters", /task holds control .*"a\\u202eb"/, draft([task("a", { task: "a\u202eb" })])],
    ["ControlCharacters", /acceptance\[0\] holds/, draft([task("a", { acceptance: ["rm \u001b[8m"] })])],
    ["ControlCharacters", /rationale holds/, { rationale: "\u{e0041}", tasks: [task("a")] }],
    ["ControlCharacters", /files\[0\] "a\\u0000b"/, draft([task("a", { files: ["a\u0000b"] })])],
    [
      "WriteConflict",
      /Tasks "a" and "b" both write "x.ts" and neither .*put "a" into depends_on of "b".* only one/,
      draft([task("a", { writes: ["x.ts"] }), task("b", { writes: ["./x.ts"] })]),
    ],
    [
      "WriteConflict",
      /write "src\/" and "SRC\/x.ts", which overlap/,
      draft([task("a", { writes: ["src/"] }), task("b", { writes: ["SRC/x.ts"] })]),
    ],
    ["WriteConflict", /which overlap/, draft([task("a", { writes: ["src/deep/x.ts"] }), task("b", { writes: ["src/**/*.ts"] })])],
    ["WriteConflict", /which overlap/, draft([task("a", { writes: ["."] }), task("b", { writes: ["x"] })])],
    ["WriteConflict", /which overlap/, draft([task("a", { writes: ["caf\u00e9"] }), task("b", { writes: ["cafe\u0301"] })])],
  ];

  it.each(cases)("%s: %s", (code, message, value) => {
    const found = issuesOf(value).filter((issue) => issue.code === code);
    expect(found.map((issue) => issue.message).join("\n")).toMatch(message);
    // TooManyTasks and TooDeep come together in a plan of 200 tasks in a row; otherwise one fault is one issue.
    if (code !== "TooDeep") expect(codesOf(value)).toEqual([code]);
  });

  it.each(["..", "../x", "a/../../x", "a/..", "/etc/passwd", "//host/x", "C:x", "c:/x", "a\\b", "~/x", "~root"])(
    "PathOutside: %s",
    (path) => {
      expect(codesOf(draft([task("a", { files: [path] })]))).toEqual(["PathOutside"]);
      expect(codesOf(draft([task("a", { writes: [path] })]))).toEqual(["PathOutside"]);
    },
  );

  it.each(["...", "a..b", ".env", "app/[id]/page.tsx", "a b/ü.md", "-rf", "@scope/x", "xy:z"])(
    "PathOutside is not said of %s",
    (path) => {
      expect(planOf(draft([task("a", { files: [path], writes: [path] })])).tasks[0]).toMatchObject({
        files: [path],
        writes: [path],
      });
    },
  );
});

describe("writing the same file", () => {
  const writers = (b: object, c: object = {}) =>
    codesOf(draft([task("a", { writes: ["x"] }), task("b", { writes: ["x"], ...b }), task("c", c)]));

  it("is fine in an order, direct or through others, hard or soft", () => {
    expect(writers({ depends_on: ["a"] })).toEqual([]);
    expect(writers({ after: ["c"] }, { depends_on: ["a"] })).toEqual([]);
    expect(writers({}, { depends_on: ["a", "b"] })).toEqual(["WriteConflict"]);
    expect(writers({ depends_on: ["c"] })).toEqual(["WriteConflict"]);
  });

  it("is fine for names that only begin alike, and for route files in brackets", () => {
    const paths = ["src/a", "src/ab", "src/a.ts", "srcs/a", "app/[id]/page.tsx", "app/layout.tsx"];
    expect(codesOf(draft(paths.map((path, at) => task(`n${at}`, { writes: [path] }))))).toEqual([]);
  });

  it("is named once for each pair of tasks", () => {
    const both = { writes: ["a", "b", "c/"] };
    expect(
      issuesOf(draft([task("one", both), task("two", both), task("three", { writes: ["c/d"] })])).map((issue) => issue.task),
    ).toEqual(["two", "three", "three"]);
  });
});

describe("a draft with many faults", () => {
  it("has all of them named at once, with the tasks they concern", () => {
    const issues = issuesOf(
      draft([
        task("a", { worker: "nobody", depends_on: ["b", "lost"], files: ["../x"], writes: ["x"] }),
        task("b", { depends_on: ["a", "b"], input: "{", task: "" }),
        task("c", { writes: ["X"], tier: 1 }),
        task("C"),
      ]),
    );
    expect(issues.map(({ code, task: label }) => `${code} ${label}`).toSorted()).toEqual([
      "BadInput b",
      "ConfusableLabel C",
      "Cycle a",
      "EmptyText b",
      "PathOutside a",
      "Schema c",
      "SelfDependency b",
      "UnknownDependency a",
      "UnknownWorker a",
      "WriteConflict c",
    ]);
    const text = describeIssues(issues);
    expect(text).toMatch(/^The plan has 10 issues\. Mend all of it/);
    expect(text.split("\n")).toHaveLength(11);
  });

  it("gets a text for repair that stays short and on one line an issue", () => {
    const issues = issuesOf(draft(times(120, (at) => task(`line\nbreak ${at} \u202e${"y".repeat(3000)}`, { worker: "x\ny" }))));
    const lines = describeIssues(issues).split("\n");
    expect(lines).toHaveLength(52);
    expect(lines.at(-1)).toMatch(/and \d+ more/);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(600);
    expect(lines.join("")).not.toMatch(/\p{Bidi_Control}/u);
    expect(describeIssues(issues.slice(0, 1))).toMatch(/^The plan has one issue\./);
  });

  it("lists at most two hundred issues of one code, and still every code", () => {
    const codes = codesOf(
      draft(times(900, (at) => task(`n${at}`, { worker: "nobody", depends_on: at === 899 ? ["lost"] : [] }))),
    );
    expect(codes.filter((code) => code === "UnknownWorker")).toHaveLength(200);
    expect(codes).toContain("UnknownDependency");
  });

  it("finds look-alikes that differ in case and hidden selectors as well", () => {
    expect(codesOf(draft([task("stra\u00dfe-api"), task("STRASSE-\u0430pi\ufe0f")]))).toEqual(["ConfusableLabel"]);
  });

  it.each([
    ["a", "\u0430\u03b1\u0251"],
    ["c", "\u0441\u03f2"],
    ["d", "\u0501"],
    ["e", "\u0435"],
    ["g", "\u0261\u050d"],
    ["h", "\u04bb"],
    ["i", "\u0456\u03b9\u0131\u0269"],
    ["j", "\u0458\u03f3"],
    ["k", "\u043a\u03ba"],
    ["l", "\u04cf"],
    ["n", "\u03b7"],
    ["o", "\u043e\u03bf"],
    ["p", "\u0440\u03c1"],
    ["q", "\u051b"],
    ["r", "\u0433"],
    ["s", "\u0455"],
    ["u", "\u03c5"],
    ["v", "\u0475\u03bd"],
    ["w", "\u051d"],
    ["x", "\u0445\u03c7"],
    ["y", "\u0443\u03b3\u04af"],
    ["A", "\u0410\u0391"],
    ["B", "\u0412\u0392"],
    ["C", "\u0421\u03f9"],
    ["E", "\u0415\u0395"],
    ["H", "\u041d\u0397"],
    ["I", "\u0406\u0399\u04c0"],
    ["J", "\u0408\u037f"],
    ["K", "\u041a\u039a"],
    ["M", "\u041c\u039c"],
    ["N", "\u039d"],
    ["O", "\u041e\u039f"],
    ["P", "\u0420\u03a1"],
    ["Q", "\u051a"],
    ["S", "\u0405"],
    ["T", "\u0422\u03a4"],
    ["V", "\u0474"],
    ["W", "\u051c"],
    ["X", "\u0425\u03a7"],
    ["Y", "\u0423\u03a5\u04ae"],
    ["Z", "\u0396"],
    ["-", "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"],
  ])("takes %s for every letter that looks like it", (latin, others) => {
    for (const other of others) {
      const issues = issuesOf(draft([task(`n${latin}n`), task(`n${other}n`)]));
      expect(issues.map(({ code, task: label }) => [code, label])).toEqual([["ConfusableLabel", `n${other}n`]]);
    }
  });

  it("is too long as an object, too, and is told where broken JSON begins", () => {
    const long = issuesOf({ rationale: "x".repeat(2_000_000), tasks: [] });
    expect(long.map(({ code, message }) => `${code}: ${message}`)).toEqual([
      "TooLong: The plan has 2000027 characters; at most 2000000 are read.",
    ]);
    expect(issuesOf('Look: {"tasks": [},}')[0]?.message).toContain("the one that begins at character 7 ");
  });

  it("names the first of several look-alikes", () => {
    const issues = issuesOf(draft([task("api"), task("Api"), task("aPI"), task("API")]));
    expect(issues.map(({ message }) => message.split(". ")[0])).toEqual(
      ["Api", "aPI", "API"].map((label, at) => `The label "${label}" of task number ${at + 2} looks like the earlier "api"`),
    );
  });

  it("names both circles that share a task", () => {
    expect(messagesOf(draft({ a: ["b"], b: ["a", "c"], c: ["b"] }))).toMatch(/a -> b -> a [\s\S]*b -> c -> b /);
  });

  it("survives workers whose check throws", () => {
    const workers = [
      ...WORKERS,
      {
        name: "thrower",
        checkInput: () => {
          throw new Error("oh");
        },
      },
    ];
    const result = checkPlan(draft([task("a", { worker: "thrower" })]), { workers });
    expect(result).toMatchObject({ ok: false, issues: [{ code: "BadInput", task: "a" }] });
  });
});
