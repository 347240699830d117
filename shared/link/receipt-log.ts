/** When entries were receipted, coarsely: decides how long they are kept for a peer restored from a backup. */

/** One line per hour; the time is the hour's end, so that nothing is kept too short. */
const bucketMs = 3_600_000;

export type ReceiptLog = readonly (readonly [upTo: number, at: number])[];

/** The log after a receipt at `now`; lines whose entries are all deleted (below `first`) are left out. */
export function logReceipt(log: ReceiptLog, upTo: number, now: number, first: number): ReceiptLog {
  const at = (Math.floor(now / bucketMs) + 1) * bucketMs;
  const kept = log.filter(([line, lineAt]) => line >= first && lineAt < at && line < upTo);
  return [...kept, [upTo, at]];
}

/** Everything up to this number was receipted longer than `ageMs` ago; 0 when nothing was. */
export function receiptedBefore(log: ReceiptLog, now: number, ageMs: number): number {
  return log.reduce((most, [upTo, at]) => (at <= now - ageMs ? Math.max(most, upTo) : most), 0);
}
