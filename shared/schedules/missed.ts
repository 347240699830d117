/** What of a schedule was due and has not fired: all of it when it is on time, and by choice what comes too late. Pure. */
import type { Schedule } from "./schedule.ts";

/** What happens to occurrences that passed while nobody could fire them. */
export type CatchUp = "none" | "last" | "all";

/** An occurrence that is no older is on time: a busy moment is no downtime. */
export const onTimeMs = 10_000;
/** Late occurrences of one timer that are fired at most; the older ones are given up. */
export const mostLate = 100;

export interface Due {
  /** Milliseconds since the epoch, in their order. */
  readonly fire: readonly { readonly at: number; readonly late: boolean }[];
  /** Some were due and are given up. */
  readonly skipped: boolean;
  /** When it comes next after all of these; `null`: never. */
  readonly next: number | null;
}

/**
 * From `next` (the first that has not fired) up to `nowMs`. With `last`, one firing makes up for all that was missed,
 * those that would be on time included.
 */
export function dueNow(schedule: Schedule, next: number, nowMs: number, catchUp: CatchUp): Due {
  const { latest, hasMore } = latestOf(schedule, next, nowMs, mostLate + 1);
  const fits = latest.map((at) => ({ at, late: at < nowMs - onTimeMs }));
  const late = fits.filter((each) => each.late);
  const wanted =
    catchUp === "none"
      ? fits.filter((each) => !each.late)
      : catchUp === "last" && late.length > 0
        ? fits.slice(-1)
        : fits.slice(-mostLate);
  return { fire: wanted, skipped: hasMore || wanted.length < fits.length, next: schedule.next(nowMs) };
}

/** The last `most` occurrences from `first` (one itself) to `to`: by looking back in growing steps, as millions may lie between. */
function latestOf(
  schedule: Schedule,
  first: number,
  to: number,
  most: number,
): { readonly latest: readonly number[]; readonly hasMore: boolean } {
  for (let backMs = 60_000; ; backMs *= 4) {
    const from = Math.max(first, to - backMs);
    const found: number[] = [];
    for (let at = schedule.next(from - 1); at !== null && at <= to; at = schedule.next(at)) {
      found.push(at);
      if (found.length > most) found.shift();
    }
    const isAll = from === first;
    if (isAll || found.length >= most) return { latest: found.slice(-most), hasMore: !isAll };
  }
}
