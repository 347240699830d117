/** Opens a database's writing again after a failed batch, later and later until it stays open. */
import { type Backoff, backoffMs } from "../backoff.ts";
import type { Logger } from "../log.ts";
import type { Timers } from "../timers.ts";

export interface MendingParts {
  readonly timers: Timers;
  /** Evenly spread in [0, 1). */
  readonly jitter: () => number;
  readonly log: Logger;
  /** Batches are taken again. What was kept in memory of the database may differ from it. */
  readonly mended?: () => void;
}

export interface MendingOptions extends MendingParts {
  /** The committer's `resume`: rejects while the disk still refuses. */
  readonly resume: () => Promise<void>;
}

export interface Mending {
  /** To be called when a batch has failed. */
  start(error: unknown): void;
  stop(): void;
}

const backoff: Backoff = { firstMs: 200, mostMs: 30_000 };

export function createMending({ resume, timers, jitter, log, mended }: MendingOptions): Mending {
  let cancel = () => {};
  let isStopped = false;
  let attempt = 0;
  const after = (delayMs: number, what: () => void): void => {
    cancel();
    if (!isStopped) cancel = timers.after(delayMs, what);
  };
  const tryLater = (): void =>
    after(backoffMs(backoff, attempt++, jitter()), () => {
      resume().then(
        () => {
          if (isStopped) return;
          log.info("the database is written again");
          // A full disk often opens well and fails at the first batch: only what lasts is a success.
          after(backoff.mostMs, () => {
            attempt = 0;
          });
          mended?.();
        },
        (error) => {
          log.error("the database cannot be written", { error, attempt });
          tryLater();
        },
      );
    });
  return {
    start: (error) => {
      log.error("a batch could not be written; nothing more is promised until one can", { error });
      tryLater();
    },
    stop: () => {
      isStopped = true;
      cancel();
    },
  };
}
