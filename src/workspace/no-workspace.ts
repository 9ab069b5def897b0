// The workspace of jobs that touch no files.
import { hashOf } from "./disk.ts";
import type { WorkspacePort } from "./port.ts";
import { changesText } from "./records.ts";

/** Makes a workspace without files: roots are empty, so file tools and bash refuse; change sets are empty; nothing is stored. */
export function noWorkspace(): WorkspacePort {
  const nothing = { ref: hashOf(changesText([])), files: [], skipped: [] };
  return {
    prepare: () => Promise.resolve({ root: "", conflicts: [], skipped: [] }),
    rootOf: () => "",
    commit: () => Promise.resolve(nothing),
    changes: (ref) => Promise.resolve({ ref, files: [] }),
    integrate: () => Promise.resolve({ root: "", files: [], conflicts: [] }),
    apply: () => Promise.resolve({ files: [] }),
    discard: () => Promise.resolve(),
  };
}
