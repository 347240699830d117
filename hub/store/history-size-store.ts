/** How much room history takes, and how it is given back once records have gone. */
import { within } from "./keys.ts";
import type { Rows } from "./records.ts";

/** All that goes with families and executions; ledgers, packs and the like are not history. */
const historyPrefixes = [
  ...["i/", "it/", "ig/", "is/", "ip/", "iu/", "y/", "f/"],
  ...["n/", "nr/", "ns/", "e/", "ea/", "ef/", "eg/", "er/", "es/", "b/", "q/", "ac/", "as/"],
];

/** What an engine knows of ranges without reading them. */
export interface DiskRanges {
  /** Bytes on disk, about; what was deleted counts until `compact`. */
  size(gte: string, lt: string): Promise<number>;
  /** Gives the room of deleted rows back. */
  compact(gte: string, lt: string): Promise<void>;
}

export interface HistorySize {
  historyBytes(blobSize: (digest: string) => number): Promise<number>;
  reclaim(): Promise<void>;
}

/** Rows read at once: other reads and writes come in between. */
const chunk = 500;

/** Without `disk` all rows are read, and an engine is taken to give room back by itself. */
export function createHistorySize(level: Rows, disk: DiskRanges | null): HistorySize {
  const recordsOf = async (prefix: string): Promise<number> => {
    const { gte, lt } = within(prefix);
    if (disk !== null) return disk.size(gte, lt);
    let bytes = 0;
    const rows = level.iterator({ gte, lt });
    try {
      for (let some = await rows.nextv(chunk); some.length > 0; some = await rows.nextv(chunk)) {
        for (const [key, text] of some) bytes += key.length + text.length;
      }
    } finally {
      await rows.close();
    }
    return bytes;
  };

  return {
    async historyBytes(blobSize) {
      let bytes = 0;
      for (const prefix of historyPrefixes) bytes += await recordsOf(prefix);
      const digests = new Set<string>();
      for await (const text of level.values(within("q/"))) {
        for (const digest of JSON.parse(text) as string[]) digests.add(digest);
      }
      for (const digest of digests) bytes += blobSize(digest);
      return bytes;
    },

    async reclaim() {
      if (disk === null) return;
      for (const prefix of historyPrefixes) {
        const { gte, lt } = within(prefix);
        await disk.compact(gte, lt);
      }
    },
  };
}
