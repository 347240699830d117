/** How large an entry is when it is sent. Pure. */
import { placedBytes } from "../../shared/sealed-text.ts";
import type { StoredEntry } from "./port/ledgers.ts";

/**
 * At most so many bytes of JSON. What is sealed takes four bytes for three where it waits, and is sent open: it is refused
 * for what its agent would get. `stored`: bytes of the entry as it is kept, when known.
 */
export function sentSize(entry: StoredEntry, stored = Buffer.byteLength(JSON.stringify(entry))): number {
  if (!("sealed" in entry) || entry.sealed === undefined) return stored;
  return stored - entry.sealed.length + placedBytes(entry.sealed);
}
