/** Drives a load: a fixed number in flight, or a fixed number each second; and what the latencies were. */

export interface Load {
  /** This many at once; the next begins when one ends. */
  readonly inFlight?: number;
  /** This many begin each second, however many have ended. */
  readonly perSecond?: number;
  /** Not measured. */
  readonly warmupMs: number;
  readonly measureMs: number;
}

export interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** How many began, with those that were not measured. */
  readonly begun: number;
  /** Ended within the measured time. */
  readonly ended: number;
}

/** How long what is in flight at the end may take. */
const drainMs = 30_000;
/** Ended ones are seen as missing when nothing ends for this long. */
const tickMs = 1;

/** `begin` starts one; whoever carries it out calls the returned `ended` with its number. */
export async function drive(
  load: Load,
  begin: (n: number) => void,
  onEnded: (ended: (n: number) => void) => void,
  edge: () => void,
): Promise<Measured> {
  const startedAt = new Map<number, number>();
  const latencies: number[] = [];
  let begun = 0;
  let phase: "warm" | "measured" | "over" = "warm";
  let drained = () => {};
  const next = () => {
    startedAt.set(begun, performance.now());
    begin(begun++);
  };
  onEnded((n) => {
    const at = startedAt.get(n);
    if (at === undefined) return;
    startedAt.delete(n);
    if (phase === "measured") latencies.push(performance.now() - at);
    if (phase !== "over" && load.inFlight !== undefined) next();
    if (phase === "over" && startedAt.size === 0) drained();
  });

  for (let n = 0; n < (load.inFlight ?? 0); n++) next();
  const stopPacing = load.perSecond === undefined ? () => {} : pace(load.perSecond, next);
  await sleep(load.warmupMs);
  edge();
  phase = "measured";
  const from = performance.now();
  await sleep(load.measureMs);
  const tookMs = performance.now() - from;
  phase = "over";
  edge();
  stopPacing();
  if (startedAt.size > 0) {
    const late = sleep(drainMs).then(() => {
      if (startedAt.size > 0)
        throw new Error(`${startedAt.size} of ${begun} had not ended ${drainMs / 1000} s after the load`);
    });
    await Promise.race([late, new Promise<void>((resolve) => (drained = resolve))]);
  }
  latencies.sort((a, b) => a - b);
  return {
    perSecond: (latencies.length * 1000) / tookMs,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    begun,
    ended: latencies.length,
  };
}

function pace(perSecond: number, next: () => void): () => void {
  const from = performance.now();
  let given = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - from) * perSecond) / 1000;
    while (given < due) {
      given++;
      next();
    }
  }, tickMs);
  return () => clearInterval(timer);
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms).unref?.());

/** Of sorted values; NaN when there are none. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}

/** Median over the repetitions, and from least to most. */
export function spread(values: readonly number[], digits = 0): string {
  const show = (value: number) => value.toFixed(digits);
  return `${show(median(values))} (${show(Math.min(...values))}-${show(Math.max(...values))})`;
}
