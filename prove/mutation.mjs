// Proves that the tests see: small mistakes are made one by one in the queue, the machines and the host, and the tests
// that reach them have to fail (`npm run prove:mutation`). What is not seen stands in mutation/survivors.json, with the
// reason: `same` where nothing that anybody can observe differs, `unseen` where something does and no test sees it.
//   --mutants N   how many are drawn by --seed, in proportion to the folders; 0: all
//   --judges N    processes at once
// What a test has seen is known as long as no source changes (.quatrain/mutation/; remove it when tests are taken away).
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { prove } from "./harness.mjs";
import { judgeAll, survey } from "./mutation/judges.mjs";
import { build } from "./mutation/laboratory.mjs";

const FOLDERS = ["queue", "machines", "host"];
const TEST_FOLDERS = [...FOLDERS, "testing/simulate"];
/** Of a hundred mutants that change something, so many must be seen. */
const LEAST_SCORE = 90;
/** A sample as small as that of --quick says little about the score: it shows that mistakes are made and seen. */
const FEWEST_FOR_A_SCORE = 100;
const LEAST_SCORE_OF_FEW = 50;

const explained = JSON.parse(readFileSync(new URL("./mutation/survivors.json", import.meta.url), "utf8"));
const keyOf = ({ file, code, mutation }) => `${file} | ${code} | ${mutation}`;

await prove({
  name: "mutation",
  promise: "Small mistakes in the queue, the machines and the host that a draw makes are seen by a test, or have their reason.",
  // How long the tests take decides which are asked first.
  varies: true,
  sizes: { mutants: { full: 300, quick: 15 }, judges: { full: 2, quick: 2 } },
  async run({ mutants: count, judges, seed, log }) {
    const place = mkdtempSync(path.join(tmpdir(), "quatrain-mutation-"));
    try {
      const isSmall = count > 0 && count < FEWEST_FOR_A_SCORE;
      const { mutants, tests, digest } = build(place, {
        folders: isSmall ? ["queue"] : FOLDERS,
        testFolders: isSmall ? ["queue"] : TEST_FOLDERS,
      });
      writeFileSync(path.join(place, "laboratory.json"), JSON.stringify({ tests, count: mutants.length }));
      const known = memory(digest);
      const sample = drawn(mutants, count, seed);
      const verdicts = sample.flatMap((mutant) => known.verdicts.get(mutant.id) ?? []);
      const open = sample.filter(({ id }) => !known.verdicts.has(id));
      const tell = (verdict) => {
        verdicts.push(verdict);
        known.add(verdict);
        if (verdict.kind === "survived")
          log(`survives: ${keyOf(verdict)} (line ${verdict.line}${verdict.by ? `, ${verdict.by}` : ""})`);
        if (verdicts.length % 20 === 0) log(`${verdicts.length} judged`);
      };
      if (open.length > 0) await judgeAll({ place, mutants: open, found: await survey(place), judges, tell });
      return summary(mutants.length, verdicts);
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  },
});

/** The mutants that were killed in the sources that the digest stands for. */
function memory(digest) {
  const folder = fileURLToPath(new URL("../.quatrain/mutation/", import.meta.url));
  const file = path.join(folder, `${digest}.json`);
  const verdicts = new Map((existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : []).map((one) => [one.id, one]));
  const add = (verdict) => {
    if (verdict.kind !== "killed") return;
    verdicts.set(verdict.id, verdict);
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, JSON.stringify([...verdicts.values()]));
  };
  return { verdicts, add };
}

/** Every folder gives its share. The draw hangs on the mutants themselves, so that a change elsewhere leaves it as it is. */
function drawn(mutants, count, seed) {
  if (count === 0 || count >= mutants.length) return mutants;
  const lot = (mutant) =>
    createHash("sha256")
      .update(`${seed} ${keyOf(mutant)}`)
      .digest("hex");
  return FOLDERS.flatMap((folder) => {
    const own = mutants.filter(({ file }) => file.startsWith(`src/${folder}/`));
    const share = Math.round((count * own.length) / mutants.length);
    return own
      .map((mutant) => [lot(mutant), mutant])
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, share)
      .map(([, mutant]) => mutant);
  });
}

function summary(all, verdicts) {
  const reasons = new Map(explained.map((one) => [keyOf(one), one]));
  const survivors = verdicts
    .filter(({ kind }) => kind === "survived")
    .map((one) => ({ ...one, reason: reasons.get(keyOf(one)) }));
  const same = survivors.filter(({ reason }) => reason?.kind === "same").length;
  const killed = verdicts.length - survivors.length;
  const real = verdicts.length - same;
  const percent = (part, whole) => Math.round((part / Math.max(1, whole)) * 1000) / 10;
  const score = percent(killed, real);
  const isFew = verdicts.length < FEWEST_FOR_A_SCORE;
  const unexplained = survivors.filter(({ reason }) => reason === undefined);
  const faults = isFew ? [] : unexplained.map((one) => `not seen and not explained: ${keyOf(one)} (line ${one.line})`);
  const least = isFew ? LEAST_SCORE_OF_FEW : LEAST_SCORE;
  if (score < least) faults.push(`only ${score} % are seen, not ${least} %`);
  const numbers = {
    "possible mistakes": all,
    "of them made": verdicts.length,
    "seen by a test": killed,
    "that change nothing": same,
    "that no test sees": survivors.length - same,
    "% of those that change something are seen": score,
    "% at least of all, at 95 % confidence": percent(lowerBound(killed, real), 1),
  };
  return { numbers, faults };
}

/** Wilson's lower bound of a share. */
function lowerBound(part, whole) {
  if (whole === 0) return 0;
  const [z, share] = [1.96, part / whole];
  const centre = share + (z * z) / (2 * whole);
  const spread = z * Math.sqrt((share * (1 - share)) / whole + (z * z) / (4 * whole * whole));
  return (centre - spread) / (1 + (z * z) / whole);
}
