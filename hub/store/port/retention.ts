/** What has outlived its time, and what history takes on disk. */

/** What went by size; `bytes` are of the records. */
export interface PurgedOldest {
  readonly instances: number;
  readonly executions: number;
  readonly enforcements: number;
  readonly bytes: number;
}

/** What may go, and how much of it at once. */
export interface RetentionPolicy {
  /**
   * Instances, enforcements, executions, gaps, dead letters received before this (RFC 3339) may go, if final; so may
   * windows that ended before it.
   */
  readonly before: string;
  /** At most this many trigger instances are kept; the oldest final ones go first. */
  readonly maxInstances: number;
  /** At most this many dead letters, and this many gaps, are kept (50,000): no agent fills the disk with them. */
  readonly maxNotes?: number;
  /** At most this many requests to the API of each kind are kept (200,000). */
  readonly maxRequests?: number;
  /** At most this many families are deleted in one call, so that a purge never blocks intake for long. */
  readonly batch: number;
}

/** Deletes history, and measures it. */
export interface RetentionStore {
  /** Deletes whole final families (instance, enforcements, executions) and says how many; never a referenced record. */
  purge(policy: RetentionPolicy): Promise<{ instances: number; executions: number; enforcements: number }>;
  /**
   * As `purge`, by size: the oldest families and the executions made by hand of their age, until about `bytes` of records
   * have gone, or `batch` families. `bytes` of the answer: of the records, not of the disk.
   */
  purgeOldest(bytes: number, batch: number): Promise<PurgedOldest>;
  /** Bytes that history takes on disk, about, with the blobs that executions name; what was deleted may count until `reclaim`. */
  historyBytes(blobSize: (digest: string) => number): Promise<number>;
  /** Gives the disk back what history has deleted, where that does not happen by itself. */
  reclaim(): Promise<void>;
  /** Digests of blobs that kept records name. */
  referencedBlobs(): Promise<ReadonlySet<string>>;
}
