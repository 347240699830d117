/** Opens a database that a process which is just ending may still hold. */
import type { Clock } from "../clock.ts";
import { isPetrelError } from "../errors.ts";
import type { Timers } from "../timers.ts";

const pauseMs = 200;

/** Calls `open` until it does not reject with STORE_LOCKED, for `patienceMs` at most. */
export async function retryLocked<T>(
  patienceMs: number,
  { clock, timers }: { readonly clock: Clock; readonly timers: Timers },
  open: () => Promise<T>,
): Promise<T> {
  const until = clock.monotonic() + patienceMs;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!isPetrelError(error) || error.code !== "STORE_LOCKED" || clock.monotonic() > until) throw error;
      await new Promise<void>((resolve) => timers.after(pauseMs, resolve));
    }
  }
}
