// The oldest Node this runs on. Readable for Node 18.

/** True for Node 22.13 and newer. */
export function isSupported(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 13);
}

/** What an older Node is told, in one line. */
export function tooOld(version: string, path: string): string {
  return `quatrain: this is Node ${version} (${path}); Quatrain needs Node 22.13 or newer. Install one, for example from nodejs.org, and try again.`;
}
