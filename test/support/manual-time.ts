/** A clock that stands until it is moved, and the timers that go by it. */
import type { Clock } from "../../shared/clock.ts";
import type { Timers } from "../../shared/timers.ts";

export interface ManualTime {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Moves time on, firing what falls due in order. */
  advance(ms: number): void;
  /** Times of pending timers, in ms from now, soonest first. */
  pending(): readonly number[];
}

export function manualTime(start = Date.UTC(2026, 0, 1)): ManualTime {
  let passed = 0;
  let waiting: { at: number; callback: () => void }[] = [];
  return {
    clock: { now: () => start + passed, monotonic: () => passed },
    timers: {
      after(delayMs, callback) {
        const timer = { at: passed + delayMs, callback };
        waiting.push(timer);
        return () => {
          waiting = waiting.filter((other) => other !== timer);
        };
      },
    },
    advance(ms) {
      const end = passed + ms;
      for (;;) {
        const [next] = waiting.toSorted((a, b) => a.at - b.at);
        if (next === undefined || next.at > end) break;
        passed = Math.max(passed, next.at);
        waiting = waiting.filter((other) => other !== next);
        next.callback();
      }
      passed = end;
    },
    pending: () => waiting.map(({ at }) => at - passed).toSorted((a, b) => a - b),
  };
}
