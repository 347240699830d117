/** Removes blobs that nothing needs any more. */
import type { Logger } from "../log.ts";
import { type AgedBlob, type BlobLimits, expiredBlobs } from "./expire.ts";

export interface BlobTidyOptions {
  readonly store: {
    list(): Promise<readonly AgedBlob[]>;
    /** Leaves one that was stored again after `storedAt`. */
    delete(digest: string, storedAt: number): Promise<void>;
  };
  /** Digests that kept records name. */
  readonly named: () => Promise<ReadonlySet<string>>;
  readonly limits: BlobLimits;
  /** Milliseconds since the epoch, by the clock that the files' times are from. */
  readonly now: () => number;
  readonly log: Logger;
}

/** The list comes before the names: what is stored in between is young, and stays. */
export async function tidyBlobs({ store, named, limits, now, log }: BlobTidyOptions): Promise<void> {
  const blobs = await store.list();
  const names = await named();
  const expired = new Set(expiredBlobs(blobs, (digest) => names.has(digest), limits, now()));
  for (const { digest, storedAt } of blobs) if (expired.has(digest)) await store.delete(digest, storedAt);
  if (expired.size > 0) log.info("old blobs removed", { count: expired.size });
}
