/** The hub's time: it never goes back, whatever happens to the host's clock, and never stands still. */
import type { Clock } from "../../shared/clock.ts";

/**
 * A clock that starts at `highWaterMs` (the store's `clockHighWater`) or later. While the host's clock is
 * behind it, time goes on by the monotonic clock; when the host's clock has caught up, it is followed again.
 */
export function createHubClock(clock: Clock, highWaterMs: number): Clock {
  let base = highWaterMs;
  let since = clock.monotonic();
  return {
    now: () => {
      const monotonic = clock.monotonic();
      const wall = clock.now();
      const held = base + (monotonic - since);
      if (wall < held) return Math.floor(held);
      base = wall;
      since = monotonic;
      return wall;
    },
    monotonic: () => clock.monotonic(),
  };
}
