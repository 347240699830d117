/** Removes blobs that nothing needs any more, now and then. */
import type { Logger } from "../log.ts";
import type { Timers } from "../timers.ts";
import { type AgedBlob, type BlobLimits, expiredBlobs } from "./expire.ts";

export interface BlobTidyOptions {
  readonly store: {
    list(): Promise<readonly AgedBlob[]>;
    delete(digest: string): Promise<void>;
  };
  /** Digests that kept records name. */
  readonly named: () => Promise<ReadonlySet<string>>;
  readonly limits: BlobLimits;
  readonly timers: Timers;
  /** Milliseconds since the epoch, by the clock that the files' times are from. */
  readonly now: () => number;
  readonly log: Logger;
}

const firstAfterMs = 120_000;
const everyMs = 3_600_000;

/** Looks two minutes after the start and then every hour; `stop` resolves once a look under way has ended. */
export function startBlobTidy(options: BlobTidyOptions): { stop(): Promise<void> } {
  const { timers, log } = options;
  let cancel = () => {};
  let isStopped = false;
  let looking: Promise<void> = Promise.resolve();
  const plan = (delayMs: number): void => {
    if (isStopped) return;
    cancel = timers.after(delayMs, () => {
      looking = tidyBlobs(options)
        .catch((error) => log.error("old blobs could not be removed; it is tried again later", { error }))
        .then(() => plan(everyMs));
    });
  };
  plan(firstAfterMs);
  return {
    async stop() {
      isStopped = true;
      cancel();
      await looking;
    },
  };
}

/** One look. The list comes before the names: what is stored in between is young, and stays. */
export async function tidyBlobs({
  store,
  named,
  limits,
  now,
  log,
}: Omit<BlobTidyOptions, "timers">): Promise<void> {
  const blobs = await store.list();
  const names = await named();
  const expired = expiredBlobs(blobs, (digest) => names.has(digest), limits, now());
  for (const digest of expired) await store.delete(digest);
  if (expired.length > 0) log.info("old blobs removed", { count: expired.length });
}
