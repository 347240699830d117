/** Counts rows and adds up their hashes. Pure. */
import { reduced, termOf } from "./seal.ts";

export class Tally {
  #count: number;
  #sum: bigint;

  constructor({ count, sum }: { readonly count: number; readonly sum: bigint } = { count: 0, sum: 0n }) {
    this.#count = count;
    this.#sum = sum;
  }

  get count(): number {
    return this.#count;
  }

  add(hash: string): void {
    this.#count++;
    this.#sum += termOf(hash);
  }

  /** What another one has counted. */
  addAll({ count, sum }: { readonly count: number; readonly sum: bigint }): void {
    this.#count += count;
    this.#sum += sum;
  }

  remove(hash: string): void {
    this.#count--;
    this.#sum -= termOf(hash);
  }

  state(): { readonly count: number; readonly sum: bigint } {
    return { count: this.#count, sum: reduced(this.#sum) };
  }

  /** What has to be added to arrive at `sum`. */
  lackingTo(sum: bigint): bigint {
    return reduced(sum - this.#sum);
  }
}
