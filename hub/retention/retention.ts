/** Removes what has outlived its retention, in small steps between other work. */
import { timestamp } from "../../shared/clock.ts";
import type { Logger } from "../../shared/log.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Store } from "../store/store.ts";

export interface RetentionOptions {
  readonly store: Store;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly now: () => number;
  readonly days: number;
  readonly maxInstances: number;
}

const firstAfterMs = 60_000;
const everyMs = 600_000;
/** A pause between steps: intake comes first. */
const pauseMs = 50;
const familiesPerStep = 500;
const dayMs = 86_400_000;

/** Purges a minute after the start and then every ten minutes; resolves `stop` once a step under way has ended. */
export function startRetention({ store, timers, logger, now, days, maxInstances }: RetentionOptions): {
  stop(): Promise<void>;
} {
  let cancel: () => void = () => {};
  let running: Promise<void> = Promise.resolve();
  let stopped = false;
  const plan = (delayMs: number) => {
    if (stopped) return;
    cancel = timers.after(delayMs, () => {
      running = round();
    });
  };
  const round = async (): Promise<void> => {
    try {
      const before = timestamp(now() - days * dayMs);
      const gone = await store.purge({ before, maxInstances, batch: familiesPerStep });
      const total = gone.instances + gone.executions + gone.enforcements;
      if (total > 0) logger.info("old history removed", { ...gone, before });
      plan(total > 0 ? pauseMs : everyMs);
    } catch (error) {
      logger.error("removing old history failed; it is tried again later", { error });
      plan(everyMs);
    }
  };
  plan(firstAfterMs);
  return {
    async stop() {
      stopped = true;
      cancel();
      await running;
    },
  };
}
