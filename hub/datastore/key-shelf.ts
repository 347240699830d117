/** The keys of one scope in memory, in the order of their names. */
import type { KeptKey } from "./kept-key.ts";

export class KeyShelf {
  readonly #kept = new Map<string, KeptKey>();
  /** `null` after a name came or went. */
  #sorted: readonly string[] | null = null;
  #characters = 0;

  get size(): number {
    return this.#kept.size;
  }

  /** Of all names and values. */
  get characters(): number {
    return this.#characters;
  }

  get(name: string): KeptKey | null {
    return this.#kept.get(name) ?? null;
  }

  put(name: string, key: KeptKey | null): void {
    const before = this.get(name);
    this.#characters += room(name, key) - room(name, before);
    if (key === null) this.#kept.delete(name);
    else this.#kept.set(name, key);
    if ((before === null) !== (key === null)) this.#sorted = null;
  }

  entries(): Iterable<[name: string, key: KeptKey]> {
    return this.#kept;
  }

  /** Those that begin with `prefix`, in order, and only those behind `after` if given. */
  *from(prefix: string, after = ""): Generator<readonly [name: string, key: KeptKey]> {
    this.#sorted ??= [...this.#kept.keys()].sort();
    const names = this.#sorted;
    const start = after > prefix ? after : prefix;
    for (let at = firstAtLeast(names, start); at < names.length; at++) {
      const name = names[at] ?? "";
      if (!name.startsWith(prefix)) return;
      const key = this.#kept.get(name);
      if (key !== undefined && name !== after) yield [name, key];
    }
  }
}

/** Characters that a key takes. */
export const room = (name: string, key: KeptKey | null): number =>
  key === null ? 0 : name.length + key.value.length;

/** Index of the first name that is not before `start`. */
function firstAtLeast(names: readonly string[], start: string): number {
  let from = 0;
  let to = names.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((names[middle] ?? "") < start) from = middle + 1;
    else to = middle;
  }
  return from;
}
