/** Work that waits for the next batch, taken in turns so that one busy source never starves the others. */

export interface Queued {
  /** Who asks; an agent's id, usually. Order within one source is kept. */
  readonly source: string;
  /** Ledger entries it counts for. */
  readonly weight: number;
}

/** Empty places of a lane before the next item. */
const mostGone = 1_024;
const fewItems = 16;

/** One source's items from `next` up to `end`; places before are empty. */
class Lane<T> {
  items: (T | undefined)[] = [];
  next = 0;
  end = 0;
  /** Behind it in its line. */
  following: Lane<T> | null = null;

  get first(): T | undefined {
    return this.items[this.next];
  }

  push(item: T): void {
    this.items[this.end++] = item;
  }

  shift(): void {
    this.items[this.next++] = undefined;
    const isEmpty = this.next === this.end;
    if (!isEmpty && this.next <= mostGone) return;
    // An empty lane keeps room for a few.
    if (this.end > (isEmpty ? fewItems : mostGone)) this.items = this.items.slice(this.next, this.end);
    this.end -= this.next;
    this.next = 0;
  }
}

/** Lanes in the order of their turns. */
class Line<T> {
  first: Lane<T> | null = null;
  #last: Lane<T> | null = null;

  add(lane: Lane<T>): void {
    lane.following = null;
    if (this.#last === null) this.first = lane;
    else this.#last.following = lane;
    this.#last = lane;
  }

  /** Takes the first one out. */
  shift(): void {
    this.first = this.first?.following ?? null;
    if (this.first === null) this.#last = null;
  }
}

/** Empty lanes that stay for the next item of their source. */
const mostIdle = 20_000;

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
  /**
   * A lane stays when it is empty: a Map whose entries come and go with each item is made anew every few items, and V8
   * keeps all that its dead tables hold alive until the next full collection.
   */
  #lanes = new Map<string, Lane<T>>();
  #idle = 0;
  /** By the weight of a lane's first item. */
  readonly #light = new Line<T>();
  readonly #heavy = new Line<T>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    let lane = this.#lanes.get(item.source);
    if (lane === undefined) {
      lane = new Lane<T>();
      this.#lanes.set(item.source, lane);
      this.#idle++;
    }
    const isFirst = lane.first === undefined;
    lane.push(item);
    this.#size++;
    if (!isFirst) return;
    this.#idle--;
    this.#line(item).add(lane);
  }

  /** One item of each source in turn until `maxWeight` is reached; at least one if there is one. */
  take(maxWeight: number): T[] {
    const taken: T[] = [];
    const light = this.#takeFrom(this.#light, maxWeight / 2, taken);
    const both = light + this.#takeFrom(this.#heavy, maxWeight - light, taken);
    this.#takeFrom(this.#light, maxWeight - both, taken);
    if (this.#idle > mostIdle) this.#forgetIdle();
    return taken;
  }

  #line(item: T): Line<T> {
    return item.weight <= mostLight ? this.#light : this.#heavy;
  }

  /** The weight of what it took. */
  #takeFrom(line: Line<T>, maxWeight: number, taken: T[]): number {
    let weight = 0;
    while (weight < maxWeight) {
      const lane = line.first;
      const item = lane?.first;
      if (lane === null || item === undefined) break;
      line.shift();
      lane.shift();
      this.#size--;
      // Whoever was served goes to the end of the line, also across calls.
      const after = lane.first;
      if (after === undefined) this.#idle++;
      else this.#line(after).add(lane);
      taken.push(item);
      weight += item.weight;
    }
    return weight;
  }

  #forgetIdle(): void {
    this.#lanes = new Map([...this.#lanes].filter(([, { first }]) => first !== undefined));
    this.#idle = 0;
  }
}
