/** Which of many patterns a text may fit, found by three letters that each of them needs. */
import type { Clause } from "../expressions/regex/required-text.ts";

/** How many UTF-16 units in a row an entry is filed under. */
const GRAM = 3;

interface Filed<T> {
  /** The whole text that is needed. */
  readonly text: string;
  readonly item: T;
}

export interface TextEntry<T> {
  readonly item: T;
  /** A text that does not fulfil one of them does not fit. */
  readonly clauses: readonly Clause[];
}

/** Immutable once built. */
export class TextIndex<T> {
  readonly #byGram: ReadonlyMap<number, readonly Filed<T>[]>;
  /** Of entries that need too little to be filed: they may fit any text. */
  readonly unfiled: readonly T[];

  /** Each entry is filed under the clause that the fewest others share. */
  constructor(entries: readonly TextEntry<T>[]) {
    const frequency = new Map<number, number>();
    for (const { clauses } of entries) {
      const own = new Set(clauses.flatMap((clause) => clause.flatMap(grams)));
      for (const gram of own) frequency.set(gram, (frequency.get(gram) ?? 0) + 1);
    }
    const sharedBy = (gram: number) => frequency.get(gram) ?? 0;
    const byGram = new Map<number, Filed<T>[]>();
    const unfiled: T[] = [];
    for (const { item, clauses } of entries) {
      const places = rarest(clauses, sharedBy);
      if (places === null) unfiled.push(item);
      for (const [text, gram] of places ?? []) {
        const same = byGram.get(gram);
        if (same === undefined) byGram.set(gram, [{ text, item }]);
        else same.push({ text, item });
      }
    }
    this.#byGram = byGram;
    this.unfiled = unfiled;
  }

  /** The filed items that `text` may fit; one may come twice. */
  find(text: string): readonly T[] {
    let found: T[] | null = null;
    let seen: Set<number> | null = null;
    let gram = 0;
    for (let i = 0; i < text.length; i++) {
      gram = next(gram, text.charCodeAt(i));
      const here = this.#byGram.get(gram);
      if (here === undefined || i < GRAM - 1 || seen?.has(gram)) continue;
      seen ??= new Set();
      seen.add(gram);
      found ??= [];
      for (const filed of here) if (text.includes(filed.text)) found.push(filed.item);
    }
    return found ?? NOTHING;
  }
}

const NOTHING: readonly never[] = [];

/** The last three units as one number of 30 bits: exact for ASCII; others may share one, which costs but a look. */
function next(gram: number, unit: number): number {
  return ((gram << 10) ^ (unit & 0x3ff) ^ ((unit >>> 10) << 4)) & 0x3fffffff;
}

function grams(text: string): number[] {
  const found: number[] = [];
  let gram = 0;
  for (let i = 0; i < text.length; i++) {
    gram = next(gram, text.charCodeAt(i));
    if (i >= GRAM - 1) found.push(gram);
  }
  return found;
}

/** For each text of the best clause its rarest gram; `null` when no clause consists of texts that are long enough. */
function rarest(
  clauses: readonly Clause[],
  sharedBy: (gram: number) => number,
): readonly (readonly [text: string, gram: number])[] | null {
  let best: [string, number][] | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const clause of clauses) {
    if (clause.length === 0 || clause.some((text) => text.length < GRAM)) continue;
    const places = clause.map((text): [string, number] => {
      const [first = 0, ...others] = grams(text);
      return [text, others.reduce((a, b) => (sharedBy(b) < sharedBy(a) ? b : a), first)];
    });
    const cost = places.reduce((sum, [, gram]) => sum + sharedBy(gram), 0);
    if (cost < least) [best, least] = [places, cost];
  }
  return best;
}
