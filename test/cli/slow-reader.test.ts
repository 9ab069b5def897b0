import { EventEmitter } from "node:events";
import { PassThrough, Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { defineWorker, orchestrate } from "../../src/index.ts";
import type { Run } from "../../src/index.ts";
import type { EndSignal, Io } from "../../src/cli/io.ts";
import { superviseRun } from "../../src/cli/supervise.ts";
import { scriptedModel } from "../../src/testing/scripted-model.ts";

const NOTES = 5_000;

/** A run that tells thousands of notes and needs nothing from outside. */
function talkative(): Run {
  const worker = defineWorker({
    name: "talker",
    description: "talks",
    perform: (_brief, { log }) => {
      for (let at = 0; at < NOTES; at++) log(`note ${at} ${"x".repeat(100)}`);
      return "done";
    },
  });
  return orchestrate("talk", { workers: [worker], mode: "direct", model: scriptedModel({}) });
}

/** A reader that takes nothing until told to, and what it was given by then. */
function lazyReader() {
  let text = "";
  let isReading = false;
  let waiting = (): void => {};
  const stream = new Writable({
    highWaterMark: 16_384,
    write(chunk: Buffer, _encoding, taken) {
      const take = (): void => {
        text += chunk.toString();
        taken();
      };
      if (isReading) take();
      else waiting = take;
    },
  });
  return {
    stream,
    text: () => text,
    read: () => {
      isReading = true;
      waiting();
    },
  };
}

function watch(run: Run, stdout: NodeJS.WritableStream, kind: "json" | "plain") {
  const signals = new EventEmitter();
  const left: number[] = [];
  const io: Io = {
    stdin: new PassThrough(),
    stdout,
    stderr: new PassThrough(),
    environment: {},
    directory: "/",
    now: () => 0,
    later: () => () => {},
    onSignal(listener) {
      signals.on("signal", listener);
      return () => void signals.off("signal", listener);
    },
    leave: (code) => void left.push(code),
  };
  const place = { workspace: null, store: "/nowhere", flags: "" };
  const code = superviseRun(run, { io, kind, place, apply: false });
  return { code, left, signal: (name: EndSignal) => void signals.emit("signal", name) };
}

describe("a reader that never reads", () => {
  it.each(["json", "plain"] as const)(
    "holds up neither the run nor memory, and gets every %s line once it reads",
    async (kind) => {
      const reader = lazyReader();
      const run = talkative();
      const watched = watch(run, reader.stream, kind);
      expect(await run.result).toMatchObject({ outcome: "complete" });
      const lineLength = 400;
      expect(reader.stream.writableLength).toBeLessThan(reader.stream.writableHighWaterMark + lineLength);
      expect(reader.text()).toBe("");
      reader.read();
      expect(await watched.code).toBe(0);
      const told = [...reader.text().matchAll(/note (\d+) x/g)].map(([, at]) => Number(at));
      expect(told).toEqual(Array.from({ length: NOTES }, (_, at) => at));
    },
  );

  it("is not waited for once the run has ended and a signal comes", async () => {
    const run = talkative();
    const watched = watch(run, lazyReader().stream, "json");
    await run.result;
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    watched.signal("SIGINT");
    expect(watched.left).toEqual([130]);
  });
});
