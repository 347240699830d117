/** Long lists, a page at a time. */

/** Newest first unless `ascending`; `cursor` continues where the previous page ended. */
export interface Page {
  /** At least 1; more than 1,000 is taken as 1,000. */
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly ascending?: boolean | undefined;
  /**
   * RFC 3339: only what was received at or after it. Executions and enforcements go by the time in their ids: that of
   * the hub's first intake.
   */
  readonly since?: string | undefined;
  /** RFC 3339: only what was received before it; the time is that of `since`. */
  readonly until?: string | undefined;
}

/**
 * Instances come in the order of intake, and none is ever placed behind a cursor: who follows it to the end has all.
 * A page may be shorter than its limit, even empty, and still have a cursor: a filter that fits almost nothing is
 * searched for in bounded steps.
 */
export interface PageOf<T> {
  readonly items: readonly T[];
  /** Pass it on to continue; absent at the end. */
  readonly cursor?: string;
}
