// `quatrain stand-in`: the Messages API for clients in any language.
import { createServer } from "node:net";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import path from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseJson } from "../../src/core/json.ts";
import { call, ended, folders } from "./helpers.ts";
import type { Called, CallOptions } from "./helpers.ts";

const places = folders();
let directory = "";

beforeEach(async () => {
  directory = await places.make();
});
afterEach(() => places.clean());

const plain = { model: "claude-sonnet-5-5", max_tokens: 100, messages: [{ role: "user" as const, content: "hello" }] };

const headers = {
  "x-api-key": "sk-ant-a-key-nobody-may-see",
  "anthropic-version": "2026-10-21",
  "content-type": "application/json",
};

interface Serving extends Called {
  readonly url: string;
  post(body: object): Promise<Response>;
}

/** Starts a stand-in in the test's process, and waits until it listens. */
async function serve(...flags: readonly string[]): Promise<Serving> {
  return serving(flags, {});
}

async function serving(flags: readonly string[], options: CallOptions): Promise<Serving> {
  const called = call(["stand-in", ...flags], { directory, ...options });
  const told = (): string => (flags.includes("-") ? called.stderr() : called.stdout());
  await expect.poll(told, { interval: 3 }).toMatch(/http:\/\/127\.0\.0\.1:\d+/);
  const [url = ""] = /http:\/\/127\.0\.0\.1:\d+/.exec(told()) ?? [];
  return {
    ...called,
    url,
    post: (body) => fetch(`${url}/v1/messages`, { method: "POST", headers, body: JSON.stringify(body) }),
  };
}

/** Sends a request and resolves once it has arrived; its answer is told as the status, or null when it is cut. */
async function arrive({ url }: Serving, body: object): Promise<{ readonly status: Promise<number | null> }> {
  const sent = request(`${url}/v1/messages`, { method: "POST", headers: { ...headers, expect: "100-continue" }, agent: false });
  const status = new Promise<number | null>((resolve) => {
    sent.on("response", (response) => {
      response.resume();
      response.on("close", () => resolve(response.complete ? (response.statusCode ?? 0) : null));
    });
    sent.on("error", () => resolve(null));
  });
  sent.flushHeaders();
  await once(sent, "continue");
  sent.end(JSON.stringify(body));
  return { status };
}

async function script(rules: unknown): Promise<readonly string[]> {
  await writeFile(path.join(directory, "rules.json"), JSON.stringify({ rules }));
  return ["--script", "rules.json"];
}

const linesOf = (text: string): readonly unknown[] => text.trimEnd().split("\n").map(parseJson);

describe("what it answers", () => {
  it("echoes, tells how it is used and what came, and ends at Ctrl-C with 0", async () => {
    const server = await serve();
    const response = await server.post(plain);
    expect(await response.json()).toMatchObject({ content: [{ type: "text", text: "hello" }], stop_reason: "end_turn" });
    await server.shows("#1");
    server.signal("SIGINT");
    expect(await server.code).toBe(0);
    expect(server.stdout()).toBe(
      [
        `The stand-in listens on ${server.url} and answers with what it was told.`,
        `Use it:  ANTHROPIC_BASE_URL=${server.url} ANTHROPIC_API_KEY=any <your program>`,
        "Ctrl-C ends it.",
        "#1 POST /v1/messages: 200, claude-sonnet-5-5, turn 1, 2 tokens in, 2 out",
        "1 request: 1 answered.",
        "",
      ].join("\n"),
    );
    expect(server.stderr()).toBe("");
    await expect(server.post(plain)).rejects.toThrow("fetch failed");
  });

  it("follows a script: the official client calls a tool, outlives an overload, and streams", async () => {
    const rules = [
      { when: { tool: "get_weather", turn: 0 }, answer: { tools: [{ name: "get_weather", input: { city: "Oslo" } }] } },
      { when: { text: "again" }, answer: [{ fault: "status 529" }, "It is cold."] },
    ];
    const server = await serve(...(await script(rules)));
    const client = new Anthropic({ apiKey: "any", baseURL: server.url, maxRetries: 1 });
    const tools = [{ name: "get_weather", input_schema: { type: "object" as const } }];
    const message = await client.messages.create({ ...plain, tools });
    expect(message).toMatchObject({ stop_reason: "tool_use", content: [{ name: "get_weather", input: { city: "Oslo" } }] });
    const stream = client.messages.stream({ ...plain, messages: [{ role: "user", content: "again" }] });
    expect(await stream.finalText()).toBe("It is cold.");
    server.signal("SIGTERM");
    expect(await server.code).toBe(0);
    expect(server.stdout()).toContain("#2 POST /v1/messages: 529, claude-sonnet-5-5, turn 1\n");
    expect(server.stdout()).toContain("3 requests: 2 answered, 1 spoilt by faults.");
  });

  it("refuses what no rule expects, or leaves it to the echo", async () => {
    const flags = await script([{ when: { text: "known" }, answer: "yes" }]);
    const strict = await serve(...flags, "--strict");
    expect((await strict.post(plain)).status).toBe(400);
    strict.signal("SIGINT");
    expect(await strict.code).toBe(1);
    expect(strict.stdout()).toMatch(
      /1 request: 1 unexpected\.\n {2}unexpected: No rule of the script expects request 1 .*"hello"/,
    );
    const lenient = await serve(...flags, "--echo", "--strict");
    expect((await lenient.post(plain)).status).toBe(200);
    lenient.signal("SIGINT");
    expect(await lenient.code).toBe(0);
  });

  it("answers badly, breaks at random and keeps limits as told", async () => {
    const server = await serve("--bad", "7", "--faults", "100%", "--seed", "3", "--limits", "1", "--models", "own-model, other");
    expect(server.stdout()).toContain("answers as badly as models do (seed 7); 100 % of the requests go wrong (seed 3).");
    const models = await fetch(`${server.url}/v1/models?limit=99`, { headers: { "x-api-key": "a", "anthropic-version": "1" } });
    expect(JSON.stringify(await models.json())).toMatch(/"own-model".*"other"/);
    server.signal("SIGINT");
    await server.code;
    const limited = await serve("--limits", "1,1000");
    const statuses = [(await limited.post(plain)).status, (await limited.post(plain)).status];
    expect(statuses).toEqual([200, 429]);
    limited.signal("SIGINT");
    await limited.code;
    expect(limited.stdout()).toContain("2 requests: 1 answered, 1 over the limits.");
  });
});

describe("what it tells", () => {
  it("with --json: a line at the start, for each request, and at the end; keys never", async () => {
    const server = await serve("--json", "--strict");
    await (await server.post({ ...plain, messages: [{ role: "user", content: "key sk-ant-a-key-nobody-may-see" }] })).text();
    await (await server.post({ ...plain, max_tokens: undefined })).text();
    await (await server.post({ ...plain, model: "claude-nobody" })).text();
    server.signal("SIGINT");
    expect(await server.code).toBe(1);
    expect(linesOf(server.stdout())).toMatchObject([
      { type: "listening", url: server.url },
      {
        type: "request",
        n: 1,
        status: 200,
        answered: "message",
        model: plain.model,
        turn: 0,
        usage: { output_tokens: 8 },
        problem: null,
      },
      { type: "request", n: 2, status: 400, problem: { kind: "invalid", reason: "max_tokens: Field required" } },
      { type: "request", n: 3, status: 404, problem: { kind: "invalid", reason: "model: claude-nobody" } },
      {
        type: "summary",
        exitCode: 1,
        requests: 3,
        answered: 1,
        invalid: { "max_tokens: Field required": 1, "model: claude-nobody": 1 },
      },
    ]);
    expect(server.stdout()).not.toContain("nobody-may-see");
    expect(server.stderr()).toBe("");
  });

  it("with --log: a line for each request to a file, appended, or to stdout and all else to stderr", async () => {
    await writeFile(path.join(directory, "log.ndjson"), '"before"\n');
    const server = await serve("--log", "log.ndjson");
    await (await server.post(plain)).text();
    server.signal("SIGINT");
    await server.code;
    expect(linesOf(await readFile(path.join(directory, "log.ndjson"), "utf8"))).toMatchObject([
      "before",
      { type: "request", n: 1, body: plain, headers: { "anthropic-version": "2026-10-21" } },
    ]);
    const piped = await serve("--log", "-");
    await (await piped.post(plain)).text();
    piped.signal("SIGINT");
    await piped.code;
    expect(linesOf(piped.stdout())).toMatchObject([{ type: "request", n: 1 }]);
    expect(piped.stderr()).toMatch(/Ctrl-C ends it\.\n1 request: 1 answered\.\n$/);
  });
});

describe("how it ends", () => {
  it("lets what is under way end, and counts it", async () => {
    const server = await serve("--latency", "60");
    const { status } = await arrive(server, plain);
    server.signal("SIGINT");
    expect(await status).toBe(200);
    expect(await server.code).toBe(0);
    expect(server.stdout()).toContain("1 request: 1 answered.");
    expect(server.stderr()).toContain("ending; 1 request under way may take 2 s. Once more to end at once.");
  });

  it("waits for nothing that stalls by a fault", async () => {
    const flags = await script([{ answer: { fault: "stall before headers" } }]);
    const server = await serving([...flags, "--log", "log.ndjson"], { later: () => () => {} });
    const { status } = await arrive(server, plain);
    server.signal("SIGINT");
    expect([await server.code, await status]).toEqual([0, null]);
    expect(server.stdout()).toContain("1 request: 1 spoilt by faults.");
    expect(await readFile(path.join(directory, "log.ndjson"), "utf8")).toContain('"answered":"stalled"');
  });

  it("cuts what takes longer than two seconds, and ends at once at the second signal", async () => {
    const clock = { act: (): void => {}, ms: 0 };
    const server = await serving(["--latency", "100000"], {
      later: (ms, act) => {
        Object.assign(clock, { ms, act });
        return () => {};
      },
    });
    const { status } = await arrive(server, plain);
    server.signal("SIGINT");
    await expect.poll(() => clock.ms, { interval: 3 }).toBe(2_000);
    server.signal("SIGINT");
    // A real process would be gone now.
    expect(server.left).toEqual([130]);
    clock.act();
    expect([await server.code, await status]).toEqual([0, null]);
    expect(server.stdout()).toContain("1 request: 1 left unanswered.");
  });

  it("ends when nobody reads what it tells", async () => {
    const server = await serve();
    server.breakPipe();
    expect(await server.code).toBe(141);
  });
});

describe("what it refuses", () => {
  it("a port that is in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { code, stdout, stderr } = await ended(["stand-in", "--port", String(port)], { directory });
    other.close();
    await once(other, "close");
    expect(stderr).toBe(
      `quatrain: --port is ${port}, which another process uses; give another one, or leave --port out for a free one.\n`,
    );
    expect([code, stdout]).toEqual([2, ""]);
  });

  it.each<[string, readonly string[], RegExp]>([
    ["a port that is none", ["--port", "0"], /--port is "0"; give a whole number from 1 to 65535/],
    ["a seed that is none", ["--bad", "x"], /--bad is "x"; give a whole number/],
    ["two brains", ["--bad", "1", "--echo"], /'--bad <seed>' cannot be used with option '--echo'/],
    ["a share above 1", ["--faults", "3"], /--faults is "3"; give the share of requests that go wrong/],
    ["a seed for nothing", ["--seed", "3"], /--seed is for --faults, which is missing/],
    ["limits of nothing", ["--limits", "5,,"], /--limits is "5,,"; give requests, input tokens and output tokens/],
    ["a wait that is none", ["--latency", "-1"], /--latency is "-1"; give milliseconds/],
    ["a missing script", ["--script", "none.json"], /--script none\.json can't be read: there is no such file/],
    ["a script that is no JSON", ["--script", "a.txt"], /--script a\.txt is no JSON: /],
    [
      "a log that can't be written",
      ["--log", "a.txt/log"],
      /--log .*a.txt.log can't be written: a part of its path is no folder/,
    ],
    ["an unknown flag", ["--prot", "3"], /unknown option '--prot'\n\(Did you mean --port\?\)/],
  ])("%s", async (_name, flags, message) => {
    const { code, stdout, stderr } = await ended(["stand-in", ...flags], { directory });
    expect(stderr).toMatch(message);
    expect([code, stdout]).toEqual([2, ""]);
  });

  it("a script, with the file, the rule and the field", async () => {
    const { code, stderr } = await ended(["stand-in", ...(await script([{ answer: { fault: "status 599" } }]))], { directory });
    expect(stderr).toMatch(
      /--script rules\.json: The script has 1 wrong place:\n {2}rule 1, answer\.fault: "status 599" is no fault/,
    );
    expect(code).toBe(2);
  });
});
