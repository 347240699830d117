/** One epoch as its sender sees it: what is on its way, what is receipted, what was refused. Pure. */
import type { Receipt } from "../wire/messages.ts";
import type { NumberedEntry } from "./ports.ts";

interface Flight {
  readonly first: number;
  readonly last: number;
  readonly entries: number;
  readonly bytes: number;
  /** Bytes of the packet. */
  readonly size: number;
  readonly onlyVoids: boolean;
}

/** An entry that the peer cannot decode, alone in its packet. */
export interface Refused {
  readonly epoch: string;
  readonly n: number;
  readonly reason: string;
}

export class SentEpoch {
  readonly id: string;
  readonly isControl: boolean;
  last: number;
  acked: number;
  /** Sent up to here, and not asked for again. */
  cursor: number;
  /** While a refused packet is narrowed down: entries per packet, until this number has passed. */
  halving: { readonly until: number; readonly most: number } | null = null;
  /** Numbers on their way aside: the epoch waits for `parked`. A refused void is never parked: it waits for good. */
  readonly parking = new Set<number>();
  #flights: Flight[] = [];

  constructor(id: string, isControl: boolean, acked: number, last: number) {
    this.id = id;
    this.isControl = isControl;
    this.acked = acked;
    this.cursor = acked;
    this.last = last;
  }

  /** Something of it is to be sent, and may be. */
  get isWaiting(): boolean {
    return this.cursor < this.last && this.parking.size === 0;
  }

  get isReceipted(): boolean {
    return this.acked >= this.last;
  }

  get isFlying(): boolean {
    return this.#flights.length > 0;
  }

  /** What is on its way. */
  flying(): { readonly entries: number; readonly bytes: number } {
    let entries = 0;
    let bytes = 0;
    for (const flight of this.#flights) {
      entries += flight.entries;
      bytes += flight.bytes;
    }
    return { entries, bytes };
  }

  /** Answers the bytes of these entries; `size` is that of their packet. */
  sent(entries: readonly NumberedEntry[], size: number): number {
    const [first] = entries;
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return 0;
    let bytes = 0;
    let onlyVoids = true;
    for (const { size: entryBytes, entry } of entries) {
      bytes += entryBytes;
      if (entry.kind !== "void") onlyVoids = false;
    }
    this.#flights.push({
      first: first.n,
      last: last.last,
      entries: entries.length,
      bytes,
      size,
      onlyVoids,
    });
    this.cursor = last.last;
    return bytes;
  }

  /** The peer has everything up to here. */
  receipted(upTo: number): void {
    this.acked = upTo;
    this.cursor = Math.max(this.cursor, upTo);
    // In the order of their numbers.
    let covered = 0;
    while ((this.#flights[covered]?.last ?? Number.POSITIVE_INFINITY) <= upTo) covered++;
    if (covered > 0) this.#flights.splice(0, covered);
    if (this.halving !== null && upTo >= this.halving.until) this.halving = null;
  }

  /** Everything behind this number goes again. */
  again(from: number): void {
    this.#flights = [];
    this.cursor = from;
  }

  /** Narrows a refused packet down; the entry to park when it stood alone. */
  refused(refused: NonNullable<Receipt["refused"]>): Refused | null {
    const index = this.#flights.findIndex(
      ({ first, size }) => first === refused.first && size === refused.size,
    );
    const flight = this.#flights[index];
    // Not in flight as such: an answer that came late or twice, to a packet that was narrowed down already.
    if (flight === undefined) return null;
    this.#flights = this.#flights.slice(0, index);
    this.cursor = flight.first - 1;
    if (flight.entries > 1) {
      const until = Math.max(flight.last, this.halving?.until ?? 0);
      this.halving = { until, most: Math.floor(flight.entries / 2) };
      return null;
    }
    this.parking.add(flight.first);
    // A void has nothing in it to set aside. Whoever refuses it refuses all; the next session tries again.
    if (flight.onlyVoids) return null;
    return { epoch: this.id, n: flight.first, reason: `${refused.code}: ${refused.message}` };
  }
}
