/** The first parts of all keys in the agent's database; each row belongs to one part of the agent. */

export const agentKeys = {
  /** Entries for the hub, until it has receipted them. */
  outbox: "up",
  /** How far the hub's ledger was taken in, per epoch. */
  marks: "down-mark",
  /** Accepted requests, by execution. */
  accepted: "journal-accepted",
  /** Starts, by execution. */
  started: "journal-started",
  /** Wishes to cancel, by execution. */
  cancel: "journal-cancel",
  /** Executions without a result: what a restart has to look after. */
  open: "journal-open",
  /** Last words, by execution. */
  result: "journal-result",
  /** The id of an execution, by what it is for. */
  purpose: "journal-purpose",
  /** By time of settling, then execution: what may be forgotten, oldest first. */
  settled: "journal-settled",
  /** The newest assignment of each pack. */
  assignment: "assignment",
  /** The assignment of each pack that was last carried out. */
  applied: "applied",
  /** The newest request to upgrade, and the one that is being carried out. */
  upgrade: "upgrade",
  /** What last became ready, by sensor. */
  proven: "proven",
  /** Occurrence keys of sensors, by sensor and digest. */
  sensorKey: "sensor-key",
  /** Process groups of running sensors, by sensor. */
  sensorGroup: "sensor-group",
  /** Names the key to the rows with secrets. */
  sealing: "sealing",
  /** Local datastore values, by owner and name. */
  localValue: "local-value",
} as const;

/** `!` is in no id, ref or pack name, so that no two kinds of keys can meet. */
export function agentKey(prefix: string, ...parts: readonly string[]): string {
  let key = prefix;
  for (const part of parts) key += `!${part}`;
  return key;
}

/** The newest request to upgrade. */
export const wantedUpgrade = agentKey(agentKeys.upgrade, "wanted");
/** The request that is being carried out, or was last. */
export const currentUpgrade = agentKey(agentKeys.upgrade, "current");

/** All rows of one kind, for an iterator. */
export function agentRange(prefix: string): { readonly gt: string; readonly lt: string } {
  return { gt: `${prefix}!`, lt: `${prefix}"` };
}

/** Epoch milliseconds as text that sorts by time. */
export function sortableTime(ms: number): string {
  return String(ms).padStart(15, "0");
}
