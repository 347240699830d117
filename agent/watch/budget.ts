/**
 * What looks that nobody waits for may take of the host: a share of one core, and a number of bytes a second. Kept by
 * pauses between pieces of work. Time from the wall is what counts as work, so that waiting for the disk does, too.
 */
import type { Clock } from "../../shared/clock.ts";
import { largeBytes } from "./look.ts";
import type { Difference } from "./renames.ts";

export interface Budget {
  /** Of one core, and of the time of a disk; 1 to 100. */
  readonly cpuPercent: number;
  /** Read from files. */
  readonly bytesPerSecond: number;
}

/** Waited for after each piece of work, with the paths that were looked at and the bytes that were read in it. */
export type Pace = (paths: number, bytes?: number) => Promise<void>;

/** ms of work that one pause makes up for: what waited for something else was none of the host's work. */
const mostWorkMs = 1_000;

/** How long to pause after a piece of work, in ms. `sharers`: looks that are under way at once share one budget. */
export function pauseMs(
  { cpuPercent, bytesPerSecond }: Budget,
  {
    workedMs,
    bytes,
    sharers,
  }: { readonly workedMs: number; readonly bytes: number; readonly sharers: number },
): number {
  const worked = Math.min(workedMs, mostWorkMs);
  const forWork = worked * ((100 * sharers) / cpuPercent - 1);
  const forBytes = (bytes * 1_000 * sharers) / bytesPerSecond - workedMs;
  return Math.max(0, forWork, forBytes);
}

export interface PacerOptions {
  readonly budget: Budget;
  readonly clock: Pick<Clock, "monotonic">;
  /** Resolves after so many ms; what it rejects with ends the work. */
  readonly pause: (ms: number) => Promise<void>;
  readonly sharers?: () => number;
  /** Paths a second at most. */
  readonly perSecond?: number;
}

/** Begins to count at the call. */
export function pacer({ budget, clock, pause, sharers = () => 1, perSecond }: PacerOptions): Pace {
  let resumedAt = clock.monotonic();
  return async (paths, bytes = 0) => {
    const workedMs = clock.monotonic() - resumedAt;
    const forPaths = perSecond === undefined ? 0 : (paths / perSecond) * 1_000;
    await pause(Math.max(forPaths, pauseMs(budget, { workedMs, bytes, sharers: Math.max(1, sharers()) })));
    resumedAt = clock.monotonic();
  };
}

/** Bytes that were read of these at the most, without those of large files, which are read aside. */
export function readAtOnce(differences: readonly Difference[]): number {
  let bytes = 0n;
  for (const { after } of differences) {
    if (after?.kind === "file" && after.size <= largeBytes) bytes += after.size;
  }
  return Number(bytes);
}
