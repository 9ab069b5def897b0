// The live view drawn with ink. Knows lines and tones; what they say is decided in layout.ts.
import { Box, Static, Text, useInput, useWindowSize } from "ink";
import type { ReactElement } from "react";
import { layout } from "./layout.ts";
import type { Tone } from "./layout.ts";
import type { ViewModel } from "./view-model.ts";

/** What is drawn. */
export interface LiveViewProps {
  /** Null: nothing, so that what follows takes its place. */
  readonly model: ViewModel | null;
  /** Lines that stay above the view for good; only ever grows. */
  readonly printed: readonly string[];
  /** The open question, such as `Run it?`. */
  readonly question: string | null;
  readonly color: boolean;
  /** A key was pressed while a question is open; `interrupt` for Ctrl+C. */
  readonly onKey: (key: "yes" | "no" | "interrupt") => void;
}

const COLORS: Readonly<Record<Tone, string | undefined>> = {
  strong: undefined,
  plain: undefined,
  faint: undefined,
  good: "green",
  bad: "red",
  busy: "cyan",
  wait: "yellow",
};

/** One frame. */
export function LiveView({ model, printed, question, color, onKey }: LiveViewProps): ReactElement {
  const size = useWindowSize();
  useInput(
    (input, key) => {
      if (key.ctrl && input === "c") onKey("interrupt");
      else if (/^y$/i.test(input)) onKey("yes");
      else if (/^n$/i.test(input)) onKey("no");
    },
    { isActive: question !== null },
  );
  const lines = model === null ? [] : layout(model, size, question === null ? null : `? ${question} (y/n)`);
  return (
    <>
      <Static items={[...printed]}>{(text, at) => <Text key={at}>{text}</Text>}</Static>
      <Box flexDirection="column">
        {lines.map(({ text, tone }, at) => (
          <Text key={at} wrap="truncate-end" bold={tone === "strong"} {...colorOf(tone, color)}>
            {text === "" ? " " : text}
          </Text>
        ))}
      </Box>
    </>
  );
}

function colorOf(tone: Tone, color: boolean): { readonly color?: string; readonly dimColor?: boolean } {
  const name = COLORS[tone];
  if (!color) return {};
  return { ...(name === undefined ? {} : { color: name }), ...(tone === "faint" ? { dimColor: true } : {}) };
}
