// Keeps the data of this folder true: builds the combinations of task results and runs the application's own tests in each.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";

const here = import.meta.dirname;

/** What lies on top of the application, in order, and how many of its tests fail then. */
const COMBINATIONS = [
  { layers: [], fails: 0 },
  { layers: ["t1"], fails: 0 },
  { layers: ["t1", "t2"], fails: 0 },
  { layers: ["t1", "t2", "t3"], fails: 0 },
  { layers: ["t1", "t2", "t4"], fails: 0 },
  { layers: ["t1", "t2", "t3", "t4", "t5"], fails: 0 },
  { layers: ["t1", "t4"], fails: 9 },
  { layers: ["t1", "t2", "t2-broken"], fails: 4 },
  { layers: ["t1", "t2", "t3-spoiled"], fails: 0 },
  { layers: ["t1", "t2", "t3-spoiled", "t4"], fails: 1 },
];

for (const { layers, fails } of COMBINATIONS) {
  const found = failsOf(layers);
  const isRight = found === fails;
  if (!isRight) process.exitCode = 1;
  console.log(
    `${isRight ? "ok   " : "WRONG"} ${["app", ...layers].join(" + ")}: ${found} fail${isRight ? "" : `, not ${fails}`}`,
  );
}

function failsOf(layers) {
  const directory = mkdtempSync(path.join(tmpdir(), "bookshelf-"));
  try {
    for (const layer of ["../app", ...layers]) cpSync(path.join(here, layer), directory, { recursive: true });
    const { stdout } = spawnSync(process.execPath, ["--test", "--test-reporter=tap"], { cwd: directory, encoding: "utf8" });
    return Number(/^# fail (\d+)$/m.exec(stdout)?.[1] ?? Number.NaN);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
