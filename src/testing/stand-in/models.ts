// The models that the stand-in knows, with the limits that its checks need. Facts as of 2026-11; no prices here.

/** What the stand-in knows of a model. Token counts. */
export interface StandInModel {
  readonly id: string;
  readonly name: string;
  readonly line: "haiku" | "sonnet" | "opus" | "fable" | "mythos";
  readonly context: number;
  readonly maxOutput: number;
  /** Shortest prefix that is cached. */
  readonly cacheFloor: number;
  readonly thinking: readonly ThinkingType[];
  /** Day of release. */
  readonly since: string;
  readonly retires: string | null;
}

/** The kinds of thinking a model can be asked for. */
export type ThinkingType = "adaptive" | "between_tools" | "disabled" | "enabled";

const large = { context: 1_000_000, maxOutput: 128_000, retires: null } as const;
const small = { context: 200_000, maxOutput: 64_000 } as const;
const always: readonly ThinkingType[] = ["adaptive"];
const betweenTools: readonly ThinkingType[] = ["adaptive", "between_tools"];
const optional: readonly ThinkingType[] = ["adaptive", "disabled", "enabled"];
const budgeted: readonly ThinkingType[] = ["disabled", "enabled"];

const known: readonly StandInModel[] = [
  {
    id: "claude-fable-5-2",
    name: "Claude Fable 5.2",
    line: "fable",
    ...large,
    cacheFloor: 512,
    thinking: always,
    since: "2026-11-09",
  },
  {
    id: "claude-mythos-5-2",
    name: "Claude Mythos 5.2",
    line: "mythos",
    ...large,
    cacheFloor: 512,
    thinking: always,
    since: "2026-11-09",
  },
  {
    id: "claude-haiku-5-5",
    name: "Claude Haiku 5.5",
    line: "haiku",
    ...large,
    cacheFloor: 512,
    thinking: always,
    since: "2026-10-07",
  },
  {
    id: "claude-sonnet-5-5",
    name: "Claude Sonnet 5.5",
    line: "sonnet",
    ...large,
    cacheFloor: 512,
    thinking: betweenTools,
    since: "2026-09-28",
  },
  {
    id: "claude-opus-5-5",
    name: "Claude Opus 5.5",
    line: "opus",
    ...large,
    cacheFloor: 512,
    thinking: always,
    since: "2026-09-22",
  },
  {
    id: "claude-fable-5-1",
    name: "Claude Fable 5.1",
    line: "fable",
    ...large,
    cacheFloor: 512,
    thinking: always,
    since: "2026-09-01",
  },
  {
    id: "claude-opus-5",
    name: "Claude Opus 5",
    line: "opus",
    ...large,
    cacheFloor: 512,
    thinking: optional,
    since: "2026-07-01",
  },
  {
    id: "claude-sonnet-5",
    name: "Claude Sonnet 5",
    line: "sonnet",
    ...large,
    cacheFloor: 1024,
    thinking: optional,
    since: "2026-06-01",
  },
  {
    id: "claude-opus-4-8",
    name: "Claude Opus 4.8",
    line: "opus",
    ...large,
    cacheFloor: 1024,
    thinking: optional,
    since: "2026-05-28",
  },
  {
    id: "claude-opus-4-6",
    name: "Claude Opus 4.6",
    line: "opus",
    ...large,
    cacheFloor: 1024,
    thinking: optional,
    since: "2026-02-05",
  },
  {
    id: "claude-sonnet-4-6",
    name: "Claude Sonnet 4.6",
    line: "sonnet",
    ...small,
    retires: null,
    cacheFloor: 1024,
    thinking: optional,
    since: "2026-02-17",
  },
  {
    id: "claude-haiku-4-5",
    name: "Claude Haiku 4.5",
    line: "haiku",
    ...small,
    retires: null,
    cacheFloor: 4096,
    thinking: budgeted,
    since: "2025-10-15",
  },
  {
    id: "claude-sonnet-4-5",
    name: "Claude Sonnet 4.5",
    line: "sonnet",
    ...small,
    retires: "2026-11-30",
    cacheFloor: 1024,
    thinking: budgeted,
    since: "2025-09-29",
  },
];

/** The known models, newest first, and the extra ids that a server allows (as Sonnet 5.5 would be). */
export function modelTable(extra: readonly string[] = []): ReadonlyMap<string, StandInModel> {
  const added = extra.map((id): StandInModel => ({
    id,
    name: id,
    line: "sonnet",
    ...large,
    cacheFloor: 512,
    thinking: [...betweenTools, "disabled"],
    since: "2026-09-28",
  }));
  return new Map([...known, ...added].map((model) => [model.id, model]));
}

/** A model as `GET /v1/models` shows it. */
export function modelInfo(model: StandInModel): object {
  const can = (supported: boolean): { supported: boolean } => ({ supported });
  const thinks = (type: ThinkingType): { supported: boolean } => can(model.thinking.includes(type));
  return {
    id: model.id,
    type: "model",
    display_name: model.name,
    created_at: `${model.since}T00:00:00Z`,
    deprecated_at: null,
    retires_at: model.retires === null ? null : `${model.retires}T00:00:00Z`,
    lifecycle: model.retires === null ? "active" : "deprecated",
    line: model.line,
    max_input_tokens: model.context,
    max_tokens: model.maxOutput,
    capabilities: {
      batch: can(false),
      citations: can(false),
      code_execution: can(false),
      context_management: {
        supported: false,
        clear_thinking_20251015: null,
        clear_tool_uses_20250919: null,
        compact_20260112: null,
      },
      effort: { supported: true, low: can(true), medium: can(true), high: can(true), max: can(true), xhigh: can(true) },
      image_input: can(true),
      pdf_input: can(true),
      server_tools: { supported: false, code_execution: can(false), web_search: can(false) },
      structured_outputs: can(true),
      thinking: {
        supported: true,
        types: {
          adaptive: thinks("adaptive"),
          between_tools: thinks("between_tools"),
          disabled: thinks("disabled"),
          enabled: thinks("enabled"),
        },
      },
    },
  };
}
