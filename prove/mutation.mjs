// Proves that the tests see: of all small changes of the queue, the machines and the host nine in ten fail a test, and
// each that does not is explained in mutation/survivors.json (`npm run prove:mutation`).
//   --sample N   so many mutants instead, drawn by --seed; 0 is all
//   --judges N   processes that work at once
//   --report     prints each verdict
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
