/** Which epoch sends next, when several have entries to send: the one place where that is decided. */

export interface DrainState {
  readonly id: string;
  /** Newest epoch of the ledger: where fresh entries go. */
  readonly current: boolean;
}

/**
 * Takes turns between the oldest epoch and the current one, so that a backlog drains in order while fresh entries
 * pass it. `waiting` is oldest first.
 */
export function nextEpoch(waiting: readonly DrainState[], servedLast: string | null): string | null {
  const [oldest] = waiting;
  const newest = waiting.at(-1);
  if (oldest === undefined || newest === undefined) return null;
  return newest.current && newest.id !== servedLast ? newest.id : oldest.id;
}
