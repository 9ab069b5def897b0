// Models by role, each where it lives: Opus and Haiku at Anthropic, the workers at an endpoint of your own that speaks the
// Messages API. A budget wants to know what every model costs, so the own one names its prices (USD per million tokens).
import { orchestrate } from "quatrain";

const run = orchestrate("Name three risks of storing sessions in memory, and for each the cheapest remedy.", {
  mode: "orchestrate",
  models: {
    orchestrator: { model: "opus", effort: "medium" },
    router: "haiku",
    worker: {
      model: "qwen3-coder",
      baseURL: process.env["WORKER_URL"] ?? "http://127.0.0.1:8080",
      apiKey: process.env["WORKER_KEY"] ?? "none",
      prices: { input: 0.2, output: 0.6 },
    },
  },
  budget: { usd: 0.5 },
});

run.events.subscribe((event) => {
  if (event.type === "turn.completed") console.log(`${event.conversation}: ${event.model}, $${(event.usd ?? 0).toFixed(5)}`);
});
const { outcome, answer, failure } = await run.result;
console.log(`${outcome}: ${failure?.message ?? answer}`);
