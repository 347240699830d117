/** Says from a heap's sizes over time whether it grows. Pure. */

export interface Growth {
  /** MiB. */
  readonly from: number;
  readonly to: number;
}

/**
 * `samples`: MiB, each after a collection, at even times from the start to the end. The least of the second quarter is
 * compared with the least of the last one: caches have filled by then, and one sample that something held for a moment
 * counts for nothing. `null` while it has not grown by more than `allowed` MiB, or where there are too few samples to say.
 */
export function growth(samples: readonly number[], allowed: number): Growth | null {
  if (samples.length < 8) return null;
  const part = (from: number, to: number) =>
    Math.min(...samples.slice(Math.floor(samples.length * from), Math.floor(samples.length * to)));
  const [from, to] = [part(0.25, 0.5), part(0.75, 1)];
  return to > from + allowed ? { from, to } : null;
}
