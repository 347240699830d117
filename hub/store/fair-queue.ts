/** Work that waits for the next batch, taken in turns so that one busy source never starves the others. */

export interface Queued {
  /** Who asks; an agent's id, usually. Order within one source is kept. */
  readonly source: string;
  /** Ledger entries it counts for. */
  readonly weight: number;
}

interface Lane<T> {
  items: T[];
  next: number;
}

/**
 * What somebody waits for weighs little: a trigger that was just seen, how an action ended. A backlog that drains comes
 * in pieces several times as large.
 */
const mostLight = 16;

/**
 * Sources whose next item is light go first, for half of a batch at most; the others have what is left, and no less than
 * that half while they want it. So fresh news pass however many agents send what they had gathered, and these go on.
 */
export class FairQueue<T extends Queued> {
  readonly #lanes = new Map<string, Lane<T>>();
  /** Names of lanes, by the weight of their first item, in the order of their turns. */
  readonly #light = new Set<string>();
  readonly #heavy = new Set<string>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    const lane = this.#lanes.get(item.source);
    this.#size++;
    if (lane !== undefined) {
      lane.items.push(item);
      return;
    }
    this.#lanes.set(item.source, { items: [item], next: 0 });
    this.#line(item).add(item.source);
  }

  /** One item of each source in turn until `maxWeight` is reached; at least one if there is one. */
  take(maxWeight: number): T[] {
    const taken: T[] = [];
    const light = this.#takeFrom(this.#light, maxWeight / 2, taken);
    const both = light + this.#takeFrom(this.#heavy, maxWeight - light, taken);
    this.#takeFrom(this.#light, maxWeight - both, taken);
    return taken;
  }

  #line(item: T): Set<string> {
    return item.weight <= mostLight ? this.#light : this.#heavy;
  }

  /** The weight of what it took. */
  #takeFrom(line: Set<string>, maxWeight: number, taken: T[]): number {
    let weight = 0;
    while (weight < maxWeight) {
      const [source] = line;
      const lane = source === undefined ? undefined : this.#lanes.get(source);
      const item = lane?.items[lane.next];
      if (source === undefined || lane === undefined || item === undefined) break;
      line.delete(source);
      lane.next++;
      this.#size--;
      if (lane.next > 1024) {
        lane.items = lane.items.slice(lane.next);
        lane.next = 0;
      }
      // Whoever was served goes to the end of the line, also across calls.
      const after = lane.items[lane.next];
      if (after === undefined) this.#lanes.delete(source);
      else this.#line(after).add(source);
      taken.push(item);
      weight += item.weight;
    }
    return weight;
  }
}
