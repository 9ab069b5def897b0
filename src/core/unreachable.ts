/** Ends an exhaustive switch: the compiler refuses it while a case is left. */
export function unreachable(value: never): never {
  throw new Error(`This value has no case: ${JSON.stringify(value)}`);
}
