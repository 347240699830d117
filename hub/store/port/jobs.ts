/** The clock's work, and slots that are handed out for a while. */
import type { JsonObject } from "../../../shared/json.ts";

/** Work that is due at a time (milliseconds since the epoch); its id names it once. */
export interface Job {
  readonly id: string;
  readonly dueAt: number;
  readonly kind: string;
  readonly data: JsonObject;
}

/** Work by time, and slots by count; both survive a restart. */
export interface JobStore {
  /**
   * Takes up to `wanted` slots of `key` out of `capacity` until `until`; resolves to how many `holder` now has.
   * Asking again with the same holder renews what it has instead of taking more: a replay is harmless.
   */
  reserve(
    key: string,
    wanted: number,
    capacity: number,
    holder: string,
    until: number,
    now: number,
  ): Promise<number>;
  release(key: string, holder: string): Promise<void>;
  /** Puts `job` on the clock; the same id replaces it. */
  schedule(job: Job): Promise<void>;
  /**
   * Leases up to `limit` jobs that are due; unfinished ones come back when the lease ends, or as soon as whoever held
   * it has surely gone.
   */
  claimDue(now: number, limit: number, leaseMs: number): Promise<readonly Job[]>;
  /** Removes a job that was claimed; one that was scheduled anew meanwhile stays. */
  finishJob(id: string): Promise<void>;
}
