// The world of a run: model, tools, files, artifacts; built once, from checked options.
import path from "node:path";
import { Subject } from "rxjs";
import type { Observable } from "rxjs";
import { createPorts } from "../actors/ports.ts";
import { digestOf, stableStringify } from "../core/json.ts";
import type { HostClock } from "../host/port.ts";
import { createMachines } from "../machines/create-orchestrator.ts";
import type { Machines } from "../machines/create-orchestrator.ts";
import { workerDigests } from "../machines/reuse.ts";
import { anthropicModel } from "../model/anthropic.ts";
import { createGovernor } from "../model/governor.ts";
import type { Endpoints } from "../model/models.ts";
import { schedulerFrom } from "../model/scheduler.ts";
import { plannerPrompt } from "../prompts/planner.ts";
import { rewordPrompt } from "../prompts/reword.ts";
import { routerPrompt } from "../prompts/router.ts";
import { splitPrompt } from "../prompts/split.ts";
import { synthesizerPrompt } from "../prompts/synthesizer.ts";
import { workerPrompt } from "../prompts/worker.ts";
import { endProcessesOf } from "../process/marked.ts";
import { EVENT_SCHEMA } from "../protocol/run-event.ts";
import type { PermissionRules } from "../protocol/command.ts";
import type { TurnDelta } from "../protocol/turn.ts";
import { fileArtifacts, memoryArtifacts } from "../store/artifacts.ts";
import type { ArtifactStore } from "../store/artifacts.ts";
import { removeHomesOf } from "../tools/home.ts";
import { createToolbox } from "../tools/toolbox.ts";
import { copyWorkspace } from "../workspace/copy-workspace.ts";
import { noWorkspace } from "../workspace/no-workspace.ts";
import type { WorkspacePort } from "../workspace/port.ts";
import type { Worker } from "../workers/define-worker.ts";
import type { SharedOptions } from "./options.ts";

/** What a run acts on. */
export interface World {
  readonly machines: Machines;
  readonly workspace: WorkspacePort;
  readonly artifacts: ArtifactStore;
  readonly deltas: Observable<TurnDelta>;
  /** Ends what commands of the run have left running, removes their homes, and ends the stream of deltas. */
  close(): Promise<void>;
  /** Versions that a journal is bound to. */
  readonly versions: Readonly<Record<string, string>>;
  /** What each worker is, by name: recorded, so that a fork knows whose work still stands. */
  readonly workerDigests: Readonly<Record<string, string>>;
}

/** What a world is built from. */
export interface WorldOptions extends Omit<SharedOptions, "workers"> {
  readonly runId: string;
  readonly workers: readonly Worker[];
  readonly workspacePath: string | null;
  readonly store: string | null;
  readonly endpoints: Endpoints;
  readonly clock: HostClock;
  readonly maxTasks: number;
  /** The rules of the run; their denials also guard the files themselves. */
  readonly permissions: PermissionRules;
}

/** Raised with every change to the charts that an old journal can't be replayed on. */
const MACHINES = "2";

/** Builds the world of a run. Opens nothing yet. */
export function createWorld(options: WorldOptions): World {
  const { runId, workers, workspacePath, store, clock, endpoints, environment = [], policy, maxTasks, permissions } = options;
  const deltas = new Subject<TurnDelta>();
  const governor = createGovernor();
  const scheduler = schedulerFrom(clock);
  const workspace =
    workspacePath === null ? noWorkspace() : copyWorkspace({ path: workspacePath, ...(store === null ? {} : { state: store }) });
  const artifacts = store === null ? memoryArtifacts() : fileArtifacts({ folder: path.join(store, "artifacts") });
  const ports = createPorts({
    runId,
    workers,
    workspace,
    artifacts,
    governor,
    environment,
    model: options.model ?? anthropicModel({ endpoints, scheduler, governor }),
    toolbox: createToolbox({ extra: options.tools ?? [], permissions }),
    onDelta: (delta) => deltas.next(delta),
  });
  const machines = createMachines({ workers, ports, maxTasks, ...(policy ? { policy } : {}) });
  const close = async (): Promise<void> => {
    deltas.complete();
    if (workspacePath === null) return;
    await endProcessesOf(runId);
    await removeHomesOf(runId);
  };
  const cards = workers.map(({ card }) => card);
  return {
    machines,
    workspace,
    artifacts,
    deltas: deltas.asObservable(),
    close,
    versions: versionsOf(options),
    workerDigests: workerDigests(cards, Object.fromEntries(ports.tools.map((tool) => [tool.name, tool]))),
  };
}

/** The versions of today that a journal is bound to: of the machines, the prompts and the events, and what of the rest is one's own. */
export function versionsOf({
  workers,
  policy,
  maxTasks,
}: Pick<WorldOptions, "workers" | "policy" | "maxTasks">): World["versions"] {
  const prompts = [routerPrompt, plannerPrompt, workerPrompt, splitPrompt, rewordPrompt, synthesizerPrompt]
    .map(({ version }) => version)
    .join(" ");
  const bound = digestOf(stableStringify([workers.map(({ card }) => card), policy ?? null, maxTasks]));
  return { machines: MACHINES, prompts, protocol: String(EVENT_SCHEMA), workers: bound };
}
