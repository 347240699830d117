/** A line of those who wait: in at its end, out at its front or its middle, each at the same cost however long it is. */

/** A place in a lane; whoever keeps it can take its holder out wherever it stands. */
export interface LanePlace<T> {
  readonly holder: T;
  /** Smaller is older, over all lanes of a queue. */
  readonly sequence: number;
  before: LanePlace<T> | null;
  after: LanePlace<T> | null;
}

/** A linked list: a large `Map` whose front was deleted looks for its first key anew each time. */
export class Lane<T> {
  #first: LanePlace<T> | null = null;
  #last: LanePlace<T> | null = null;

  /** The oldest; `null` when nobody waits. */
  get first(): LanePlace<T> | null {
    return this.#first;
  }

  append(holder: T, sequence: number): LanePlace<T> {
    const place: LanePlace<T> = { holder, sequence, before: this.#last, after: null };
    if (this.#last === null) this.#first = place;
    else this.#last.after = place;
    this.#last = place;
    return place;
  }

  /** `place` has to be one of this lane that was not removed before. */
  remove(place: LanePlace<T>): void {
    if (place.before === null) this.#first = place.after;
    else place.before.after = place.after;
    if (place.after === null) this.#last = place.before;
    else place.after.before = place.before;
  }
}
