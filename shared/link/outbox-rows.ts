/** The outbox's records as keys and values: epochs in the order they were opened, entries by number. */
import { Buffer } from "node:buffer";
import { isObject } from "../json.ts";
import type { UpEntry, VoidEntry } from "../wire/messages.ts";
import type { NumberedEntry } from "./ports.ts";

/** An entry as it lies on disk. */
export interface Row {
  readonly n: number;
  /** Bytes of all entries of the epoch up to and with this one, so that a range is measured by its two ends. */
  readonly total: number;
  /** JSON. */
  readonly text: string;
}

export interface EpochRecord {
  readonly id: string;
  /** `[upTo, at]`, oldest first: everything up to a number was receipted by this time (ms). */
  readonly receipts: readonly (readonly [number, number])[];
}

const pad = (n: number, width: number) => n.toString().padStart(width, "0");

/** Text order is the order of opening, and within it of numbers. */
export function outboxKeys(prefix: string) {
  // Of the epoch that was last asked for, which most rows are of.
  let near = -1;
  let nearRows = "";
  const rows = (ordinal: number) => {
    if (ordinal !== near) {
      near = ordinal;
      nearRows = `${prefix}!n!${pad(ordinal, 12)}!`;
    }
    return nearRows;
  };
  return {
    epochs: { gt: `${prefix}!e!`, lt: `${prefix}!e"` },
    allRows: { gt: `${prefix}!n!`, lt: `${prefix}!n"` },
    epoch: (ordinal: number) => `${prefix}!e!${pad(ordinal, 12)}`,
    row: (ordinal: number, n: number) => `${rows(ordinal)}${pad(n, 16)}`,
    /** All rows of an epoch from `from` on. */
    rowsFrom: (ordinal: number, from: number) => ({
      gte: `${rows(ordinal)}${pad(from, 16)}`,
      lt: `${rows(ordinal)}~`,
    }),
    parked: (epoch: string, n: number) => `${prefix}!p!${epoch}!${pad(n, 16)}`,
  };
}

export type OutboxKeys = ReturnType<typeof outboxKeys>;

/** The number at the end of an epoch's or an entry's key. */
export function keyNumber(key: string): number {
  return Number(key.slice(key.lastIndexOf("!") + 1));
}

export function rowValue(total: number, text: string): string {
  return `${total} ${text}`;
}

export function readRow(key: string, value: string): Row {
  const space = value.indexOf(" ");
  return { n: keyNumber(key), total: Number(value.slice(0, space)), text: value.slice(space + 1) };
}

export function readEpochRecord(value: string): EpochRecord {
  const record: unknown = JSON.parse(value);
  if (!isObject(record) || typeof record.id !== "string" || !Array.isArray(record.receipts)) {
    throw new TypeError(`no epoch record: ${value.slice(0, 100)}`);
  }
  return { id: record.id, receipts: record.receipts };
}

/** `null` when the disk gave back something else than was written. */
export function rowEntry({ n, text }: Row): NumberedEntry<UpEntry> | null {
  let entry: unknown;
  try {
    entry = JSON.parse(text);
  } catch {
    // The caller puts a void in its place; nothing behind it waits.
    return null;
  }
  if (!isObject(entry) || typeof entry.kind !== "string") return null;
  return { n, last: n, entry: entry as unknown as UpEntry, size: Buffer.byteLength(text), text };
}

/** A void in the place of numbers `from` to `to`. */
export function voidAt(
  from: number,
  to: number,
  reason: string,
  id: string,
  at: string,
): NumberedEntry<VoidEntry> {
  const entry: VoidEntry = { id, at, kind: "void", from, to, reason };
  const text = JSON.stringify(entry);
  return { n: from, last: to, entry, size: Buffer.byteLength(text), text };
}
