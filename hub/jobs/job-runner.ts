/** Does what is due: jobs wait on disk, are leased while they are worked on, and come back when that failed. */
import { type Backoff, backoffMs } from "../../shared/backoff.ts";
import { isPetrelError } from "../../shared/errors.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Job } from "../store/port/jobs.ts";
import type { Store } from "../store/store.ts";

/** Resolves when the job is done for good; rejects to have it tried again later. */
export type JobWork = (job: JsonObject) => Promise<void>;

export interface JobRunnerOptions {
  readonly store: Pick<Store, "claimDue" | "finishJob" | "schedule">;
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
  /** Takes up no more; resolves when what is being worked on has ended. */
  stop(): Promise<void>;
}

const everyMs = 2_000;
const leaseMs = 120_000;
const atOnce = 32;
/** A large result that an agent kept while it was away, or was asked for others, is not to be waited for longer. */
const backoff: Backoff = { firstMs: 2_000, mostMs: 60_000 };
/** Jobs that have failed for a week are given up, with a line in the log. An agent that is away is no failure. */
const giveUpAfterMs = 7 * 86_400_000;

export function startJobRunner({ store, timers, jitter, log, now, work }: JobRunnerOptions): JobRunner {
  const underWay = new Set<Promise<void>>();
  let cancel = () => {};
  let isStopped = false;

  const carryOut = async (job: Job): Promise<void> => {
    const doIt = Object.hasOwn(work, job.kind) ? work[job.kind] : undefined;
    if (doIt === undefined) return;
    try {
      await doIt(job.data);
    } catch (error) {
      const isAway = isPetrelError(error) && error.code === "LINK_CLOSED";
      const since = typeof job.data.since === "number" && !isAway ? job.data.since : now();
      const attempt = typeof job.data.attempt === "number" ? job.data.attempt : 0;
      if (now() - since <= giveUpAfterMs) {
        log.debug("a job is tried again later", { job: job.id, kind: job.kind, error });
        const dueAt = now() + backoffMs(backoff, attempt, jitter());
        await store.schedule({ ...job, dueAt, data: { ...job.data, since, attempt: attempt + 1 } });
        return;
      }
      log.error("a job is given up", { job: job.id, kind: job.kind, error });
    }
    await store.finishJob(job.id);
  };

  const begin = (job: Job): void => {
    const done = carryOut(job)
      // It comes back when its lease ends.
      .catch((error) => log.error("a job's end could not be noted", { job: job.id, kind: job.kind, error }))
      .finally(() => {
        underWay.delete(done);
        void looking.ask();
      });
    underWay.add(done);
  };

  const looking = new Rounds({
    timers,
    jitter,
    // A slow job takes one place of many; the others are filled as they become free.
    work: async () => {
      cancel();
      const free = atOnce - underWay.size;
      const due = free > 0 ? await store.claimDue(now(), free, leaseMs) : [];
      for (const job of due) begin(job);
      if (!isStopped) cancel = timers.after(everyMs, () => void looking.ask());
    },
    failed: (error, retryMs) => log.error("due jobs could not be read yet", { error, retry_in_ms: retryMs }),
  });
  void looking.ask();

  return {
    kick: () => void looking.ask(),
    async stop() {
      isStopped = true;
      await looking.stop();
      cancel();
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
