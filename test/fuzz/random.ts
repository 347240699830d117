/** Random numbers that a seed repeats. */

export interface Random {
  /** Whole, from 0 to below `end`; 0 when `end` is less than 1. */
  below(end: number): number;
  pick<T>(items: readonly T[]): T;
  bytes(length: number): Uint8Array;
}

/** Mulberry32: 32 bits of state, quick, and good enough to choose where to break a message. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (end: number) => (end < 1 ? 0 : next() % Math.floor(end));
  return {
    below,
    pick(items) {
      const item = items[below(items.length)];
      if (item === undefined) throw new RangeError("nothing to pick from");
      return item;
    },
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
  };
}
