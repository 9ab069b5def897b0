// Prints the counts of a vitest JSON report as one plain line: "12 passed, 0 failed, 1 skipped".
//   node tools/print-counts.mjs <report.json>
import { readFileSync } from "node:fs";
import process from "node:process";

const report = JSON.parse(readFileSync(process.argv[2], "utf8"));
const skipped = report.numPendingTests + (report.numTodoTests ?? 0);
console.log(`${report.numPassedTests} passed, ${report.numFailedTests} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
if (report.numPassedTests === 0 || report.numFailedTests > 0) process.exitCode = 1;
