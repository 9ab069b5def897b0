import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { getEventListeners, once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cleanEnvironment } from "../../src/process/environment.ts";
import { endProcessesOf, findMarked } from "../../src/process/marked.ts";
import { runProcess } from "../../src/process/run-process.ts";
import type { ProcessOptions } from "../../src/process/run-process.ts";

let folder = "";
let server: Server;
let port = 0;
/** Resolves with each process that connects; its socket closes exactly when the process is gone. */
const callers: Array<(socket: Socket) => void> = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "quatrain-process-"));
  server = createServer((socket) => {
    socket.on("error", () => {});
    socket.resume();
    callers.shift()?.(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
});

afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});

function options(more: Partial<ProcessOptions> = {}): ProcessOptions {
  const env = cleanEnvironment({ home: folder, runId: "r-test" });
  return { cwd: folder, env, timeoutMs: 10_000, signal: new AbortController().signal, graceMs: 100, drainMs: 50, ...more };
}

function nextCaller(): Promise<Socket> {
  return new Promise((resolve) => {
    callers.push(resolve);
  });
}

/** Resolves when the process at the other end is gone, politely or not. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
  });
}

/** A shell fragment that connects to the test and then waits for ever, ignoring SIGTERM if asked to. */
function waiting(ignore = false): string {
  return `${ignore ? "trap '' TERM; " : ""}exec 9<>/dev/tcp/127.0.0.1/${port}; while :; do read -r -u 9 _ || break; done`;
}

function openPipes(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === "PipeWrap").length;
}

/** Starts something in the background and, once it is up, lets the command itself end. */
async function outlived(background: string, more: Partial<ProcessOptions> = {}) {
  const seen = [nextCaller(), nextCaller()];
  const foreground = `exec 8<>/dev/tcp/127.0.0.1/${port}; read -r -u 8 _`;
  const running = runProcess({ shell: `${background} ${foreground}` }, options(more));
  const sockets = await Promise.all(seen);
  for (const socket of sockets) socket.write("go on\n");
  return { running, sockets };
}

describe("a command", () => {
  it("reports exit code, both outputs and how long it took", async () => {
    const result = await runProcess({ shell: "echo out; echo err >&2; exit 3" }, options());
    expect(result).toMatchObject({ exitCode: 3, signal: null, timedOut: false, aborted: false, failure: null });
    expect(result.stdout).toEqual({ text: "out\n", bytes: 4, truncated: false });
    expect(result.stderr.text).toBe("err\n");
    expect(result.durationMs).toBeGreaterThan(0);
  });

  it("gets its arguments as they are, without a shell", async () => {
    const words = ["$(touch canary)", "; touch canary", "`touch canary`", "a b", "\n", "'", '"'];
    const result = await runProcess({ argv: ["printf", "%s|", ...words] }, options());
    expect(result.stdout.text).toBe(words.map((word) => `${word}|`).join(""));
    await expect(readFile(path.join(folder, "canary"))).rejects.toThrow("ENOENT");
  });

  it("has an empty stdin", async () => {
    const result = await runProcess({ argv: ["cat"] }, options());
    expect(result).toMatchObject({ exitCode: 0, stdout: { text: "" } });
  });

  it("tells which signal ended it", async () => {
    const result = await runProcess({ shell: "kill -9 $$" }, options());
    expect(result).toMatchObject({ exitCode: null, signal: "SIGKILL", timedOut: false });
  });

  it("keeps head and tail of a huge output and runs to its end", async () => {
    const result = await runProcess(
      { shell: "echo first; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last" },
      options({ outputCap: 1000 }),
    );
    expect(result.exitCode).toBe(0);
    expect(result.stdout).toMatchObject({ bytes: 3_000_012, truncated: true });
    expect(result.stdout.text.startsWith("first\nx")).toBe(true);
    expect(result.stdout.text.endsWith("x\nlast\n")).toBe(true);
    expect(result.stdout.text).toContain("[... 2999012 bytes left out ...]");
  });
});

describe("a command that can't start", () => {
  it("is a result that names the program", async () => {
    const result = await runProcess({ argv: ["no-such-program-here"] }, options());
    expect(result).toMatchObject({ exitCode: null, signal: null, failure: { code: "ENOENT" } });
    expect(result.failure?.message).toContain("no-such-program-here");
  });

  it.each([
    { what: "a missing folder", argv: ["true"], more: { cwd: "/nowhere/at/all" }, code: "ENOENT" },
    { what: "a file without the executable bit", argv: ["./plain.txt"], more: {}, code: "EACCES" },
    { what: "a null character", argv: ["echo", "a\0b"], more: {}, code: "ERR_INVALID_ARG_VALUE" },
    { what: "no words at all", argv: [], more: {}, code: "ERR_INVALID_ARG_VALUE" },
  ])("is a result for $what", async ({ argv, more, code }) => {
    await writeFile(path.join(folder, "plain.txt"), "x");
    expect((await runProcess({ argv }, options(more))).failure?.code).toBe(code);
  });

  it("is not even tried when the signal is aborted already", async () => {
    const result = await runProcess({ shell: "touch canary" }, options({ signal: AbortSignal.abort() }));
    expect(result).toMatchObject({ aborted: true, exitCode: null, failure: null });
    await expect(readFile(path.join(folder, "canary"))).rejects.toThrow("ENOENT");
  });
});

describe("stopping", () => {
  it("ends the whole group on abort", async () => {
    const abort = new AbortController();
    const running = runProcess({ shell: `(${waiting()}) & (${waiting()})` }, options({ signal: abort.signal }));
    const sockets = await Promise.all([nextCaller(), nextCaller()]);
    const gone = Promise.all(sockets.map(closing));
    abort.abort();
    expect(await running).toMatchObject({ aborted: true, timedOut: false });
    await gone;
  });

  it("ends a group that ignores SIGTERM on timeout", async () => {
    const running = runProcess({ shell: waiting(true) }, options({ timeoutMs: 150 }));
    const socket = await nextCaller();
    const gone = closing(socket);
    expect(await running).toMatchObject({ timedOut: true, aborted: false, signal: "SIGKILL" });
    await gone;
  });

  it.each([
    ["holds the pipes", ""],
    ["holds no pipe", ">/dev/null 2>&1"],
  ])("ends a grandchild that called setsid and %s", async (_name, redirection) => {
    const abort = new AbortController();
    const shell = `setsid bash -c "${waiting(true)}" ${redirection} & wait`;
    const running = runProcess({ shell }, options({ signal: abort.signal }));
    const gone = closing(await nextCaller());
    abort.abort();
    expect((await running).aborted).toBe(true);
    await gone;
  });

  it("leaves no listener on the signal", async () => {
    const abort = new AbortController();
    const { signal } = abort;
    await runProcess({ argv: ["true"] }, options({ signal }));
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});

describe("a command that ends by itself", () => {
  it("is not kept waiting by a setsid grandchild that holds the pipes, which is ended, too", async () => {
    const { running, sockets } = await outlived(`setsid bash -c "${waiting()}" &`);
    const gone = Promise.all(sockets.map(closing));
    expect(await running).toMatchObject({ exitCode: 0, timedOut: false });
    await gone;
  });

  it("is not even kept waiting by one that can't be found, as it also threw its environment away", async () => {
    const pipes = openPipes();
    const { running, sockets } = await outlived(`env -i setsid /bin/bash -c "${waiting()}" &`);
    expect((await running).exitCode).toBe(0);
    expect(openPipes()).toBe(pipes);
    for (const socket of sockets) socket.destroy();
  });

  it("takes its background processes with it", async () => {
    const { running, sockets } = await outlived(`(${waiting()}) >/dev/null 2>&1 &`);
    const gone = Promise.all(sockets.map(closing));
    expect((await running).exitCode).toBe(0);
    await gone;
  });

  it("keeps what is written after its end while the pipes drain", async () => {
    const result = await runProcess(
      { shell: "(kill -0 $$; while kill -0 $$ 2>/dev/null; do :; done; echo late) & true" },
      options({ drainMs: 2000 }),
    );
    expect(result.stdout.text).toBe("late\n");
  });
});

describe("orphans of a run", () => {
  it("are found by the run's marker and ended", async () => {
    const runId = `r-orphan-${process.pid}`;
    const env = cleanEnvironment({ home: folder, runId });
    const { running, sockets } = await outlived(`setsid bash -c "${waiting(true)}" >/dev/null 2>&1 &`, { env });
    const gone = Promise.all(sockets.map(closing));
    await running;
    expect(await findMarked("QUATRAIN_RUN", runId)).toHaveLength(1);
    expect(await endProcessesOf(runId)).toBeGreaterThanOrEqual(1);
    await gone;
    expect(await endProcessesOf(`${runId}-other`)).toBe(0);
  });
});
