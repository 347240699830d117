/** Opens a database's writing again after a failed batch, later and later until it succeeds. */
import { type Backoff, backoffMs } from "../backoff.ts";
import type { Logger } from "../log.ts";
import type { Timers } from "../timers.ts";

export interface MendingOptions {
  /** The committer's `resume`: rejects while the disk still refuses. */
  readonly resume: () => Promise<void>;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

export interface Mending {
  /** To be called when a batch has failed. */
  start(error: unknown): void;
  stop(): void;
}

const backoff: Backoff = { firstMs: 1_000, mostMs: 30_000 };

export function createMending({ resume, timers, jitter, log }: MendingOptions): Mending {
  let cancel = () => {};
  let isStopped = false;
  const plan = (attempt: number): void => {
    if (isStopped) return;
    cancel = timers.after(backoffMs(backoff, attempt, jitter()), () => {
      resume().then(
        () => log.info("the database is written again"),
        (error) => {
          log.error("the database cannot be written", { error, attempt });
          plan(attempt + 1);
        },
      );
    });
  };
  return {
    start: (error) => {
      log.error("a batch could not be written; nothing more is promised until one can", { error });
      plan(0);
    },
    stop: () => {
      isStopped = true;
      cancel();
    },
  };
}
