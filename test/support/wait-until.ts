/** Waits for a condition instead of a time. */
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Resolves with the first truthy value of `predicate`, asked every `everyMs`. Left out, it is asked the less often the
 * longer it takes, for asking is work, but ten times a second at least.
 * Throws after `timeoutMs`, naming `what` and the last value or error seen.
 */
export async function waitUntil<T>(
  what: string,
  predicate: () => T | Promise<T>,
  timeoutMs = 120_000,
  everyMs?: number,
): Promise<Exclude<NonNullable<T>, false>> {
  const begun = performance.now();
  const deadline = begun + timeoutMs;
  let seen: unknown;
  for (;;) {
    try {
      const value = await predicate();
      if (value) return value as Exclude<NonNullable<T>, false>;
      seen = value;
    } catch (error) {
      seen = error;
    }
    if (performance.now() > deadline) {
      const shown = seen instanceof Error ? seen.message : JSON.stringify(seen);
      throw new Error(`waited ${timeoutMs} ms for: ${what}; last seen: ${shown}`);
    }
    await sleep(everyMs ?? Math.max(20, Math.min(100, (performance.now() - begun) / 20)));
  }
}
