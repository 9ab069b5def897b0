// Proves two promises on the demo (`npm run prove:demo -- --runs 20 --stops 50`):
//   the same job gives the same journal and the same files every time (durations, ports, ids and token counts masked);
//   stopped at any moment and taken up again it gives the same files, and no turn whose result was recorded is asked again.
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { randomFrom } from "../dist/core/random.js";
import { setStage } from "../dist/cli/demo/stage.js";
import { readRows } from "../dist/host/sqlite.js";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "20" },
    stops: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
  },
});
const runs = Number(values.runs);
const stops = Number(values.stops);
const random = randomFrom(Number(values.seed));

const reference = await play();
console.log(
  `reference: ${reference.events} events, ${reference.turns} turns, journal ${reference.journal}, files ${reference.files}`,
);
let bad = 0;
for (let n = 2; n <= runs; n += 1) {
  const again = await play();
  const same = again.journal === reference.journal && again.files === reference.files;
  if (!same) bad += 1;
  if (again.journal !== reference.journal) showDifference(reference.lines, again.lines);
  console.log(
    `run ${n}: journal ${again.journal === reference.journal ? "same" : `DIFFERS ${again.journal}`}, files ${again.files === reference.files ? "same" : "DIFFER"}`,
  );
}
for (let n = 1; n <= stops; n += 1) {
  const stopAfter = 1 + Math.floor(random() * (reference.events - 2));
  const again = await play(stopAfter);
  const same = again.files === reference.files && again.askedTwice.length === 0;
  if (!same) bad += 1;
  console.log(
    `stop ${n} after event ${stopAfter}: files ${again.files === reference.files ? "same" : "DIFFER"}, recorded turns asked again: ${again.askedTwice.length}${again.askedTwice.length ? ` (${again.askedTwice.join(", ")})` : ""}`,
  );
}
console.log(`${runs} runs, ${stops} stops: ${bad === 0 ? "all the same" : `${bad} differ`}`);
process.exitCode = bad === 0 ? 0 : 1;

/** Plays the demo once, stopped after the given event and taken up again where one is given. */
async function play(stopAfter) {
  const folder = mkdtempSync(path.join(tmpdir(), "quatrain-prove-"));
  try {
    let stage = await setStage({ fast: true, folder });
    let events = await follow(stage, stopAfter);
    const first = await stage.run.result;
    let askedTwice = [];
    if (first.outcome === "suspended") {
      const recorded = recordedTurns(folder, stage.run.id);
      await stage.close(true);
      stage = await setStage({ fast: true, folder, resume: stage.run.id });
      const asked = [];
      stage.run.events.subscribe((event) => {
        if (event.type === "turn.started" && Number(event.seq.split(".")[0]) > stage.run.replayedThrough)
          asked.push(`${event.conversation}/${event.turn}`);
      });
      events += await follow(stage);
      askedTwice = asked.filter((turn) => recorded.has(turn));
    }
    const result = await stage.run.result;
    if (result.outcome !== "complete") console.log(`  outcome ${result.outcome}: ${JSON.stringify(result.failure)}`);
    const rows = readRows({ file: path.join(folder, ".quatrain", "runs.db"), run: stage.run.id });
    const tested = await stage.finalTest();
    if (tested.failed !== 0) console.log(`  ${tested.failed} tests failed`);
    await stage.close(true);
    return {
      events,
      turns: recordedTurns(folder, stage.run.id).size,
      lines: masked(rows),
      journal: hashOf(masked(rows)),
      files: hashOf(filesOf(folder)),
      askedTwice,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function follow(stage, stopAfter = Number.POSITIVE_INFINITY) {
  let events = 0;
  for await (const _ of stage.run.events) {
    events += 1;
    if (events === stopAfter) await stage.run.stop();
  }
  return events;
}

function recordedTurns(folder, run) {
  const rows = readRows({ file: path.join(folder, ".quatrain", "runs.db"), run });
  // A turn's key is <conversation>/turn/<n>.<try>; failed tries are asked again on purpose.
  return new Set(
    rows.flatMap(({ kind, id, body }) => {
      const match = kind === "result" ? /:(.+)\/turn\/(\d+)\.\d+$/.exec(id ?? "") : null;
      return match && JSON.stringify(body).includes('"kind":"answered"') ? [`${match[1]}/${match[2]}`] : [];
    }),
  );
}

/** What the run did, without when and with which numbers: rows by name, texts without durations, ports, ids, paths. */
function masked(rows) {
  return rows
    .filter(({ kind }) => kind === "intent" || kind === "result")
    .map(({ kind, id, body }) => `${kind} ${id} ${kind === "result" ? mask(JSON.stringify(body)) : ""}`)
    .toSorted()
    .join("\n");
}

function mask(text) {
  return text
    .replaceAll(/"(?:usage|usd|at|inputTokens|outputTokens|bytes)":(?:\{[^}]*\}|[\d.e+-]+|null)/g, "")
    .replaceAll(/(?:toolu|req|msg)_[A-Za-z0-9]+/g, "ID")
    .replaceAll(/127\.0\.0\.1:\d+/g, "HOST")
    .replaceAll(/quatrain-[a-z]+-[A-Za-z0-9]+|r-[a-z0-9]{10,}/g, "PLACE")
    .replaceAll(/duration_ms[: ]+[\d.]+|\(?[\d.]+ ?ms\)?/g, "TIME")
    .replaceAll(/"detail":"(?:[^"\\]|\\.)*"/g, "DETAIL")
    .replaceAll(/"(?:output|summary|ref)":"[0-9a-f]{64}"/g, "REF");
}

function filesOf(folder) {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => !name.startsWith(".quatrain"))
    .toSorted();
  return names
    .map((name) => {
      try {
        return `${name} ${hashOf(readFileSync(path.join(folder, name)))}`;
      } catch {
        return name;
      }
    })
    .join("\n");
}

/** The first two places where two journals part. */
function showDifference(one, other) {
  const [a, b] = [one.split("\n"), other.split("\n")];
  const places = a.flatMap((line, at) => (line === b[at] ? [] : [at])).slice(0, 2);
  for (const at of places) {
    const from = [...a[at]].findIndex((letter, place) => letter !== b[at]?.[place]);
    console.log(
      `  ${a[at].slice(0, 60)}\n    was ${a[at].slice(Math.max(0, from - 60), from + 80)}\n    is  ${(b[at] ?? "").slice(Math.max(0, from - 60), from + 80)}`,
    );
  }
}

function hashOf(content) {
  return createHash("sha256").update(content).digest("hex").slice(0, 16);
}
