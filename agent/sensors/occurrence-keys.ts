/**
 * Which named occurrences of one sensor are stored already: the rule behind `key` and `checkpoint`. Pure.
 *
 * A *life* is one run of the sensor's process. The rule:
 * 1. A dispatch with a key that is not held is stored, and the key is held from the same write on.
 * 2. A dispatch with a held key is accepted and changes nothing: neither its trigger nor its `set` is written.
 *    The key then belongs to this newest dispatch.
 * 3. `checkpoint {upTo}` lets go of the keys that belong to dispatches of this life up to `upTo`. A dispatch that
 *    is not accepted yet is never let go of.
 * 4. Keys of earlier lives stay held until this life repeats them (2) and checkpoints them (3), or until a
 *    checkpoint says `earlier: true`: the sensor has looked at everything once and will repeat no old key.
 * 5. At most `maxHeldKeys` are held; beyond it the oldest is let go of, which is counted.
 */

/** Bounds memory and disk for a sensor that never checkpoints. */
export const maxHeldKeys = 65_536;

export interface KeyedDispatch {
  readonly id: number;
  /** Digest of the key, `null` for a dispatch without one. */
  readonly key: string | null;
}

/** What is to be written for a run of dispatches; nothing holds until `commit` says that it is on disk. */
export interface KeyPlan<D extends KeyedDispatch> {
  /** Dispatches to store, in order. */
  readonly fresh: readonly D[];
  readonly repeated: number;
  /** Keys to hold: digest and the sequence that orders them by age. */
  readonly hold: readonly { readonly key: string; readonly sequence: number }[];
  /** Keys to let go of. */
  readonly release: readonly string[];
  /** Keys let go of only because there were too many. */
  readonly crowdedOut: number;
  /** To be called once the plan is on disk. A plan that was not written is simply forgotten. */
  readonly commit: () => void;
}

export interface Checkpoint {
  readonly upTo: number;
  readonly earlier: boolean;
}

/** The held keys of one sensor, for the time of one life. Plans are made and committed one after the other. */
export class OccurrenceKeys {
  /** Held since an earlier life, oldest first. */
  readonly #earlier: Map<string, true>;
  /** Held by this life: digest to the id of the newest dispatch that named it, in order of that id. */
  readonly #current = new Map<string, number>();
  readonly #maxKeys: number;
  #nextSequence: number;

  /** `held`: what the disk holds, in any order. */
  constructor(held: readonly { readonly key: string; readonly sequence: number }[], maxKeys = maxHeldKeys) {
    const byAge = held.toSorted((a, b) => a.sequence - b.sequence);
    this.#earlier = new Map(byAge.map(({ key }) => [key, true]));
    this.#nextSequence = (byAge.at(-1)?.sequence ?? 0) + 1;
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#earlier.size + this.#current.size;
  }

  /** Keys that turned out to be on disk. */
  learn(keys: readonly string[]): void {
    for (const key of keys) if (!this.#current.has(key)) this.#earlier.set(key, true);
  }

  /** Plans dispatches in the order of their ids. */
  planDispatches<D extends KeyedDispatch>(dispatches: readonly D[]): KeyPlan<D> {
    const fresh: D[] = [];
    const named = new Map<string, number>();
    const hold: { key: string; sequence: number }[] = [];
    let sequence = this.#nextSequence;
    for (const dispatch of dispatches) {
      const { key } = dispatch;
      const isHeld = key !== null && (named.has(key) || this.#current.has(key) || this.#earlier.has(key));
      if (key !== null) {
        named.delete(key);
        named.set(key, dispatch.id);
      }
      if (isHeld) continue;
      fresh.push(dispatch);
      if (key !== null) hold.push({ key, sequence: sequence++ });
    }
    const release = this.#oldest(this.size + hold.length - this.#maxKeys, named);
    return {
      fresh,
      repeated: dispatches.length - fresh.length,
      hold,
      release,
      crowdedOut: release.length,
      commit: () => {
        this.#nextSequence = sequence;
        this.#letGo(release);
        for (const [key, id] of named) {
          this.#earlier.delete(key);
          this.#current.delete(key);
          this.#current.set(key, id);
        }
      },
    };
  }

  /** Plans a checkpoint; `acceptedUpTo` is the newest dispatch that is on disk. */
  planCheckpoint({ upTo, earlier }: Checkpoint, acceptedUpTo: number): KeyPlan<never> {
    const limit = Math.min(upTo, acceptedUpTo);
    const release: string[] = earlier ? [...this.#earlier.keys()] : [];
    for (const [key, id] of this.#current) {
      if (id > limit) break;
      release.push(key);
    }
    return {
      fresh: [],
      repeated: 0,
      hold: [],
      release,
      crowdedOut: 0,
      commit: () => this.#letGo(release),
    };
  }

  #letGo(keys: readonly string[]): void {
    for (const key of keys) {
      this.#earlier.delete(key);
      this.#current.delete(key);
    }
  }

  /** The `count` keys held longest, leaving out those that are being named right now. */
  #oldest(count: number, named: ReadonlyMap<string, number>): string[] {
    const oldest: string[] = [];
    if (count <= 0) return oldest;
    for (const keys of [this.#earlier.keys(), this.#current.keys()]) {
      for (const key of keys) {
        if (oldest.length === count) return oldest;
        if (!named.has(key)) oldest.push(key);
      }
    }
    return oldest;
  }
}
