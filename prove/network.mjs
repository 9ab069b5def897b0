// Proves that a bad network costs only what it takes: the real client and machines against the stand-in over HTTP, with a
// third of all answers spoiled in every way it knows. `npm run prove:network`, small with `-- --quick`.
import { isDeepStrictEqual } from "node:util";
import { prove } from "./harness.mjs";
import { playStorm } from "./parts/storm.mjs";

/** Share of answers that are spoiled. */
const RATE = 0.3;

await prove({
  name: "network",
  promise: "On a network that spoils 30 % of all answers every run completes, and only answers that were lost are paid again.",
  sizes: { turns: { full: 400, quick: 60 }, seeds: { full: 20, quick: 1 } },
  run: playStorms,
});

async function playStorms({ turns, seeds, seed, log }) {
  const faults = [];
  const kinds = new Set();
  const sums = { spoiled: 0, delivered: 0, lost: 0, again: 0, incomplete: 0, truncated: 0, afterDelivery: 0, invalid: 0 };
  for (let at = seed; at < seed + seeds; at += 1) {
    const storm = await playStorm({ turns, rate: RATE, seed: at });
    const found = inspect(storm);
    for (const name of found.kinds) kinds.add(name);
    for (const name of Object.keys(sums)) sums[name] += found[name];
    faults.push(...found.faults.map((fault) => `seed ${at}: ${fault}`));
    const hours = (storm.virtualMs / 3_600_000).toFixed(1);
    log(
      `seed ${at}: ${storm.requests.length} requests, ${found.spoiled} spoiled, ${found.delivered} answers taken, ${storm.suspensions} times mended by a person, ${hours} h of virtual time`,
    );
  }
  return {
    numbers: {
      [`storms of ${turns} turns`]: seeds,
      "kinds of faults": kinds.size,
      "answers spoiled": sums.spoiled,
      "runs not completed": sums.incomplete,
      "answers silently truncated": sums.truncated,
      "answers that were lost on the way": sums.lost,
      "turns paid again": sums.again,
      "turns asked again after their answer was delivered": sums.afterDelivery,
      "invalid requests": sums.invalid,
    },
    faults,
  };
}

/** Counts one storm and says what is not as promised. */
function inspect({ end, outcome, unfinished, outputs, requests, invalid }) {
  const spoiled = requests.filter(({ fault }) => fault !== undefined);
  const delivered = requests.filter((request) => request.outcome?.kind === "answered");
  const lost = requests.filter(({ isPaid, fault }) => isPaid && fault?.loses === true);
  const truncated = delivered.filter((request) => isWhole(request.outcome) && !isAsMeant(request));
  const paid = requests.filter(({ isPaid }) => isPaid);
  const done = new Map(delivered.filter((request) => isWhole(request.outcome)).map(({ key, n }) => [key, n]));
  const late = requests.filter(({ key, n }) => n > (done.get(key) ?? Number.POSITIVE_INFINITY));
  const untaken = paid.filter(({ fault, outcome: taken }) => fault?.loses !== true && taken?.kind !== "answered");
  const wrong = outputs.filter(([label, text]) => !String(text).startsWith(`Report of ${label.replace("job-", "one")}: `));
  const isComplete = end === "done" && outcome === "complete" && unfinished.length === 0 && wrong.length === 0;
  const again = paid.length - delivered.length;
  return {
    kinds: spoiled.map(({ fault }) => fault.name),
    spoiled: spoiled.length,
    delivered: delivered.length,
    lost: lost.length,
    again,
    incomplete: isComplete ? 0 : 1,
    truncated: truncated.length,
    afterDelivery: late.length,
    invalid: invalid.length,
    faults: [
      ...(isComplete ? [] : [`ended ${end} ${outcome}; ${[...unfinished, ...wrong.map(String)].slice(0, 3).join("; ")}`]),
      ...truncated.map(({ n, fault }) => `answer ${n} is not what was meant (${fault?.name ?? "no fault"})`),
      ...late.map(({ n, key }) => `request ${n} asks ${key} again after its answer was delivered`),
      ...untaken.map(({ n, fault }) => `answer ${n} was sent whole and not taken (${fault?.name ?? "no fault"})`),
      ...(again === lost.length ? [] : [`${again} turns were paid again, ${lost.length} answers were lost`]),
      ...invalid,
    ],
  };
}

/** An answer that claims to be complete. */
function isWhole({ stop }) {
  return stop === "end_turn" || stop === "tool_use" || stop === "pause_turn";
}

/** Whether text and tool calls are those that the model said. */
function isAsMeant({ outcome: { blocks }, meant }) {
  const texts = meant.content.filter((part) => typeof part === "string");
  const calls = meant.content.flatMap((part) => (typeof part === "object" && "tool" in part ? [part.input] : []));
  const said = blocks.flatMap((block) => (block.type === "text" ? [block.text] : []));
  const called = blocks.flatMap((block) => (block.type === "tool_use" ? [block.input] : []));
  return isDeepStrictEqual([texts, calls], [said, called]);
}
