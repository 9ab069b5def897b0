// Keeps the live view up to date: folds events, repaints at most ten times a second, and puts questions.
//   V1  Nothing is painted after `close`; the view itself disappears then, since the summary follows in its place.
import { createElement } from "react";
import { render } from "ink";
import type { Subscription } from "rxjs";
import type { AskText } from "../ask-text.ts";
import { mayColor } from "../io.ts";
import type { Reporter, Reporting } from "../reporting.ts";
import { LiveView } from "./live-view.tsx";
import { Sayings } from "./sayings.ts";
import { viewModel } from "./view-model.ts";
import { NOTHING_SEEN, seeEvent } from "./view-state.ts";

/** Shortest time between two repaints, and the longest while nothing happens, so that times go on. */
const REPAINT_MS = 100;
const TICK_MS = 1_000;
/** Shortest time between two looks at what models are saying: four a second. */
const SAYING_MS = 250;

/** Starts the live view of a run. */
export function liveReporter(reporting: Reporting): Reporter {
  return new LiveReporter(reporting);
}

class LiveReporter implements Reporter {
  readonly #reporting: Reporting;
  readonly #screen: ReturnType<typeof render>;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #subscription: Subscription;
  readonly #sayings = new Sayings();
  #seen = NOTHING_SEEN;
  #changed = true;
  #paintedAt = 0;
  #heardAt = 0;
  #isOver = false;
  #printed: readonly string[] = [];
  #question: string | null = null;
  #onAnswer: (yes: boolean) => void = () => {};

  constructor(reporting: Reporting) {
    this.#reporting = reporting;
    const { stdout, stdin, stderr } = reporting.io;
    this.#subscription = reporting.run.events.subscribe((event) => {
      this.#seen = seeEvent(this.#seen, event);
      this.#changed = true;
      if (event.type === "turn.completed" || event.type === "turn.failed") this.#sayings.end(event.conversation);
    });
    this.#subscription.add(reporting.run.deltas().subscribe((delta) => this.#sayings.hear(delta)));
    const options = { exitOnCtrlC: false, patchConsole: false, maxFps: 1_000 / REPAINT_MS, interactive: true };
    this.#screen = render(this.#frame(), { stdout, stdin, stderr, ...options });
    this.#timer = setInterval(() => this.#tick(), REPAINT_MS);
  }

  ask({ lines, question }: AskText, signal: AbortSignal): Promise<boolean | null> {
    return new Promise((resolve) => {
      const settle = (answer: boolean | null): void => {
        signal.removeEventListener("abort", onAbort);
        this.#onAnswer = () => {};
        this.#show(null, answer === null ? [] : [`${question} ${answer ? "yes" : "no"}`, ""]);
        resolve(answer);
      };
      const onAbort = (): void => settle(null);
      signal.addEventListener("abort", onAbort, { once: true });
      this.#onAnswer = settle;
      this.#show(question, [...lines, ""]);
    });
  }

  /** Printed above the view: another stream would write into it. */
  notice(text: string): void {
    this.#show(this.#question, [text]);
  }

  /** V1. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#subscription.unsubscribe();
    this.#isOver = true;
    this.#show(null, []);
    await this.#screen.waitUntilRenderFlush();
    this.#screen.unmount();
    await this.#screen.waitUntilExit();
  }

  #tick(): void {
    const now = this.#reporting.io.now();
    this.#listen(now);
    if (!this.#changed && now - this.#paintedAt < TICK_MS) return;
    this.#changed = false;
    this.#paintedAt = now;
    this.#screen.rerender(this.#frame());
  }

  #listen(now: number): void {
    if (now - this.#heardAt < SAYING_MS) return;
    this.#heardAt = now;
    const saying = this.#sayings.take();
    if (!saying) return;
    this.#seen = { ...this.#seen, saying };
    this.#changed = true;
  }

  #show(question: string | null, lines: readonly string[]): void {
    this.#question = question;
    this.#printed = [...this.#printed, ...lines];
    this.#screen.rerender(this.#frame());
  }

  #frame() {
    const { io, run, onInterrupt } = this.#reporting;
    return createElement(LiveView, {
      model: this.#isOver ? null : viewModel(this.#seen, run.snapshot.context, io.now()),
      printed: this.#printed,
      question: this.#question,
      color: mayColor(io),
      onKey: (key) => (key === "interrupt" ? onInterrupt() : this.#onAnswer(key === "yes")),
    });
  }
}
