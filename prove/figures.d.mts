/** What a proof last measured at full size. */
export interface Figure {
  readonly promise: string;
  readonly command: string;
  readonly numbers: Readonly<Record<string, number>>;
  /** How long it took, wall time; absent for figures that were recorded without. */
  readonly seconds?: number;
  readonly node: string;
  readonly date: string;
}
export function readFigures(): Readonly<Record<string, Figure>>;
export function recordFigures(name: string, figure: Figure): void;
export function withFigures(text: string, figures: Readonly<Record<string, Figure>>): string;
