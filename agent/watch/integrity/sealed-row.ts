/** A row of the baseline: a record, and the seal behind it. Pure. */
import { Buffer } from "node:buffer";
import { markSealed, unsealed } from "../record.ts";
import { macBytes, type Seal } from "./seal.ts";

const macDigits = 2 * macBytes;

/** `key`: of the row, one character for each byte. */
export function sealRow(
  seal: Seal,
  key: string,
  record: Buffer,
): { readonly row: Buffer; readonly hash: string } {
  const row = Buffer.allocUnsafe(record.length + macBytes);
  record.copy(row);
  markSealed(row);
  const hash = seal.hash(key, row.subarray(0, record.length));
  row.write(hash.slice(0, macDigits), record.length, "hex");
  return { row, hash };
}

/** The hash that goes into the sum; `null` when the row's seal is wrong or missing. */
export function rowHash(seal: Seal, key: string, row: Buffer): string | null {
  const record = unsealed(row, macBytes);
  if (record === null) return null;
  const hash = seal.hash(key, record);
  return hash.startsWith(row.toString("hex", record.length)) ? hash : null;
}

/** The record, whether its seal is right or not. */
export function openRow(row: Buffer): Buffer {
  return unsealed(row, macBytes) ?? row;
}
