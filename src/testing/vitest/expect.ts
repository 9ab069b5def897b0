// vitest's own `expect`, which knows the matchers from the moment this file is loaded.
import { expect } from "vitest";
import { matchers } from "./matchers.ts";

expect.extend(matchers);

export { expect };
