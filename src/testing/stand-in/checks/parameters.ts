// What the API asks of a request's settings beyond their schema: limits of the model, tools, thinking, cache breakpoints.
import { breakpointsOf } from "../cache.ts";
import type { StandInModel } from "../models.ts";
import { tokensOf, type Segment } from "../render.ts";
import type { MessagesRequest } from "../wire.ts";
import { formatIssue } from "./format.ts";

/** The first thing that is wrong with a request's settings, as `path: message`, or nothing. */
export function parametersIssue(request: MessagesRequest, segments: readonly Segment[], model: StandInModel): string | undefined {
  return (
    lengthIssue(request, segments, model) ??
    warmingIssue(request) ??
    toolsIssue(request) ??
    thinkingIssue(request, model) ??
    cacheIssue(request, segments) ??
    schemasIssue(request)
  );
}

const mostBreakpoints = 4;
const toolNamePattern = /^[a-zA-Z0-9_-]{1,128}$/;

function lengthIssue(request: MessagesRequest, segments: readonly Segment[], model: StandInModel): string | undefined {
  const { max_tokens: maxTokens } = request;
  if (!Number.isInteger(maxTokens) || maxTokens < 0) return "max_tokens: Input should be greater than or equal to 0";
  if (maxTokens > model.maxOutput) {
    return `max_tokens: ${maxTokens} > ${model.maxOutput}, which is the maximum allowed number of output tokens for ${model.id}`;
  }
  const tokens = tokensOf(segments);
  return tokens > model.context ? `prompt is too long: ${tokens} tokens > ${model.context} maximum` : undefined;
}

/** `max_tokens: 0` only fills the cache. */
function warmingIssue(request: MessagesRequest): string | undefined {
  if (request.max_tokens !== 0) return undefined;
  if (request.stream) return "max_tokens: 0 can't be used with `stream`";
  return request.output_config?.format ? "max_tokens: 0 can't be used with `output_config.format`" : undefined;
}

function toolsIssue(request: MessagesRequest): string | undefined {
  const names = new Set<string>();
  for (const [index, tool] of (request.tools ?? []).entries()) {
    if (tool.name === undefined) continue;
    if (!toolNamePattern.test(tool.name)) return `tools.${index}.name: String should match pattern '${toolNamePattern.source}'`;
    if (names.has(tool.name)) return "tools: Tool names must be unique.";
    names.add(tool.name);
  }
  const choice = request.tool_choice?.type;
  if (choice === "any" || choice === "tool") {
    return `tool_choice.type: forced tool use ('${choice}') is not supported by this model; use 'auto' or 'none'`;
  }
  return choice !== undefined && names.size === 0 ? "tool_choice: may only be specified while providing `tools`" : undefined;
}

function thinkingIssue(request: MessagesRequest, model: StandInModel): string | undefined {
  const { thinking } = request;
  if (thinking === undefined || model.thinking.some((type) => type === thinking.type)) return undefined;
  return `thinking.type: '${thinking.type}' is not supported by ${model.id}; it supports ${model.thinking.join(", ")}`;
}

function cacheIssue(request: MessagesRequest, segments: readonly Segment[]): string | undefined {
  const breakpoints = breakpointsOf(request, segments);
  if (breakpoints.length > mostBreakpoints) {
    return `A maximum of ${mostBreakpoints} blocks with cache_control may be provided. Found ${breakpoints.length}.`;
  }
  const firstShort = breakpoints.findIndex(({ ttl }) => ttl === "5m");
  const late = firstShort < 0 ? undefined : breakpoints.slice(firstShort).find(({ ttl }) => ttl === "1h");
  if (late !== undefined) {
    return `${segments[late.index]?.path ?? ""}.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' one`;
  }
  const wrong = segments.find((segment) => segment.breakpoints.length > 0 && !segment.cacheable);
  return wrong === undefined ? undefined : `${wrong.path}: cache_control cannot be set for this block`;
}

function schemasIssue(request: MessagesRequest): string | undefined {
  const format = request.output_config?.format;
  if (format) {
    const issue = formatIssue(format.schema, "output_config.format.schema");
    if (issue !== undefined) return issue;
  }
  for (const [index, tool] of (request.tools ?? []).entries()) {
    const { input_schema: schema } = tool;
    if (schema === undefined) continue;
    if (schema["type"] !== "object") return `tools.${index}.input_schema.type: Input should be 'object'`;
    const issue = tool.strict === true ? formatIssue(schema, `tools.${index}.input_schema`) : undefined;
    if (issue !== undefined) return issue;
  }
  return undefined;
}
