/** Waits for something, but not for long. */
import type { Timers } from "../../shared/timers.ts";

/** ms that an end waits for the agent's answer to what it is being told. */
export const stopMs = 50;

/** Resolves when `work` has ended, one way or another, and after `ms` at the latest. */
export async function patience(timers: Timers, ms: number, work: Promise<unknown>): Promise<void> {
  let cancel = () => {};
  const over = new Promise<void>((resolve) => {
    cancel = timers.after(ms, resolve);
  });
  await Promise.race([work.catch(() => {}), over]);
  cancel();
}
