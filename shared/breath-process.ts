/** Pauses in long computations, so that everything else in the process gets its turn. */
import type { Clock } from "./clock.ts";

/** Milliseconds of computing after which the event loop turns: what one agent's backlog may cost the others. */
const mostMs = 10;

/**
 * To be awaited between pieces of work. Costs nothing until the process has been busy for `mostMs` since the event
 * loop last turned; then it lets it turn once.
 */
export function createBreath({ monotonic }: Pick<Clock, "monotonic">): () => Promise<void> | undefined {
  let busySince: number | null = null;
  return () => {
    if (busySince === null) {
      busySince = monotonic();
      setImmediate(() => {
        busySince = null;
      });
      return undefined;
    }
    if (monotonic() - busySince < mostMs) return undefined;
    return new Promise((resolve) => setImmediate(resolve));
  };
}
