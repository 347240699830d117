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

const poolBytes = 4_096;
let pool: Uint8Array = new Uint8Array(0);
let poolAt = 0;

/** Small requests share a call of the generator, which costs more than its bytes; no byte is given out twice. */
export const systemRandom: RandomBytes = (length) => {
  if (length > poolBytes / 8) return randomBytes(length);
  if (poolAt + length > pool.length) {
    pool = randomBytes(poolBytes);
    poolAt = 0;
  }
  // A copy: `slice` of a Buffer would share its bytes, which are wiped here.
  const bytes = new Uint8Array(pool.subarray(poolAt, poolAt + length));
  pool.fill(0, poolAt, poolAt + length);
  poolAt += length;
  return bytes;
};

/** Evenly spread in [0, 1): jitter. */
export const systemJitter = (): number => Math.random();
