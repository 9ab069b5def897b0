// The named baseline: a scheduler written by hand for nothing but this. It counts open dependencies, keeps a list of
// ready tasks and a cap, and has no state machine, no journal, no events, no retries.

/**
 * Runs `work(at)` (a promise) for every task after its dependencies, at most `cap` at once, in order of readiness.
 * Resolves when all are done.
 */
export function floor(dependencies, cap, work) {
  const open = dependencies.map((list) => list.length);
  const dependants = dependencies.map(() => []);
  for (const [at, list] of dependencies.entries()) for (const to of list) dependants[to].push(at);
  const ready = open.flatMap((count, at) => (count === 0 ? [at] : []));
  let next = 0;
  let running = 0;
  let done = 0;
  return new Promise((resolve, reject) => {
    const start = () => {
      while (running < cap && next < ready.length) {
        const at = ready[next++];
        running++;
        work(at).then(() => finish(at), reject);
      }
      if (done === open.length) resolve();
    };
    const finish = (at) => {
      running--;
      done++;
      for (const to of dependants[at]) if (--open[to] === 0) ready.push(to);
      start();
    };
    start();
  });
}
