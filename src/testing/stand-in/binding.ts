// Signatures of thinking blocks: each binds its text to the model and to everything before it (tools, system, messages, and the
// blocks before it in its own message). The secret is fixed, so a history survives a restart of the stand-in.
import { createHash } from "node:crypto";
import { blockText, link, type Segment } from "./render.ts";
import { blocksOf, type AnswerBlock, type MessagesRequest } from "./wire.ts";

/** The start of a conversation's chain. */
export function chainStart(model: string): string {
  return link("conversation", model);
}

/** The chain's value after a whole request. */
export function chainAfter(model: string, segments: readonly Segment[]): string {
  return segments.reduce((chain, segment) => link(chain, segment.text), chainStart(model));
}

/** Signs the thinking blocks of an answer that follows on a chain. */
export function signed(content: readonly AnswerBlock[], chain: string): readonly AnswerBlock[] {
  let current = chain;
  return content.map((block) => {
    const done = block.type === "thinking" ? { ...block, signature: signature(current, block.thinking) } : block;
    current = link(current, blockText("assistant", done));
    return done;
  });
}

/** What is wrong with a history's signatures: the first problem as `path: message`, or nothing. */
export function bindingIssue(request: MessagesRequest, segments: readonly Segment[]): string | undefined {
  let chain = chainStart(request.model);
  const thoughts = new Map(thinkingBlocks(request));
  for (const segment of segments) {
    const block = thoughts.get(segment.path);
    if (block !== undefined) {
      const issue = signatureIssue(block, chain);
      if (issue !== undefined) return `${segment.path}: ${issue}`;
    }
    chain = link(chain, segment.text);
  }
  return undefined;
}

interface Thought {
  readonly thinking: string;
  readonly signature: string;
}

function thinkingBlocks(request: MessagesRequest): [string, Thought][] {
  return request.messages.flatMap((message, at) =>
    blocksOf(message.content).flatMap((block, index): [string, Thought][] =>
      block.type === "thinking"
        ? [[`messages.${at}.content.${index}`, { thinking: block.thinking ?? "", signature: block.signature ?? "" }]]
        : [],
    ),
  );
}

function signatureIssue({ thinking, signature: given }: Thought, chain: string): string | undefined {
  const [prefix, mac] = Buffer.from(given, "base64").toString("latin1").split(".");
  if (prefix === undefined || mac === undefined || mac !== macOf(prefix, thinking)) {
    return "Invalid `signature` in `thinking` block";
  }
  if (prefix === prefixOf(chain)) return undefined;
  return (
    "This `thinking` block is bound to a different conversation: the model, `system`, `tools` or a message before it " +
    "changed since it was created. Send the history back unchanged, or leave out its thinking blocks."
  );
}

function signature(chain: string, thinking: string): string {
  const prefix = prefixOf(chain);
  return Buffer.from(`${prefix}.${macOf(prefix, thinking)}`, "latin1").toString("base64");
}

function prefixOf(chain: string): string {
  return chain.slice(0, 32);
}

function macOf(prefix: string, thinking: string): string {
  return createHash("sha256").update(`stand-in thinking ${prefix} ${thinking}`).digest("hex").slice(0, 32);
}
