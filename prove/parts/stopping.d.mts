/** Where a job is stopped. */
export interface StopPoint {
  readonly signal: "SIGINT" | "SIGTERM";
  readonly afterEvents?: number;
  readonly delayMs?: number;
  readonly isTwice?: boolean;
  readonly isHanging?: boolean;
}

/** What the job comes to undisturbed. */
export interface WholeJob {
  readonly code: number | null;
  readonly answer: string | null;
  readonly files: readonly string[];
  readonly turns: number;
  readonly events: number;
}

export function playWhole(): Promise<WholeJob>;
export function playStopped(
  point: StopPoint,
  whole: WholeJob,
): Promise<{ readonly isLate: boolean; readonly seconds: number; readonly faults: readonly string[] }>;
