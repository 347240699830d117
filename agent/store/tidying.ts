/** The chore that removes results and parameters which nobody has asked for. */
import type { BlobStore } from "../../shared/blobs/blob-fs.ts";
import { tidyBlobs } from "../../shared/blobs/tidy.ts";
import type { Chore } from "../../shared/chores.ts";
import type { Logger } from "../../shared/log.ts";

const limits = { youngMs: 86_400_000, maxAgeMs: 30 * 86_400_000, maxBytes: 1024 * 1024 * 1024 };

export function tidying(store: BlobStore, now: () => number, log: Logger): Chore {
  return {
    name: "results and parameters that nobody has asked for are removed",
    firstAfterMs: 120_000,
    everyMs: 3_600_000,
    work: async () => {
      await tidyBlobs({ store, named: async () => new Set(), limits, now, log });
      return undefined;
    },
  };
}
