/**
 * Notes of accepted changes. The agent writes a note in the same batch as the trigger, so that after any crash it is
 * known which changes were told although the baseline does not have them yet: nothing is told twice, nothing is lost.
 *
 * A note's place is used again after `ringSize` further ones; by then the baseline has it, on disk.
 */
import { Buffer } from "node:buffer";
import type { BytePath } from "../../shared/watch/paths.ts";
import type { BaselineChange } from "./record.ts";
import { decodeRecord, encodeRecord } from "./record.ts";

/** More than may be told and not yet accepted. */
export const ringSize = 2_048;
/** The baseline is synced at the latest after these many notes. */
export const syncEvery = 512;

export const notePrefix = "note:";

export interface Note {
  readonly seq: number;
  readonly changes: readonly BaselineChange[];
  /** Folders that moved with all that is in them; applied before `changes`. */
  readonly moves: readonly { readonly from: BytePath; readonly to: BytePath }[];
}

export function noteName(seq: number): string {
  return `${notePrefix}${String(seq % ringSize).padStart(4, "0")}`;
}

export function encodeNote({ seq, changes, moves }: Note): string {
  return JSON.stringify({
    seq,
    changes: changes.map(({ path, record }) => [
      base64(path),
      record === null ? null : encodeRecord(record).toString("base64"),
    ]),
    ...(moves.length > 0 && { moves: moves.map(({ from, to }) => [base64(from), base64(to)]) }),
  });
}

/** `null` for what no version wrote. */
export function decodeNote(text: string): Note | null {
  try {
    const {
      seq,
      changes,
      moves = [],
    } = JSON.parse(text) as {
      seq: number;
      changes: [string, string | null][];
      moves?: [string, string][];
    };
    if (!Number.isSafeInteger(seq)) return null;
    return {
      seq,
      changes: changes.map(([path, record]) => ({
        path: bytes(path),
        record: record === null ? null : decodeRecord(Buffer.from(record, "base64")),
      })),
      moves: moves.map(([from, to]) => ({ from: bytes(from), to: bytes(to) })),
    };
  } catch {
    // A value of another kind under a note's name.
    return null;
  }
}

/**
 * Those the baseline lacks, in the order they were told. `open`: the text of one that this sensor wrote, `null` for
 * others: by a note, too, one could make the baseline hold what never was.
 */
export function unapplied(
  texts: readonly string[],
  appliedSeq: number,
  open: (sealed: string) => string | null,
): readonly Note[] {
  return texts
    .map((sealed) => decodeNote(open(sealed) ?? ""))
    .filter((note): note is Note => note !== null && note.seq > appliedSeq)
    .sort((a, b) => a.seq - b.seq);
}

function base64(path: BytePath): string {
  return Buffer.from(path, "latin1").toString("base64");
}

function bytes(text: string): BytePath {
  return Buffer.from(text, "base64").toString("latin1");
}
