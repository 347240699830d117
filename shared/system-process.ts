/** The process's own clock, timers and randomness: what `main.ts` passes to the parts. */
import { randomBytes } from "node:crypto";
import type { Clock, RandomBytes } from "./clock.ts";
import type { Timers } from "./timers.ts";

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/** A pending timer does not keep the process alive: what is waited for lives elsewhere (a socket, a signal). */
export const systemTimers: Timers = {
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export const systemRandom: RandomBytes = (length) => randomBytes(length);

/** Evenly spread in [0, 1): jitter. */
export const systemJitter = (): number => Math.random();
