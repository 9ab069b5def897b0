// Who works on a run, without taking it from them.
import { holderAt } from "./owner.ts";
import { guarded, openExisting } from "./sqlite-file.ts";

/** The owner of a run as its lease names it; null when nobody works on it. What the answer says may be over a moment later. */
export function holderOf({ file, run }: { readonly file: string; readonly run: string }): string | null {
  const database = openExisting(file);
  if (!database) return null;
  try {
    const lease = guarded(file, () => database.prepare("SELECT owner, until FROM host_leases WHERE run = ?").get(run));
    return holderAt(lease, Date.now());
  } finally {
    database.close();
  }
}
