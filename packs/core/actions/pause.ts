/** Waits, and succeeds. */
import { setTimeout as sleep } from "node:timers/promises";

interface Parameters {
  readonly max_pause: number;
  readonly random: boolean;
}

/** A timer of Node's holds no more (ms). */
const longestMs = 2 ** 31 - 1;

export default async function pause({ max_pause, random }: Parameters): Promise<number> {
  const seconds = random ? Math.random() * max_pause : max_pause;
  await sleep(Math.min(seconds * 1000, longestMs));
  return seconds;
}
