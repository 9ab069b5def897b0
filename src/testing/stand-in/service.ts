// What the stand-in answers to a parsed request: the endpoints, the API's rules, the brain, the fault script. No sockets here;
// a plan of what to send comes out (stand-in.ts sends it).
import { messageOf } from "../../core/errors.ts";
import { parseJson, stableStringify } from "../../core/json.ts";
import { randomFrom, seedFrom } from "../../core/random.ts";
import { answerOf, idOf } from "./answer.ts";
import { bindingIssue } from "./binding.ts";
import type { Brain, BrainAnswer, BrainContext } from "./brain.ts";
import { PromptCache } from "./cache.ts";
import { historyIssue } from "./checks/history.ts";
import { parametersIssue } from "./checks/parameters.ts";
import type { Schemas } from "./checks/schemas.ts";
import type { StandInClock } from "./clock.ts";
import { withContentFault } from "./events.ts";
import { retryAfterHeaders, type Fault } from "./faults.ts";
import { RateMeter, type RateLimits } from "./limits.ts";
import type { OpenRecord, StandInLog } from "./log.ts";
import { modelInfo, modelTable, type StandInModel } from "./models.ts";
import { blockText, render, tokensOf, type Segment } from "./render.ts";
import { answerPlan, errorPlan, insteadPlan, isInstead, smallPlan, type Plan, type ReplyBase } from "./replies.ts";
import { blocksOf, MessagesRequest, type AnswerMessage, type RequestMessage } from "./wire.ts";

/** The groups of rules that can be switched off. */
export interface StandInRules {
  /** The schema made from the SDK's types. */
  readonly schema: boolean;
  /** Roles, tool calls and results, prefill, empty text. */
  readonly history: boolean;
  /** Limits, tools, thinking, breakpoints, schemas of output and strict tools. */
  readonly parameters: boolean;
  /** Signatures of thinking blocks. */
  readonly binding: boolean;
}

/** Which fault meets a request. Called once per request to `/v1/messages`, before anything is checked. */
export type FaultScript = (request: MessagesRequest, context: BrainContext) => Fault | undefined;

/** What a service is made of. */
export interface ServiceSettings {
  readonly brain: Brain;
  readonly fault: FaultScript;
  readonly rules: StandInRules;
  readonly seed: number;
  readonly models: readonly string[];
  readonly apiKeys: readonly string[] | undefined;
  readonly limits: RateLimits | undefined;
  readonly pings: boolean;
  readonly clock: StandInClock;
  readonly log: StandInLog;
  readonly schemas: Schemas;
}

/** A request as it came, its body read. */
export interface Incoming {
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A reply that ends the handling of a request early. */
class Refusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** The API without its sockets. */
export class Service {
  readonly #settings: ServiceSettings;
  readonly #models: ReadonlyMap<string, StandInModel>;
  readonly #cache: PromptCache;
  readonly #meter: RateMeter;
  readonly #paused = new Set<string>();

  constructor(settings: ServiceSettings) {
    this.#settings = settings;
    this.#models = modelTable(settings.models);
    this.#cache = new PromptCache(settings.clock);
    this.#meter = new RateMeter(settings.clock, settings.limits);
  }

  /** Decides the reply to a request. Never throws; a bug becomes a 500 that `log.unexpected` explains. */
  async plan(incoming: Incoming, record: OpenRecord): Promise<Plan> {
    try {
      this.#authorize(incoming);
      return await this.#route(incoming, record);
    } catch (thrown) {
      record.refused = messageOf(thrown);
      if (thrown instanceof Refusal) {
        const base = this.#base(record);
        return errorPlan({ ...base, headers: { ...base.headers, ...thrown.headers } }, thrown.status, thrown.message);
      }
      this.#settings.log.unexpected.push({ n: record.n, reason: messageOf(thrown) });
      return errorPlan(this.#base(record), 500, `The stand-in failed: ${messageOf(thrown)}`);
    }
  }

  #authorize({ headers }: Incoming): void {
    const bearer = /^Bearer (.+)$/.exec(String(headers["authorization"] ?? ""))?.[1];
    const key = bearer ?? headers["x-api-key"];
    if (typeof key !== "string" || key === "") throw new Refusal(401, "authentication required: no API key was sent");
    const { apiKeys } = this.#settings;
    if (apiKeys !== undefined && !apiKeys.includes(key)) throw new Refusal(401, "invalid API key");
    if (headers["anthropic-version"] === undefined) throw new Refusal(400, "anthropic-version: header is required");
  }

  async #route(incoming: Incoming, record: OpenRecord): Promise<Plan> {
    const { method, path } = incoming;
    if (method === "POST" && path === "/v1/messages") return this.#message(incoming, record);
    if (method === "POST" && path === "/v1/messages/count_tokens") return this.#count(incoming, record);
    if (method === "GET" && path === "/v1/models") return this.#list(incoming, record);
    const id = /^\/v1\/models\/([^/]+)$/.exec(path)?.[1];
    if (method === "GET" && id !== undefined) {
      return smallPlan(this.#base(record), modelInfo(this.#model(decodeURIComponent(id))));
    }
    throw new Refusal(404, `Not found: ${method} ${path}`);
  }

  #list({ query }: Incoming, record: OpenRecord): Plan {
    const all = [...this.#models.values()];
    const start = all.findIndex(({ id }) => id === query.get("after_id")) + 1;
    const limit = Number(query.get("limit") ?? 20);
    const shown = all.slice(start, start + limit);
    return smallPlan(this.#base(record), {
      data: shown.map((model) => modelInfo(model)),
      first_id: shown[0]?.id ?? null,
      last_id: shown.at(-1)?.id ?? null,
      has_more: start + limit < all.length,
    });
  }

  #count(incoming: Incoming, record: OpenRecord): Plan {
    const request = this.#parse(incoming, record, "count");
    // A count has no limit of its own; 1 passes the check of the limits.
    const { segments } = this.#check({ ...request, max_tokens: 1 }, record);
    return smallPlan(this.#base(record), { input_tokens: tokensOf(segments) });
  }

  async #message(incoming: Incoming, record: OpenRecord): Promise<Plan> {
    const scripted = this.#scripted(incoming, record);
    if (isInstead(scripted)) return insteadPlan(this.#base(record, record.request?.model), scripted);
    const request = this.#parse(incoming, record, "create");
    const { segments, model } = this.#check(request, record);
    this.#admit(model.id, tokensOf(segments));
    const said = await this.#ask(request, record);
    const fault = said.fault ?? scripted;
    if (isInstead(fault)) return insteadPlan(this.#base(record, model.id), fault);
    const cache = this.#cache.use(request, segments, model.cacheFloor);
    const messageId = idOf("msg", `${this.#settings.seed} ${record.n}`);
    const answer = withContentFault(answerOf(said, { request, segments, cache, messageId }), fault);
    this.#note(answer.message, record);
    const how = { isStream: request.stream === true, pings: this.#settings.pings, fault };
    const plan = answerPlan(this.#base(record, model.id), answer, how);
    return { ...plan, delayMs: said.delayMs ?? 0, onFirstByte: cache.open };
  }

  /** The fault that the server's script has for a request, whatever else is wrong with the request. */
  #scripted(incoming: Incoming, record: OpenRecord): Fault | undefined {
    const loose = MessagesRequest.safeParse(parseJson(incoming.body));
    if (!loose.success) return undefined;
    record.body = parseJson(incoming.body);
    record.request = loose.data;
    return this.#settings.fault(loose.data, this.#context(loose.data, record.n));
  }

  /** Parses a body and holds it against the schema. */
  #parse(incoming: Incoming, record: OpenRecord, name: "create" | "count"): MessagesRequest {
    const body = parseJson(incoming.body);
    record.body = body;
    if (body === undefined) throw this.#invalid(record, "The request body is not valid JSON");
    const problem = this.#settings.rules.schema ? this.#settings.schemas.check(name, body) : undefined;
    if (problem !== undefined) throw this.#invalid(record, problem);
    const parsed = MessagesRequest.safeParse(body);
    if (!parsed.success) throw this.#invalid(record, parsed.error.issues[0]?.message ?? "not a Messages request");
    record.request = parsed.data;
    return parsed.data;
  }

  /** Holds a parsed request against the rules that no schema can say. */
  #check(request: MessagesRequest, record: OpenRecord): { segments: readonly Segment[]; model: StandInModel } {
    const { rules } = this.#settings;
    const model = this.#model(request.model);
    const segments = render(request);
    const isPaused = (message: RequestMessage): boolean => this.#paused.has(turnKey(message));
    const issue =
      (rules.history ? historyIssue(request, { isPaused }) : undefined) ??
      (rules.parameters ? parametersIssue(request, segments, model) : undefined) ??
      (rules.binding ? bindingIssue(request, segments) : undefined);
    if (issue !== undefined) throw this.#invalid(record, issue);
    return { segments, model };
  }

  #admit(model: string, tokens: number): void {
    const waitMs = this.#meter.admit(model, tokens);
    if (waitMs <= 0) return;
    const headers = { ...this.#meter.headers(model), ...retryAfterHeaders({ seconds: Math.ceil(waitMs / 1000) }) };
    throw new Refusal(429, "This request would exceed your organization's rate limit.", headers);
  }

  async #ask(request: MessagesRequest, record: OpenRecord): Promise<BrainAnswer> {
    if (request.max_tokens === 0) return { content: [], stop: "max_tokens", usage: { output_tokens: 0 } };
    try {
      return await this.#settings.brain(request, this.#context(request, record.n));
    } catch (thrown) {
      this.#settings.log.unexpected.push({ n: record.n, reason: messageOf(thrown) });
      throw new Refusal(400, messageOf(thrown));
    }
  }

  #context(request: MessagesRequest, n: number): BrainContext {
    const turn = request.messages.filter(({ role }) => role === "assistant").length;
    return { n, turn, random: randomFrom(seedFrom(`${this.#settings.seed} ${stableStringify(request)}`)) };
  }

  #note(message: AnswerMessage, record: OpenRecord): void {
    record.usage = message.usage;
    record.messageId = message.id;
    this.#meter.wrote(message.model, message.usage.output_tokens);
    if (message.stop_reason === "pause_turn") this.#paused.add(turnKey(message));
  }

  #base(record: OpenRecord, model?: string): ReplyBase {
    const { requestId } = record;
    const organization = "00000000-0000-4000-8000-000000000000";
    const limits = model === undefined ? {} : this.#meter.headers(model);
    return { requestId, headers: { "request-id": requestId, "anthropic-organization-id": organization, ...limits } };
  }

  #model(id: string): StandInModel {
    const model = this.#models.get(id);
    if (model === undefined) throw new Refusal(404, `model: ${id}`);
    return model;
  }

  #invalid(record: OpenRecord, reason: string): Refusal {
    this.#settings.log.invalid.push({ n: record.n, reason });
    return new Refusal(400, reason);
  }
}

/** Tells an assistant turn by what is in it, however the caller writes it down. */
function turnKey({ role, content }: Pick<RequestMessage, "content" | "role"> | AnswerMessage): string {
  const blocks = typeof content === "string" ? blocksOf(content) : content;
  return blocks.map((block) => blockText(role, block)).join("\n");
}
