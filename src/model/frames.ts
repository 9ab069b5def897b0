// Deltas arrive per token; people see frames. Pieces of one frame are joined, and none is left behind the outcome.
import { auditTime, buffer, concatMap, connect, filter, from, merge, share, takeUntil } from "rxjs";
import type { MonoTypeOperatorFunction, SchedulerLike } from "rxjs";
import type { TurnDelta } from "../protocol/turn.ts";
import type { TurnEvent } from "./port.ts";

/** Length of a frame in ms. */
export const FRAME_MS = 16;

/** Joins the deltas of each frame (neighbours of one kind become one) and passes the outcome on after the last of them. */
export function framed(scheduler: SchedulerLike, frameMs: number = FRAME_MS): MonoTypeOperatorFunction<TurnEvent> {
  return connect((events) => {
    const outcomes = events.pipe(filter(isOutcome));
    // Subscribed before `outcomes` is merged in: the rest of the last frame leaves first.
    const deltas = events.pipe(filter(isDelta), takeUntil(outcomes), share());
    const frames = deltas.pipe(
      buffer(deltas.pipe(auditTime(frameMs, scheduler))),
      concatMap((frame) => from(joined(frame))),
    );
    return merge(frames, outcomes);
  });
}

function joined(frame: readonly Extract<TurnEvent, { kind: "delta" }>[]): TurnEvent[] {
  const runs: { delta: TurnDelta; texts: string[] }[] = [];
  for (const { delta } of frame) {
    const last = runs.at(-1);
    if (last?.delta.kind === delta.kind) last.texts.push(delta.text);
    else runs.push({ delta, texts: [delta.text] });
  }
  return runs.map(({ delta, texts }) => ({ kind: "delta", delta: { ...delta, text: texts.join("") } }));
}

function isDelta(event: TurnEvent): event is Extract<TurnEvent, { kind: "delta" }> {
  return event.kind === "delta";
}

function isOutcome(event: TurnEvent): event is Extract<TurnEvent, { kind: "outcome" }> {
  return event.kind === "outcome";
}
