// What a run cost, for people: two lines at its end, or tables and comparisons in 80 columns. Pure.
import { taskIndex } from "../core/ids.ts";
import { groupLines, totalsBy } from "../model/ledger.ts";
import type { Ledger, LedgerAmounts, LedgerLine, LedgerTotal } from "../model/ledger.ts";
import { countText, fitToCells, moneyText, plural, safe } from "./words.ts";

/** The short form, for the end of a run; nothing where no turn was paid. */
export function costSummary(ledger: Ledger): readonly string[] {
  const { total, costs, caching, tiers, orchestrator, perAcceptedTaskUsd } = ledger;
  if (total.turns === 0) return [];
  const twin =
    ledger.twinUsd === null || tiers === null
      ? `no price known for ${safe(orchestrator, 40)}`
      : `same tokens on ${safe(orchestrator, 40)} ${moneyText(ledger.twinUsd)}`;
  const losses = [
    ...(costs.failedUsd > 0 ? [`failed attempts ${moneyText(costs.failedUsd)}`] : []),
    ...(costs.repairsUsd > 0 ? [`repairs ${moneyText(costs.repairsUsd)}`] : []),
    ...(costs.lostUsd > 0 ? [`lost turns ${moneyText(costs.lostUsd)}`] : []),
    ...(perAcceptedTaskUsd === null ? [] : [`${moneyText(perAcceptedTaskUsd)} per accepted task`]),
  ];
  return [
    `Cost ${amountText(total)} · ${twin} · ${differenceText("caching", caching.savedUsd)}`,
    ...(losses.length > 0 ? [losses.join(" · ")] : []),
  ];
}

/** The whole ledger: by worker, by task and its attempts, by model, then the comparisons. */
export function costLines(ledger: Ledger): readonly string[] {
  const { lines } = ledger;
  if (ledger.total.turns === 0) return ["No model was paid in this run so far."];
  const parts = [
    tableLines("By worker", ledger, rowsOf(totalsBy(lines, "worker"), workerText)),
    tableLines("By task", ledger, taskRows(lines)),
    tableLines("By model", ledger, rowsOf(totalsBy(lines, "model"), String)),
    comparisonLines(ledger),
    costsLines(ledger),
    legendLines(ledger),
  ];
  return parts.filter((part) => part.length > 0).flatMap((part, at) => (at === 0 ? part : ["", ...part]));
}

/** The ledger with its totals, for programs. */
export function costData(ledger: Ledger): object {
  const { lines } = ledger;
  return {
    ...ledger,
    byModel: totalsBy(lines, "model"),
    byWorker: totalsBy(lines, "worker"),
    byTask: totalsBy(lines, "task"),
    byConversation: totalsBy(lines, "conversation"),
  };
}

/** `depth` 1 stands under the row before. */
interface Row {
  readonly name: string;
  readonly depth: 0 | 1;
  readonly sum: LedgerAmounts;
}

const NAME_CELLS = 24;
const COLUMNS = ["turns", "in", "out", "read", "written", "cost", "on top"] as const;
const CELLS = [6, 8, 8, 8, 8, 9, 9] as const;
const LABEL_CELLS = 42;
const AMOUNT_CELLS = 9;

function tableLines(title: string, ledger: Ledger, rows: readonly Row[]): readonly string[] {
  const cellsOf = (cells: readonly string[]): string => cells.map((cell, at) => cell.padStart(CELLS[at] ?? 0)).join("");
  return [
    fitToCells(title, NAME_CELLS) + cellsOf(COLUMNS),
    ...rows.map(({ name, depth, sum }) => {
      const numbers = [sum.inputTokens, sum.outputTokens, sum.cacheReadTokens, sum.cacheWrite5mTokens + sum.cacheWrite1hTokens];
      const twin = ledger.twinUsd === null ? "?" : moneyText(sum.twinUsd);
      const cells = [String(sum.turns), ...numbers.map(countText), amountText(sum), twin];
      return fitToCells(`${"  ".repeat(depth + 1)}${safe(name, 60)}`, NAME_CELLS) + cellsOf(cells);
    }),
  ];
}

const rowsOf = (totals: readonly LedgerTotal[], nameOf: (name: string | null) => string): readonly Row[] =>
  totals.map(({ name, ...sum }) => ({ name: nameOf(name), depth: 0, sum }));

/** The run itself and its tasks in plan order, each with its attempts below it where there are several. */
function taskRows(lines: readonly LedgerLine[]): readonly Row[] {
  const byTask = groupLines(lines, "task");
  const totals = totalsBy(lines, "task").toSorted((a, b) => placeOf(a.name) - placeOf(b.name));
  return totals.flatMap(({ name, ...sum }): readonly Row[] => {
    const own = byTask.get(name) ?? [];
    const title = name === null ? OWN : `${name} ${own[0]?.worker ?? ""}`.trim();
    const parts = totalsBy(own, "conversation");
    if (name !== null && parts.length === 1) return [{ name: `${title}${markOf(own)}`, depth: 0, sum }];
    const details = parts.map(({ name: part, ...amounts }): Row => {
      const some = own.filter(({ conversation }) => conversation === part);
      return { name: `${part}${markOf(some)}`, depth: 1, sum: amounts };
    });
    return [{ name: title, depth: 0, sum }, ...details];
  });
}

const placeOf = (task: string | null): number => (task === null ? -1 : taskIndex(task));

/** What became of it, where it is not the usual. */
const markOf = ([line]: readonly LedgerLine[]): string =>
  line === undefined || line.outcome === "accepted" ? "" : ` ${line.outcome}`;

function comparisonLines(ledger: Ledger): readonly string[] {
  const { total, twinUsd, tiers, caching, together, filteredContext, bypass, orchestrator } = ledger;
  const top = safe(orchestrator, 40);
  const estimated = total.estimatedUsd > 0 ? `${moneyText(total.estimatedUsd)} of it estimated` : "";
  return [
    "Compared",
    lineOf("spent", total.usd, estimated),
    ...(twinUsd === null || tiers === null
      ? [`  No fair twin: no price is known for ${top}.`]
      : [lineOf(`same tokens on ${top}`, twinUsd, differenceText("models", tiers.savedUsd))]),
    lineOf("same tokens, nothing cached", total.uncachedUsd, differenceText("caching", caching.savedUsd)),
    ...(together === null
      ? []
      : [lineOf(`on ${top}, nothing cached`, together.plainTwinUsd, `${signedText(together.overlapUsd)} by both at once`)]),
    lineOf("outputs not sent along (estimate)", filteredContext.savedUsd, `${countText(filteredContext.tokens)} tokens not read`),
    lineOf("route, plan and answer", bypass.overheadUsd, ""),
    `  ${bypass.why}`,
  ];
}

function costsLines({ costs, acceptedTasks, perAcceptedTaskUsd }: Ledger): readonly string[] {
  return [
    "Went into",
    lineOf("work that stands or goes on", costs.usedUsd, ""),
    lineOf("attempts that were not accepted", costs.failedUsd, ""),
    lineOf("repairs of answers that were sent back", costs.repairsUsd, ""),
    lineOf("paid turns whose answer was lost", costs.lostUsd, ""),
    ...(perAcceptedTaskUsd === null
      ? ["  No task was accepted."]
      : [lineOf("all of it, per accepted task", perAcceptedTaskUsd, plural(acceptedTasks, "task"))]),
  ];
}

function legendLines({ total }: Ledger): readonly string[] {
  return [
    "in, out: tokens; read, written: prompt tokens from and to the cache; on top: the",
    "same tokens on the orchestrator's model, at dated list prices.",
    ...(total.estimatedUsd > 0 ? ["~ partly estimated: tokens that the provider never reported."] : []),
    ...(total.unpricedTurns > 0
      ? [`? ${plural(total.unpricedTurns, "turn")} of models without a known price: tokens counted, dollars not.`]
      : []),
    ...(total.incomparableUsd > 0
      ? [`${moneyText(total.incomparableUsd)} can't be compared and counts the same on both sides.`]
      : []),
  ];
}

const lineOf = (label: string, usd: number, note: string): string =>
  `  ${fitToCells(label, LABEL_CELLS - 2)}${signedText(usd).padStart(AMOUNT_CELLS)}  ${note}`.trimEnd();

/** `$0.04`, `~$0.04` where a part is estimated, with `?` where some turns have no price. */
const amountText = ({ usd, estimatedUsd, unpricedTurns, turns }: LedgerAmounts): string =>
  unpricedTurns > 0 && unpricedTurns === turns
    ? "?"
    : `${estimatedUsd > 0 ? "~" : ""}${moneyText(usd)}${unpricedTurns > 0 ? "?" : ""}`;

/** `caching saved $0.12`, `caching cost $0.01 more`, `caching saved $0`. */
const differenceText = (what: string, usd: number): string =>
  usd < -SAME_USD ? `${what} cost ${moneyText(-usd)} more` : `${what} saved ${moneyText(Math.abs(usd) < SAME_USD ? 0 : usd)}`;

const signedText = (usd: number): string =>
  usd < -SAME_USD ? `-${moneyText(-usd)}` : moneyText(Math.abs(usd) < SAME_USD ? 0 : usd);

const SAME_USD = 1e-9;
const OWN = "the run itself";
const workerText = (name: string | null): string => (name === null ? OWN : name === "" ? "workers" : name);
