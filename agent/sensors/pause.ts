/** Waiting that can be cut short. */
import type { Timers } from "../../shared/timers.ts";

/** Resolves after `delayMs`, or as soon as `signal` is aborted. Leaves no listener behind. */
export function pause(timers: Timers, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = timers.after(delayMs, done);
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) done();
  });
}
