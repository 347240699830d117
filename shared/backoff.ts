/** How long to wait before the next attempt. */

export interface Backoff {
  readonly firstMs: number;
  readonly mostMs: number;
}

/** Of everything on the link: 1 to 60 s. */
export const linkBackoff: Backoff = { firstMs: 1_000, mostMs: 60_000 };

/**
 * Doubles with each attempt (0 is the first) up to `mostMs`, times 0.75 to 1.25 by `jitter` in [0, 1), so that a
 * fleet that was cut off together does not come back together.
 */
export function backoffMs({ firstMs, mostMs }: Backoff, attempt: number, jitter: number): number {
  return Math.min(mostMs, firstMs * 2 ** Math.min(attempt, 30)) * (0.75 + jitter / 2);
}
