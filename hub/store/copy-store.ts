/** Copies the hub's database as it is at one moment, while it is being written. */
import { ClassicLevel } from "classic-level";
import type { StoreOp } from "../../shared/storage/committer-store.ts";
import { namedBlobs } from "./retention-store.ts";

/** Written into a copy: a hub does not run on it, since what it would number others have numbered already. */
export const backupMark = "~backup";

export interface CopyProgress {
  /** Told first: what the copied records name must stay until the copy is done. */
  readonly blobs: (digests: ReadonlySet<string>) => void;
  /** Told after each batch. It may throw, which ends the copy. */
  readonly records: (done: number) => void;
}

/** Records and bytes of one batch: the copy takes turns with the hub's own work. */
const batchRecords = 2_000;
const readAheadBytes = 256 * 1024;

/**
 * Copies all records of one snapshot into a fresh database in `folder`, which must not exist. Resolves with their number
 * once they are written; the files still have to be synced. Each batch is synced only to give the disk its work in
 * portions, between which it serves the hub.
 */
export async function copyDatabase(
  source: ClassicLevel<string, string>,
  folder: string,
  madeAt: string,
  progress: CopyProgress,
): Promise<{ readonly records: number; readonly blobs: ReadonlySet<string> }> {
  const snapshot = source.snapshot();
  const target = new ClassicLevel<string, string>(folder, { keyEncoding: "utf8", valueEncoding: "utf8" });
  try {
    const blobs = await namedBlobs({ values: (range) => source.values({ ...range, snapshot }) });
    progress.blobs(blobs);
    await target.open({ errorIfExists: true });
    await target.put(backupMark, madeAt);
    const rows = source.iterator({ snapshot, highWaterMarkBytes: readAheadBytes, fillCache: false });
    let records = 0;
    try {
      for (;;) {
        const entries = await rows.nextv(batchRecords);
        if (entries.length === 0) break;
        const ops = entries.map(([key, value]): StoreOp => ({ type: "put", key, value }));
        await target.batch(ops, { sync: true });
        records += entries.length;
        progress.records(records);
      }
    } finally {
      await rows.close();
    }
    return { records, blobs };
  } finally {
    await target.close();
    await snapshot.close();
  }
}
