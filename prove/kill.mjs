// Proves that a run can be killed at any moment: the real process, kill -9, the real SQLite file. `npm run prove:kill`,
// small with `-- --quick`.
import { dice } from "./parts/random.mjs";
import { momentsOf } from "./parts/kill-moments.mjs";
import { playKilled } from "./parts/kill-run.mjs";
import { prove } from "./harness.mjs";

/** Runs side by side. */
const LANES = 2;

await prove({
  name: "kill",
  promise:
    "A run that is killed (kill -9) at any moment and taken up again gives the same result and pays no recorded turn twice.",
  sizes: { kills: { full: 500, quick: 6 } },
  run: killRuns,
});

async function killRuns({ kills, seed, log }) {
  const undisturbed = playKilled([]);
  const seen = { runs: 0, kills: 0, processes: 0, inDoubt: 0, lost: 0, paid: 0, doubtfulCalls: 0, moments: {} };
  const runs = [];
  let planned = 0;
  let started = 0;
  const lane = async () => {
    while (planned < kills) {
      const chance = dice(`${seed}/${++started}`);
      const wanted = Math.min(kills - planned, chance.whole(3, 8));
      planned += wanted;
      const run = await playKilled(momentsOf(chance, wanted));
      // A run that was done before its last kill leaves the rest to another.
      planned -= wanted - run.kills.length;
      runs.push(run);
      const done = runs.reduce((sum, one) => sum + one.kills.length, 0);
      if (runs.length % 20 === 0) log(`${done} kills`);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const reference = await undisturbed;
  const faults = problemsOf(reference, reference);
  const sums = { again: 0, invalid: 0, different: 0, repeated: 0 };
  for (const [at, run] of runs.entries()) {
    add(seen, run);
    count(sums, run, reference);
    faults.push(...problemsOf(run, reference).map((problem) => `run ${at + 1} of seed ${seed}: ${problem}`));
  }
  log(`${seen.runs} runs in ${seen.processes} processes, ${reference.requests.length} turns each when undisturbed`);
  for (const [moment, times] of Object.entries(seen.moments)) log(`  killed after: ${moment}: ${times}`);
  log(`  turns whose whole answer had left the server, but was not committed (in doubt, booked as estimate): ${seen.inDoubt}`);
  log(`  turns in flight at a kill, all booked: ${seen.lost}; commands in doubt, reported: ${seen.doubtfulCalls}`);
  return {
    numbers: {
      "kills of the real process": seen.kills,
      "turns requested again after their result was committed": sums.again,
      "invalid requests": sums.invalid,
      "commands repeated": sums.repeated,
      "different results": sums.different,
    },
    faults,
  };
}

function add(seen, run) {
  seen.runs += 1;
  seen.kills += run.kills.length;
  seen.processes += run.processes;
  seen.inDoubt += inDoubt(run).size;
  seen.lost += run.kills.reduce((sum, { open }) => sum + open.length, 0);
  seen.doubtfulCalls += run.requests.some(({ isToldOfDoubt }) => isToldOfDoubt) ? 1 : 0;
  for (const { moment } of run.kills) seen.moments[moment] = (seen.moments[moment] ?? 0) + 1;
}

function count(sums, run, reference) {
  sums.again += askedAgain(run).length;
  sums.invalid += run.invalid.length;
  sums.repeated += Math.max(0, run.effects - 1);
  sums.different += shownOf(run) === shownOf(reference) ? 0 : 1;
}

/** Everything that is not as promised, as lines. */
function problemsOf(run, reference) {
  const { spend } = run.result;
  const paid = run.requests.filter(({ isPaid }) => isPaid).length;
  const lost = run.kills.reduce((sum, { open }) => sum + open.length, 0);
  const told = run.requests.some(({ isToldOfDoubt }) => isToldOfDoubt);
  const rewritten = run.kills.filter(({ rows }) => rows.some((row, at) => run.rows[at] !== row));
  const unlisted = run.kills.filter(({ open, whole }, at) => fresh(run, at, whole).length > open.length);
  return [
    ...run.faults,
    ...run.invalid,
    ...(run.result.outcome === null || run.result.unreadable ? [`no result: ${JSON.stringify(run.result).slice(0, 300)}`] : []),
    ...(shownOf(run) === shownOf(reference) ? [] : [`another result: ${shownOf(run)}, not ${shownOf(reference)}`]),
    ...askedAgain(run).map((n) => `request ${n} asks a turn again whose result was committed`),
    ...(rewritten.length === 0 ? [] : ["committed rows were changed by a resume"]),
    ...(unlisted.length === 0 ? [] : ["an answer left the server whole, and its turn is neither committed nor in doubt"]),
    ...(run.effects > 1 || (run.effects === 0 && !told) ? [`the command ran ${run.effects} times`] : []),
    ...(spend && spend.turns >= paid ? [] : [`${paid} turns were paid, ${spend?.turns} are booked`]),
    ...(isBooked(run) ? [] : [`${lost} turns were lost, ${spend?.estimatedUsd} USD estimated`]),
  ];
}

/** An estimate stands for every answer that was made and not recorded, and there is none where nothing was in flight. */
function isBooked({ kills, requests, recorded, result }) {
  const estimated = result.spend?.estimatedUsd ?? 0;
  const isUnrecorded = requests.some(({ isPaid, requestId }) => isPaid && !recorded.includes(requestId));
  if (isUnrecorded) return estimated > 0;
  return estimated === 0 || kills.some(({ open }) => open.length > 0);
}

/** What must be the same whatever happened: outcome, answer, tasks, files. */
function shownOf({ code, result, files }) {
  const tasks = result.tasks?.map(({ id, status, attempts, output, failure }) => [id, status, attempts, output, failure?.code]);
  return JSON.stringify({ code, outcome: result.outcome, answer: result.answer, tasks, files });
}

/** Requests that repeat one whose answer is in the journal: the body tells the turn, since no two turns say the same. */
function askedAgain({ requests, answered }) {
  const committed = new Map(requests.flatMap(({ requestId, body, n }) => (answered.includes(requestId) ? [[body, n]] : [])));
  return requests.flatMap(({ body, n }) => (n > (committed.get(body) ?? Number.POSITIVE_INFINITY) ? [n] : []));
}

/** Whole answers that this kill took, and no earlier one. */
function fresh({ kills }, at, whole) {
  const before = new Set(kills.slice(0, at).flatMap((kill) => kill.whole));
  return whole.filter((id) => !before.has(id));
}

function inDoubt({ kills }) {
  return new Set(kills.flatMap(({ whole }) => whole));
}
