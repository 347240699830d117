/** The newest entries of the current epoch in memory, since most are sent right after they were written. Pure. */
import type { UpEntry } from "../wire/messages.ts";
import type { NumberedEntry } from "./ports.ts";

const maxEntries = 2_048;
const maxBytes = 1024 * 1024;
/** How much stays when there is too much: what is left moves to the front, which is not worth it for each append. */
const keptShare = 7 / 8;

/** Holds a row of numbers without a hole, each entry taking one. */
export class OutboxTail {
  #entries: NumberedEntry<UpEntry>[] = [];
  /** Of each entry: bytes of the epoch's entries up to and including it, as its row on disk says. */
  #totals: number[] = [];
  #bytes = 0;

  /** `total`: bytes of the epoch's entries up to the last of these. */
  push(entries: readonly NumberedEntry<UpEntry>[], total: number): void {
    let before = total;
    for (const { size } of entries) before -= size;
    for (const entry of entries) {
      before += entry.size;
      this.#totals.push(before);
      this.#entries.push(entry);
      this.#bytes += entry.size;
    }
    if (this.#entries.length > maxEntries || this.#bytes > maxBytes) this.#dropOldest();
  }

  #dropOldest(): void {
    let drop = 0;
    while (this.#entries.length - drop > maxEntries * keptShare || this.#bytes > maxBytes * keptShare) {
      this.#bytes -= this.#entries[drop]?.size ?? 0;
      drop++;
    }
    this.#entries.splice(0, drop);
    this.#totals.splice(0, drop);
  }

  has(n: number): boolean {
    const [first] = this.#entries;
    return first !== undefined && n >= first.n && n < first.n + this.#entries.length;
  }

  /** Bytes of the epoch's entries up to number `n`; `null` when that is not known here. */
  totalAt(n: number): number | null {
    return this.has(n) ? (this.#totals[n - (this.#entries[0]?.n ?? n)] ?? null) : null;
  }

  /** From number `from`, which must be there, at most so many; one in any case. */
  read(from: number, mostEntries: number, mostBytes: number): readonly NumberedEntry<UpEntry>[] {
    const start = from - (this.#entries[0]?.n ?? from);
    let bytes = 0;
    let end = start;
    for (; end < this.#entries.length && end - start < mostEntries; end++) {
      bytes += this.#entries[end]?.size ?? 0;
      if (end > start && bytes > mostBytes) break;
    }
    return this.#entries.slice(start, end);
  }

  /** Puts another entry in the place of one with the same number. */
  replace(entry: NumberedEntry<UpEntry>): void {
    if (!this.has(entry.n)) return;
    const index = entry.n - (this.#entries[0]?.n ?? entry.n);
    this.#bytes += entry.size - (this.#entries[index]?.size ?? 0);
    this.#entries[index] = entry;
  }
}
