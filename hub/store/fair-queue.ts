/** Work that waits for the next batch, taken in turns so that one busy source never starves the others. */

export interface Queued {
  /** Who asks; an agent's id, usually. Order within one source is kept. */
  readonly source: string;
  /** Ledger entries it counts for. */
  readonly weight: number;
}

export class FairQueue<T extends Queued> {
  readonly #bySource = new Map<string, { items: T[]; next: number }>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    const lane = this.#bySource.get(item.source);
    if (lane === undefined) this.#bySource.set(item.source, { items: [item], next: 0 });
    else lane.items.push(item);
    this.#size++;
  }

  /** One item of each source in turn until `maxWeight` is reached; at least one if there is one. */
  take(maxWeight: number): T[] {
    const taken: T[] = [];
    let weight = 0;
    while (this.#size > 0 && weight < maxWeight) {
      const [source, lane] = this.#bySource.entries().next().value ?? ["", undefined];
      const item = lane?.items[lane.next];
      if (lane === undefined || item === undefined) break;
      // Whoever was served goes to the end of the line, also across calls.
      this.#bySource.delete(source);
      lane.next++;
      this.#size--;
      if (lane.next > 1024) {
        lane.items = lane.items.slice(lane.next);
        lane.next = 0;
      }
      if (lane.next < lane.items.length) this.#bySource.set(source, lane);
      taken.push(item);
      weight += item.weight;
    }
    return taken;
  }
}
