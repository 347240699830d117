/** A bounded memory of what was used last: two generations, the older of which is dropped as a whole. */

export interface Stored {
  readonly value: unknown;
  /** Its JSON text, as on disk. */
  readonly text: string;
}

/** Keeps between one and two times `maxBytes` of text; a record that is used moves to the young generation. */
export class GenerationCache {
  readonly #maxBytes: number;
  #young = new Map<string, Stored>();
  #old = new Map<string, Stored>();
  #youngBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(key: string): Stored | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, stored: Stored): void {
    const before = this.#young.get(key);
    this.#youngBytes += key.length + stored.text.length - (before ? key.length + before.text.length : 0);
    this.#young.set(key, stored);
    if (this.#youngBytes > this.#maxBytes) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
  }

  delete(key: string): void {
    const before = this.#young.get(key);
    if (before !== undefined) this.#youngBytes -= key.length + before.text.length;
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
    this.#youngBytes = 0;
  }
}
