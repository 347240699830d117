/** Which entries were being taken in when the process died: what kills twice goes in alone, a third time not at all. */
import type { Entry } from "../wire/messages.ts";
import type { NumberedEntry, TakeOutcome } from "./ports.ts";

/** Entries `from` to `to` are being taken in; they were so during `crashes` deaths of the process before. */
export interface IntakeRecord {
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
  readonly crashes: number;
}

/** Where the record lies, and where an entry goes that must not be taken in again. One per link. */
export interface IntakeJournal<E extends Entry = Entry> {
  read(): Promise<IntakeRecord | null>;
  /** Needs no sync: it has to outlive the process, not the power. */
  write(record: IntakeRecord): Promise<void>;
  /** Stores a dead letter and moves the mark to the entry's last number, in one batch with sync. */
  deadLetter(epoch: string, mark: number, entry: NumberedEntry<E>, reason: string): Promise<TakeOutcome>;
}

const aloneAfter = 2;
const deadAfter = 3;

/** One part of a take. */
export interface IntakePart<E extends Entry = Entry> {
  readonly entries: readonly NumberedEntry<E>[];
  readonly crashes: number;
  /** To the dead letters. */
  readonly dead: boolean;
}

/** Cuts a take into parts that go in one after the other. `suspect` is what was in intake at the last death. */
export function intakeParts<E extends Entry>(
  suspect: IntakeRecord | null,
  epoch: string,
  entries: readonly NumberedEntry<E>[],
): readonly IntakePart<E>[] {
  if (suspect === null) return [{ entries, crashes: 0, dead: false }];
  const parts: { entries: NumberedEntry<E>[]; crashes: number; dead: boolean }[] = [];
  for (const entry of entries) {
    const suspected =
      suspect !== null && suspect.epoch === epoch && entry.last >= suspect.from && entry.n <= suspect.to;
    const crashes = suspected ? suspect.crashes : 0;
    const last = parts.at(-1);
    if (crashes < aloneAfter && last?.crashes === crashes) last.entries.push(entry);
    else parts.push({ entries: [entry], crashes, dead: crashes >= deadAfter });
  }
  return parts;
}

/** The suspect at start, from the record found and the mark of its epoch: what was taken in is above suspicion. */
export function suspectAtStart(record: IntakeRecord | null, mark: number): IntakeRecord | null {
  return record === null || mark >= record.to ? null : { ...record, crashes: record.crashes + 1 };
}
