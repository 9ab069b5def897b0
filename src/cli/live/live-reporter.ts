// Keeps the live view up to date: folds events, repaints at most ten times a second, and puts questions.
//   V1  Nothing is painted after `close`; the view itself disappears then, since the summary follows in its place.
import { createElement } from "react";
import { render } from "ink";
import type { AskText } from "../ask-text.ts";
import { mayColor } from "../io.ts";
import type { Reporter, Reporting } from "../reporter.ts";
import { LiveView } from "./live-view.tsx";
import type { LiveViewProps } from "./live-view.tsx";
import { viewModel } from "./view-model.ts";
import { NOTHING_SEEN, seeEvent } from "./view-state.ts";

/** Shortest time between two repaints, and the longest while nothing happens, so that times go on. */
const REPAINT_MS = 100;
const TICK_MS = 1_000;

/** Starts the live view of a run. */
export function liveReporter({ io, run, onInterrupt }: Reporting): Reporter {
  let seen = NOTHING_SEEN;
  let changed = true;
  let paintedAt = 0;
  let printed: readonly string[] = [];
  let question: string | null = null;
  let onAnswer: (yes: boolean) => void = () => {};
  const onKey: LiveViewProps["onKey"] = (key) => (key === "interrupt" ? onInterrupt() : onAnswer(key === "yes"));
  const view = (isOver: boolean) =>
    createElement(LiveView, {
      model: isOver ? null : viewModel(seen, run.snapshot.context, io.now()),
      printed,
      question,
      color: mayColor(io),
      onKey,
    });
  const subscription = run.events.subscribe((event) => {
    seen = seeEvent(seen, event);
    changed = true;
  });
  const screen = render(view(false), {
    stdout: io.stdout,
    stdin: io.stdin,
    stderr: io.stderr,
    exitOnCtrlC: false,
    patchConsole: false,
    maxFps: 1_000 / REPAINT_MS,
    interactive: true,
  });
  const timer = setInterval(() => {
    const now = io.now();
    if (!changed && now - paintedAt < TICK_MS) return;
    changed = false;
    paintedAt = now;
    screen.rerender(view(false));
  }, REPAINT_MS);
  const show = (next: string | null, lines: readonly string[] = []): void => {
    question = next;
    printed = [...printed, ...lines];
    screen.rerender(view(false));
  };
  return {
    ask: ({ lines, question: text }: AskText, signal) =>
      new Promise((resolve) => {
        const settle = (answer: boolean | null): void => {
          signal.removeEventListener("abort", onAbort);
          onAnswer = () => {};
          show(null, answer === null ? [] : [`${text} ${answer ? "yes" : "no"}`, ""]);
          resolve(answer);
        };
        const onAbort = (): void => settle(null);
        signal.addEventListener("abort", onAbort, { once: true });
        onAnswer = settle;
        show(text, [...lines, ""]);
      }),
    async close() {
      clearInterval(timer);
      subscription.unsubscribe();
      question = null;
      screen.rerender(view(true));
      await screen.waitUntilRenderFlush();
      screen.unmount();
      await screen.waitUntilExit();
    },
  };
}
