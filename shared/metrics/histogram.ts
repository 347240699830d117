/** How often a measured value fell into which range: the shape of latencies, at the cost of a few counters. */

export interface HistogramFigures {
  /** Upper bounds, ascending, without the last one, which is infinite. */
  readonly bounds: readonly number[];
  /** Values at most as large as each bound, and all values last: cumulative. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Seconds, from a fast disk's sync to one that is in trouble. */
export const commitBounds: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const found = this.#bounds.findIndex((bound) => value <= bound);
    const at = found < 0 ? this.#bounds.length : found;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += value;
  }

  figures(): HistogramFigures {
    let total = 0;
    const counts = this.#counts.map((count) => {
      total += count;
      return total;
    });
    return { bounds: this.#bounds, counts, sum: this.#sum };
  }
}

/** The bound below which this part of the values lie, 0 to 1; `null` without values, infinite beyond the last bound. */
export function quantile({ bounds, counts }: HistogramFigures, part: number): number | null {
  const total = counts.at(-1) ?? 0;
  if (total === 0) return null;
  const at = counts.findIndex((count) => count >= total * part);
  return bounds[at] ?? Number.POSITIVE_INFINITY;
}
