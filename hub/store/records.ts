/** What the parts of the store stand on, whatever the engine: rows in the order of their keys, and one writer. */
import type { Writer } from "./writer-store.ts";

/** Keys are compared as UTF-8 bytes. */
export interface RowRange {
  readonly gt?: string;
  readonly gte?: string;
  readonly lt?: string;
  readonly lte?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
  /** False when the texts are not needed. */
  readonly values?: boolean;
}

/** Rows of a range, read as they are asked for; only `all` is sure to show one state of the store. */
export interface RowCursor<T> extends AsyncIterable<T> {
  /** The next ones; none at the end. */
  nextv(size: number): Promise<T[]>;
  all(): Promise<T[]>;
  close(): Promise<void>;
}

/** Committed rows: keys and JSON texts. */
export interface Rows {
  iterator(range: RowRange): RowCursor<[key: string, text: string]>;
  keys(range: RowRange): RowCursor<string>;
  values(range: RowRange): RowCursor<string>;
  /** As stored, in the order of `keys`; nothing that is kept in memory. */
  getMany(keys: string[]): Promise<(string | undefined)[]>;
}

/** Changes records by plans, each run against the newest state and written all or none; and reads them by key. */
export type RecordWriter = Pick<Writer, "submit" | "read" | "readMany" | "peek">;
