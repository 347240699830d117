/** Tells without a look at the disk that the journal has never heard of an execution. Pure. */
import { purposeOf } from "../../shared/ids.ts";

/** 128 KiB: with 50,000 executions one new one in a hundred looks known, with 500,000 two in five. */
const bits = 2 ** 20;

/**
 * A Bloom filter by what executions are for, so that one has the same place under each name it ever had. It forgets
 * nothing, so that no batch that failed, or rows that went, can make it deny what is there: then it costs a look at the
 * disk, as for all that is known.
 */
export class KnownExecutions {
  readonly #words = new Uint32Array(bits / 32);

  add(execution: string): void {
    const [one, other] = places(execution);
    this.#set(one);
    this.#set(other);
  }

  /** False: nobody has added it, under any of its names. */
  mayHave(execution: string): boolean {
    const [one, other] = places(execution);
    return this.#has(one) && this.#has(other);
  }

  #set(place: number): void {
    this.#words[place >>> 5] = (this.#words[place >>> 5] ?? 0) | (1 << (place & 31));
  }

  #has(place: number): boolean {
    return ((this.#words[place >>> 5] ?? 0) & (1 << (place & 31))) !== 0;
  }
}

/** Two halves of one hash (FNV-1a, then mixed as MurmurHash3 ends): ids are random, so that it need not be a strong one. */
function places(execution: string): readonly [number, number] {
  const purpose = purposeOf(execution);
  let hash = 0x811c9dc5;
  let other = 0x9e3779b9;
  for (let i = 0; i < purpose.length; i++) {
    const code = purpose.charCodeAt(i);
    hash = Math.imul(hash ^ code, 0x01000193);
    other = Math.imul(other ^ code, 0x85ebca6b);
  }
  return [mixed(hash) % bits, mixed(other) % bits];
}

function mixed(hash: number): number {
  let mixing = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixing = Math.imul(mixing ^ (mixing >>> 13), 0xc2b2ae35);
  return (mixing ^ (mixing >>> 16)) >>> 0;
}
