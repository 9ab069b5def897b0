// How large a plan may be.

/** How large a plan may be. */
export interface PlanLimits {
  /** @default 40 */
  readonly tasks: number;
  /** Most tasks in a row of which each waits for the one before. @default 12 */
  readonly depth: number;
  /** Entries of `depends_on` and `after` of all tasks together. @default 400 */
  readonly dependencies: number;
  /** Characters of each text. @default 20_000 */
  readonly textLength: number;
  /** Entries of each list. @default 100 */
  readonly listLength: number;
  /** Characters of a label. @default 60 */
  readonly labelLength: number;
}

/** The limits that hold where none are given. */
export const PLAN_LIMITS: PlanLimits = {
  tasks: 40,
  depth: 12,
  dependencies: 400,
  textLength: 20_000,
  listLength: 100,
  labelLength: 60,
};
