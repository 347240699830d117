/** What every part of the benchmark of watching is given and needs. */
export interface WatchBench {
  /** Everything is made below it, and removed afterwards. */
  readonly folder: string;
  readonly files: number;
  readonly burst: number;
  readonly repetitions: number;
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
