/** A time in which changes of files are expected, because somebody said so. */

export interface ChangeWindow {
  readonly id: string;
  /** Agents that have all of these; `{}` with an `agent`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly agent: string | null;
  /** Patterns of paths; one that fits is enough. */
  readonly paths: readonly string[];
  readonly reason: string;
  readonly opened_by: string;
  /** RFC 3339, by the hub's clock, as are the others. */
  readonly opened_at: string;
  readonly until: string;
  /** Before `until`; `null` while nobody has closed it. */
  readonly closed_at: string | null;
  readonly closed_by: string | null;
  readonly rev: number;
}

/** What a change carries that falls into a window. */
export interface Expected {
  /** Of the window. */
  readonly id: string;
  readonly reason: string;
}

/** When it ends, or has ended; milliseconds since the epoch. */
export const windowEnd = ({ until, closed_at }: ChangeWindow) => Date.parse(closed_at ?? until);
