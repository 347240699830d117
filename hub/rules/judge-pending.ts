/** Judges instances that are stored and not judged yet: what a stop left, and what the hub itself has to tell. */
import type { Logger } from "../../shared/log.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Outcome } from "../store/port/intake.ts";
import type { Store } from "../store/store.ts";

type Judge = (instance: TriggerInstance, skewMs: number) => Promise<Outcome>;

/** Instances whose outcomes share a batch. */
const atOnce = 200;

/** Resolves when none is left that can be settled; to the number settled. Those that follow from it are included. */
export async function judgePending(
  store: Pick<Store, "pendingInstances" | "process">,
  judge: Judge,
): Promise<number> {
  for (let total = 0; ; ) {
    const pending = await store.pendingInstances(atOnce);
    const written: Promise<boolean>[] = [];
    try {
      // One after the other, in their order; their writes go together.
      for (const instance of pending) written.push(store.process(await judge(instance, 0)));
    } finally {
      await Promise.allSettled(written);
    }
    const settled = (await Promise.all(written)).filter(Boolean).length;
    if (settled === 0) return total;
    total += settled;
  }
}

export interface PendingJudgeOptions {
  readonly store: Pick<Store, "subscribeChanges">;
  readonly judgePending: () => Promise<void>;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

/** Judges what is stored as pending from now on. What a stop leaves is for the next start. */
export function startPendingJudge(options: PendingJudgeOptions): { stop(): Promise<void> } {
  const { store, judgePending: work, timers, jitter, log } = options;
  const rounds = new Rounds({
    work,
    timers,
    jitter,
    failed: (error, retryMs) =>
      log.error("what the hub has to tell could not be judged yet", { error, retry_in_ms: retryMs }),
  });
  const stopListening = store.subscribeChanges(
    (changes) => {
      if (
        changes.some((change) =>
          change.type === "instance" ? change.instance.status === "pending" : change.type === "reopened",
        )
      ) {
        void rounds.ask();
      }
    },
    ["instance"],
  );
  return {
    stop() {
      stopListening();
      return rounds.stop();
    },
  };
}
