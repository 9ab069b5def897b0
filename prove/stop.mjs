// Proves that stop means stop (`npm run prove:stop`): the real command, in a process of its own, is stopped by a signal at
// random moments. It ends in time with the signal's code and names the command that takes it up again; no process, lease or
// file of it is left; taken up again it comes to the same end, and what was being paid for is not paid twice.
import { playStopped, playWhole } from "./parts/stopping.mjs";
import { prove } from "./harness.mjs";

/** Jobs at once. */
const LANES = 3;
/** The last events come in one go, after the last answer: there is no moment left to stop at. */
const LAST_EVENTS = 12;

await prove({
  name: "stop",
  promise: "Stop means stop.",
  sizes: { stops: { full: 200, quick: 5 }, twice: { full: 40, quick: 2 }, hanging: { full: 1, quick: 1 } },
  async run({ stops, twice, hanging, seed, log }) {
    const whole = await playWhole();
    if (whole.code !== 0) throw new Error(`The job itself ended with ${whole.code}.`);
    const random = randomFrom(seed);
    const points = Array.from({ length: stops + twice }, (_, at) => pointOf(random, { whole, isTwice: at >= stops }));
    points.push(...Array.from({ length: hanging }, () => ({ signal: "SIGINT", isHanging: true })));
    const faults = [];
    let [longest, done] = [0, 0];
    const playOne = async (point) => {
      for (let earlier = point; ; earlier = { ...earlier, afterEvents: earlier.afterEvents >> 1 }) {
        const { isLate, seconds, faults: found } = await playStopped(earlier, whole);
        faults.push(...found);
        longest = Math.max(longest, seconds);
        if (!isLate) break;
      }
      done += 1;
      if (done % 20 === 0) log(`${done} of ${points.length}, ${faults.length} faults`);
    };
    const queue = points.values();
    const lane = async () => {
      for (const point of queue) await playOne(point);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    log(`the longest took ${longest.toFixed(1)} s to end`);
    return {
      numbers: {
        "runs stopped by SIGINT or SIGTERM at a random moment": stops,
        "by a second signal at once": twice,
        "while a turn and a command hang": hanging,
        "processes, leases or files left, turns paid twice, other results": faults.length,
      },
      faults,
    };
  },
});

function pointOf(random, { whole, isTwice }) {
  const afterEvents = 1 + Math.floor(random() * (whole.events - LAST_EVENTS));
  return { signal: random() < 0.5 ? "SIGINT" : "SIGTERM", afterEvents, delayMs: Math.floor(random() * 15), isTwice };
}

function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
