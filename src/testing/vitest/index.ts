// The door `quatrain/testing/vitest`: matchers and fixtures for vitest, which is an optional peer. Opening it teaches
// vitest's `expect` the matchers; nothing else happens until a test asks for a fixture.
export { expect } from "./expect.ts";
export { matchers } from "./matchers.ts";
export type { QuatrainMatchers } from "./matchers.ts";
export { test } from "./fixtures.ts";
export type { Fixtures } from "./fixtures.ts";
export type { CostLimit, SettleOptions, Verdict, ViolationReport } from "./judge.ts";
