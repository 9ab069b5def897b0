// Own workers with typed input and output, in a plan written by hand. They are functions, so this needs no model and no
// key. An unknown worker or an input of the wrong shape does not compile.
import { definePlan, defineWorker, orchestrate } from "quatrain";
import { z } from "zod";

const Reading = z.object({ city: z.string(), celsius: z.number() });

const measure = defineWorker({
  name: "measure",
  description: "Reads the temperature of one city.",
  input: z.object({ city: z.string() }),
  output: Reading,
  perform: ({ input }) => ({ city: input.city, celsius: input.city.length * 3 }),
});

const compare = defineWorker({
  name: "compare",
  description: "Finds the warmest of several readings.",
  output: z.object({ warmest: z.string(), byCelsius: z.number() }),
  perform: ({ dependencies }) => {
    const readings = dependencies.map(({ output }) => Reading.parse(output)).toSorted((a, b) => b.celsius - a.celsius);
    const [first, second] = readings;
    if (!first || !second) throw new Error("Comparing takes two readings.");
    return { warmest: first.city, byCelsius: first.celsius - second.celsius };
  },
});

const plan = definePlan(
  [measure, compare],
  [
    { label: "oslo", worker: "measure", task: "Measure Oslo.", input: { city: "Oslo" } },
    { label: "lisbon", worker: "measure", task: "Measure Lisbon.", input: { city: "Lisbon" } },
    { label: "warmest", worker: "compare", task: "Say where it is warmer.", dependsOn: ["oslo", "lisbon"] },
  ],
);

const { outcome, answer, tasks } = await orchestrate(plan).result;
console.log(`${outcome}: ${answer}`);
for (const task of tasks) {
  // `worker` and `status` tell the types of `output` apart.
  if (task.worker !== "compare" || task.status !== "finished") continue;
  console.log(`${task.output.warmest} is warmer by ${task.output.byCelsius} degrees`);
}
