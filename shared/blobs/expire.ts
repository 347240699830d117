/** Which blobs have outlived their use. */

export interface AgedBlob {
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch: when it was stored. */
  readonly storedAt: number;
}

export interface BlobLimits {
  /** A blob younger than this is never removed: who stored it is about to write the record that names it. */
  readonly youngMs: number;
  /** Named by nothing and older than this: it goes. */
  readonly maxAgeMs: number;
  /** Bytes of all blobs that nothing names; beyond it the oldest go first. */
  readonly maxBytes: number;
}

/** Digests to remove, oldest first. `isNamed` blobs always stay. */
export function expiredBlobs(
  blobs: readonly AgedBlob[],
  isNamed: (digest: string) => boolean,
  limits: BlobLimits,
  nowMs: number,
): readonly string[] {
  const loose = blobs
    .filter(({ digest, storedAt }) => !isNamed(digest) && nowMs - storedAt > limits.youngMs)
    .sort((a, b) => a.storedAt - b.storedAt);
  let bytes = loose.reduce((sum, { size }) => sum + size, 0);
  const expired: string[] = [];
  for (const { digest, size, storedAt } of loose) {
    if (nowMs - storedAt <= limits.maxAgeMs && bytes <= limits.maxBytes) break;
    bytes -= size;
    expired.push(digest);
  }
  return expired;
}
