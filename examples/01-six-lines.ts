// Six lines: a request in words, watched while it runs, answered at the end.
// Needs ANTHROPIC_API_KEY. Workers change copies of this folder; `await run.apply()` carries the result over.
import { orchestrate } from "quatrain";

const run = orchestrate("Add user authentication to this application.", { workspace: "." });
run.events.subscribe((event) => console.log(event.type));
const { outcome, answer, files, spend } = await run.result;
console.log(`${outcome}: ${answer}`);
console.log(`${files.length} files changed, $${spend.usd.toFixed(2)} for ${spend.turns} turns`);
