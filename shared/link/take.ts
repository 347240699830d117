/** The receiver's decision: which of the packets' entries follow its mark. Pure. */
import type { Entry } from "../wire/messages.ts";
import type { NumberedEntry } from "./ports.ts";

export interface ReceivedPacket<E extends Entry = Entry> {
  readonly first: number;
  readonly entries: readonly NumberedEntry<E>[];
}

export interface TakePlan<E extends Entry = Entry> {
  /** Follow the mark without a hole; what was had already is left out. */
  readonly entries: readonly NumberedEntry<E>[];
  /** Entries are missing between the mark and a packet: it must be sent again. */
  readonly hole: boolean;
}

/** Plans one take of packets of one epoch, in whatever order they came. A void that overlaps the mark keeps its end. */
export function planTake<E extends Entry>(mark: number, packets: readonly ReceivedPacket<E>[]): TakePlan<E> {
  const [only] = packets;
  // As nearly all come.
  if (packets.length === 1 && only?.entries[0]?.n === mark + 1) return { entries: only.entries, hole: false };
  const entries: NumberedEntry<E>[] = [];
  let upTo = mark;
  for (const packet of packets.toSorted((a, b) => a.first - b.first)) {
    if (packet.first > upTo + 1) return { entries, hole: true };
    for (const entry of packet.entries) {
      if (entry.last <= upTo) continue;
      entries.push(entry.n <= upTo ? { ...entry, n: upTo + 1 } : entry);
      upTo = entry.last;
    }
  }
  return { entries, hole: false };
}
