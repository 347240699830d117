/** A bounded memory of what was used last: two generations, the older of which is dropped as a whole. */

export interface Stored {
  readonly value: unknown;
  /** Its JSON text, as on disk. */
  readonly text: string;
}

/**
 * Emptied when its record is forgotten. A Map whose entries come and go is made anew now and then, and V8 keeps what its
 * dead tables name until the next full collection: that is this then, and not the record.
 */
interface Place {
  stored: Stored | null;
}

/** Keeps between one and two times `maxBytes` of text; a record that is used moves to the young generation. */
export class GenerationCache {
  readonly #maxBytes: number;
  #young = new Map<string, Place>();
  #old = new Map<string, Place>();
  #youngBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(key: string): Stored | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young.stored ?? undefined;
    const old = this.#old.size > 0 ? this.#old.get(key)?.stored : undefined;
    if (old) this.set(key, old);
    return old ?? undefined;
  }

  set(key: string, stored: Stored): void {
    const place = this.#young.get(key);
    if (place === undefined) {
      this.#young.set(key, { stored });
      this.#youngBytes += key.length + stored.text.length;
    } else {
      this.#youngBytes += stored.text.length - (place.stored?.text.length ?? 0);
      place.stored = stored;
    }
    if (this.#youngBytes > this.#maxBytes) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
  }

  delete(key: string): void {
    const young = this.#young.get(key);
    if (young !== undefined) this.#youngBytes -= key.length + (young.stored?.text.length ?? 0);
    for (const places of [this.#young, this.#old]) {
      const place = places.get(key);
      if (place === undefined) continue;
      place.stored = null;
      places.delete(key);
    }
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
    this.#youngBytes = 0;
  }
}
