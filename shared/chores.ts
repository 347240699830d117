/** Work that is done now and then beside everything else: one chore after the other, each in its own rhythm. */
import type { Logger } from "./log.ts";
import type { Timers } from "./timers.ts";

export interface Chore {
  /** What it does, for the log: "old history is removed". */
  readonly name: string;
  readonly firstAfterMs: number;
  readonly everyMs: number;
  /** Resolves to milliseconds until it goes on, when there is more to do than it should do at once. */
  readonly work: () => Promise<number | undefined>;
}

export interface ChoresOptions {
  readonly timers: Timers;
  readonly log: Logger;
}

/** A chore that failed waits for its next time. `stop` resolves when those under way have ended. */
export function startChores(
  chores: readonly Chore[],
  { timers, log }: ChoresOptions,
): { stop(): Promise<void> } {
  const cancels = new Map<Chore, () => void>();
  const underWay = new Map<Chore, Promise<void>>();
  let isStopped = false;
  const plan = (chore: Chore, afterMs: number): void => {
    if (!isStopped)
      cancels.set(
        chore,
        timers.after(afterMs, () => underWay.set(chore, round(chore))),
      );
  };
  const round = async (chore: Chore): Promise<void> => {
    let nextMs: number | undefined;
    try {
      nextMs = await chore.work();
    } catch (error) {
      log.error("housekeeping failed; it is tried again later", { what: chore.name, error });
    }
    plan(chore, nextMs ?? chore.everyMs);
  };
  for (const chore of chores) plan(chore, chore.firstAfterMs);
  return {
    async stop() {
      isStopped = true;
      for (const cancel of cancels.values()) cancel();
      await Promise.all(underWay.values());
    },
  };
}
