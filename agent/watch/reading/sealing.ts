/**
 * The first record of many files: paths go to a thread, and rows of the baseline come back as they will lie in it, so
 * that nothing of a single file is kept, or made, in the thread that everything else waits for. Pure.
 */
import { Buffer } from "node:buffer";
import type { BytePath } from "../../../shared/watch/paths.ts";
import type { Seal } from "../integrity/seal.ts";
import { sealRow } from "../integrity/sealed-row.ts";
import { Tally } from "../integrity/tally.ts";
import { type BaselineRecord, encodeRecord } from "../record.ts";
import { rowKey } from "../row-key.ts";
import type { FileWanted } from "./batch.ts";

export interface FileToSeal {
  readonly path: BytePath;
  readonly wanted: FileWanted;
}

export interface SealRequest {
  readonly id: number;
  /** Joined by zero characters, in the order of a walk. */
  readonly toSeal: string;
  readonly wants: readonly FileWanted[];
  /** For each file the index of what is wanted of it. */
  readonly which: Uint16Array;
}

/** Rows with their seals, in the order of their keys. */
export interface SealedRows {
  /** Key and row of each, one behind the other. */
  readonly bytes: Uint8Array;
  /** Bytes of the key and of the row, for each. */
  readonly lengths: Uint32Array;
  /** Of the rows' whole hashes, as `Tally` has it. */
  readonly sum: bigint;
}

export interface SealAnswer extends SealedRows {
  readonly id: number;
  /** Indexes of files of which there is no row: they are to be looked at by themselves. */
  readonly left: Uint32Array;
}

export function sealRequestOf(id: number, files: readonly FileToSeal[]): SealRequest {
  const which = new Uint16Array(files.length);
  const wants: FileWanted[] = [];
  files.forEach(({ wanted }, n) => {
    const known = wants.indexOf(wanted);
    which[n] = known >= 0 ? known : wants.push(wanted) - 1;
  });
  return { id, toSeal: files.map(({ path }) => path).join("\0"), wants, which };
}

/** Gathers rows as they are made. */
export class RowsBuilder {
  readonly #seal: Seal;
  readonly #tally = new Tally();
  readonly #lengths: Uint32Array;
  #bytes: Buffer;
  #size = 0;

  /** `most`: rows. */
  constructor(seal: Seal, most: number) {
    this.#seal = seal;
    this.#lengths = new Uint32Array(2 * most);
    this.#bytes = Buffer.from(new ArrayBuffer(256 * most));
  }

  add(path: BytePath, record: BaselineRecord): void {
    const key = rowKey(path);
    const { row, hash } = sealRow(this.#seal, key, encodeRecord(record));
    const end = this.#size + key.length + row.length;
    if (end > this.#bytes.length) {
      const larger = Buffer.from(new ArrayBuffer(2 * end));
      this.#bytes.copy(larger, 0, 0, this.#size);
      this.#bytes = larger;
    }
    this.#bytes.write(key, this.#size, "latin1");
    row.copy(this.#bytes, this.#size + key.length);
    this.#lengths[2 * this.#tally.count] = key.length;
    this.#lengths[2 * this.#tally.count + 1] = row.length;
    this.#size = end;
    this.#tally.add(hash);
  }

  rows(): SealedRows {
    const { count, sum } = this.#tally.state();
    return { bytes: this.#bytes.subarray(0, this.#size), lengths: this.#lengths.subarray(0, 2 * count), sum };
  }
}

/** Key and row of each. */
export function rowsOf({
  bytes,
  lengths,
}: SealedRows): readonly { readonly key: Buffer; readonly row: Buffer }[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const rows: { key: Buffer; row: Buffer }[] = [];
  for (let n = 0, at = 0; n < lengths.length; n += 2) {
    const rowAt = at + (lengths[n] ?? 0);
    const end = rowAt + (lengths[n + 1] ?? 0);
    rows.push({ key: all.subarray(at, rowAt), row: all.subarray(rowAt, end) });
    at = end;
  }
  return rows;
}
