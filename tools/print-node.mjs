// Prints the Node that the launcher chose, so that a silent fallback shows.
import process from "node:process";

console.log(`Node ${process.versions.node} on ${process.platform}-${process.arch}`);
