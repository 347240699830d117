/** Does what is due: jobs wait on disk, are leased while they are worked on, and come back when that failed. */
import { type Backoff, backoffMs } from "../../shared/backoff.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Store } from "../store/store.ts";

/** Resolves when the job is done for good; rejects to have it tried again later. */
export type JobWork = (job: JsonObject) => Promise<void>;

export interface JobRunnerOptions {
  readonly store: Store;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
  /** Hub time in ms. */
  readonly now: () => number;
  /** By kind. A job of a kind that is not here waits for a version that knows it. */
  readonly work: Readonly<Record<string, JobWork>>;
}

export interface JobRunner {
  /** Looks for due jobs now. */
  kick(): void;
  stop(): Promise<void>;
}

const everyMs = 2_000;
const leaseMs = 120_000;
const atOnce = 16;
const backoff: Backoff = { firstMs: 2_000, mostMs: 300_000 };
/** Jobs that have failed for a week are given up, with a line in the log. */
const giveUpAfterMs = 7 * 86_400_000;

export function startJobRunner({ store, timers, jitter, log, now, work }: JobRunnerOptions): JobRunner {
  let cancel = () => {};
  let isStopped = false;
  let round: Promise<void> = Promise.resolve();

  const carryOut = async (job: {
    id: string;
    kind: string;
    data: JsonObject;
    dueAt: number;
  }): Promise<void> => {
    const doIt = work[job.kind];
    if (doIt === undefined) return;
    const since = typeof job.data.since === "number" ? job.data.since : now();
    const attempt = typeof job.data.attempt === "number" ? job.data.attempt : 0;
    try {
      await doIt(job.data);
      await store.finishJob(job.id);
    } catch (error) {
      if (now() - since > giveUpAfterMs) {
        log.error("a job is given up", { job: job.id, kind: job.kind, error });
        await store.finishJob(job.id);
        return;
      }
      log.debug("a job is tried again later", { job: job.id, kind: job.kind, error });
      const dueAt = now() + backoffMs(backoff, attempt, jitter());
      await store.schedule({
        id: job.id,
        kind: job.kind,
        dueAt,
        data: { ...job.data, since, attempt: attempt + 1 },
      });
    }
  };
  const look = async (): Promise<void> => {
    for (;;) {
      const due = await store.claimDue(now(), atOnce, leaseMs);
      await Promise.all(due.map(carryOut));
      if (due.length < atOnce || isStopped) return;
    }
  };
  const kick = (): void => {
    cancel();
    if (isStopped) return;
    round = round
      .then(look)
      .catch((error) => log.error("due jobs could not be read", { error }))
      .then(() => {
        cancel();
        if (!isStopped) cancel = timers.after(everyMs, kick);
      });
  };
  kick();
  return {
    kick,
    async stop() {
      isStopped = true;
      cancel();
      await round;
    },
  };
}
