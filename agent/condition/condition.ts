/** Whether the agent can still keep what it promises: its disk and its outbox judged. Pure. */

export interface ConditionFacts {
  /** The database could not be written, and has not been opened again yet. */
  readonly writingFailed: boolean;
  /** Bytes that the agent may still write to the file system of its data; `null` when that cannot be asked. */
  readonly freeBytes: number | null;
  /** Sensors wait for the hub's receipts. */
  readonly outboxFull: boolean;
}

export interface Condition {
  /** No new work is taken; what is left of the disk is for results and gaps. */
  readonly diskFull: boolean;
  /** For people; `null` when all is well. */
  readonly degraded: string | null;
}

export const wellCondition: Condition = { diskFull: false, degraded: null };

/** Kept free by a file that is deleted when it is needed: what a full database takes to be opened again, twice. */
export const reserveBytes = 8 * 1024 * 1024;
const lowBytes = 8 * 1024 * 1024;
/** With the reserve gone; more than before by what making it again takes, so that it does not come and go. */
const enoughBytes = lowBytes + 3 * reserveBytes;

/** The disk counts as full until there is clearly more than too little. */
export function conditionOf(
  { writingFailed, freeBytes, outboxFull }: ConditionFacts,
  before: Condition,
): Condition {
  const free = freeBytes ?? Number.POSITIVE_INFINITY;
  const diskFull = writingFailed || free < (before.diskFull ? enoughBytes : lowBytes);
  if (writingFailed) return { diskFull, degraded: "its database cannot be written" };
  if (diskFull) {
    const mib = Math.floor(free / 1024 / 1024);
    return { diskFull, degraded: `its disk is nearly full: ${mib} MiB are left` };
  }
  return { diskFull, degraded: outboxFull ? "its outbox is full: the hub takes too little" : null };
}
