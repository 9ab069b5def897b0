// Runs an example as a user would: its module is loaded, what it prints is kept. The models are a stand-in server's.
import { vi } from "vitest";
import { scriptedBrain, standIn, systemText } from "../../src/testing/index.ts";
import type { Brain, StandIn } from "../../src/testing/index.ts";

/** What the models of an example say. */
export interface Voices {
  readonly router?: Brain;
  readonly planner?: Brain;
  readonly worker?: Brain;
  readonly synthesizer?: Brain;
}

/** A brain that always says the same. */
export const says =
  (text: string): Brain =>
  () => ({ content: [text] });

/** A planner that answers with tasks of the built-in workers; of a task only what matters is given. */
export const plans = (
  tasks: readonly { readonly label: string; readonly worker: string; readonly [field: string]: unknown }[],
): Brain =>
  says(
    JSON.stringify({
      rationale: "as scripted",
      tasks: tasks.map((task) => ({
        input: null,
        files: [],
        constraints: [],
        output_format: "text",
        depends_on: [],
        after: [],
        writes: [],
        acceptance: [],
        optional: false,
        tier: null,
        task: `Do ${task.label}.`,
        ...task,
      })),
    }),
  );

/** A stand-in whose roles are told apart by their prompts. */
export function stage(voices: Voices, models: readonly string[] = []): Promise<StandIn> {
  const role = (words: string, brain: Brain | undefined) =>
    brain ? [{ when: (request: Parameters<typeof systemText>[0]) => systemText(request).includes(words), answer: brain }] : [];
  const brain = scriptedBrain([
    ...role("You are the router", voices.router),
    ...role("You are the planner", voices.planner),
    ...role("You write the final answer", voices.synthesizer),
    ...(voices.worker ? [{ answer: voices.worker }] : []),
  ]);
  return standIn({ brain, models });
}

/** Loads an example with the stand-in as its API and returns what it printed, line by line. Each can be run once a process. */
export async function runExample(
  name: string,
  server: StandIn,
  environment: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const printed: string[] = [];
  const variables = { ANTHROPIC_BASE_URL: server.url, ANTHROPIC_API_KEY: "stand-in-key", ...environment };
  for (const [variable, value] of Object.entries(variables)) vi.stubEnv(variable, value);
  const log = vi.spyOn(console, "log").mockImplementation((...words: unknown[]) => {
    printed.push(words.map((word) => (typeof word === "string" ? word : JSON.stringify(word))).join(" "));
  });
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed.push(`> ${String(text)}`);
    return true;
  });
  try {
    await import(`../../examples/${name}.ts`);
  } finally {
    log.mockRestore();
    write.mockRestore();
    vi.unstubAllEnvs();
  }
  return printed;
}
