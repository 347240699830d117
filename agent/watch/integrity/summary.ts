/**
 * What the baseline says of itself as a whole: how many rows it has, the sum of their hashes, and how often it was
 * written. A row of its own that changes in the same batch as the others, under a hash of its own. Pure.
 */
import { Buffer } from "node:buffer";
import { isObject, type Json } from "../../../shared/json.ts";
import { macBytes, reduced, type Seal } from "./seal.ts";
import { isTampering, type Tampering } from "./tampering.ts";

export interface Summary {
  /** Grows with every write and never goes back: an earlier copy has a smaller one. */
  readonly generation: number;
  readonly count: number;
  /** Of the hashes of all rows, modulo 2^256. */
  readonly sum: bigint;
  /** How often all rows have been checked. */
  readonly sweep: number;
  /** Hashes of the rows that are no paths, by name. */
  readonly meta: Readonly<Record<string, string>>;
  /** What was found and is not told yet: a crash between the two forgets nothing. */
  readonly untold: readonly Tampering[];
}

/** What goes to the hub of it. */
export interface Anchor {
  readonly generation: number;
  readonly count: number;
  /** 64 hexadecimal digits. */
  readonly digest: string;
  readonly sweep: number;
  /** Number of the last change that had been told by then; older versions did not say. */
  readonly told?: number;
}

export const noRows: Summary = { generation: 0, count: 0, sum: 0n, sweep: 0, meta: {}, untold: [] };

/** `other-key`: made with a key that is not this one. `forged`: not made by this software with this key. */
export type FoundSummary = Summary | "none" | "forged" | "other-key";

const name = "summary";

export function encodeSummary(summary: Summary, seal: Seal): Buffer {
  const { generation, count, sweep, meta, untold } = summary;
  const text = JSON.stringify({ generation, count, digest: digestText(summary), sweep, meta, untold });
  const mac = seal.hash(name, Buffer.from(text)).slice(0, 2 * macBytes);
  return Buffer.from(JSON.stringify({ key: seal.id, mac, text }));
}

export function decodeSummary(bytes: Buffer | undefined, seal: Seal): FoundSummary {
  if (bytes === undefined) return "none";
  const outer = parsed(bytes.toString());
  if (!isObject(outer) || typeof outer.text !== "string") return "forged";
  if (outer.key !== seal.id) return "other-key";
  if (outer.mac !== seal.hash(name, Buffer.from(outer.text)).slice(0, 2 * macBytes)) return "forged";
  const { digest, untold, ...rest } = parsed(outer.text) as unknown as Omit<Summary, "sum" | "untold"> & {
    readonly digest: string;
    readonly untold: readonly Json[];
  };
  return { ...rest, sum: BigInt(`0x${digest}`), untold: untold.filter(isTampering) };
}

export function anchorOf(summary: Summary): Anchor {
  const { generation, count, sweep } = summary;
  return { generation, count, digest: digestText(summary), sweep };
}

/** `null` for what is none. */
export function readAnchor(text: string | null): Anchor | null {
  const value = text === null ? null : parsed(text);
  if (!isObject(value)) return null;
  const { generation, count, digest, sweep } = value;
  const isSound = [generation, count, sweep].every((number) => Number.isSafeInteger(number));
  return isSound && typeof digest === "string" ? (value as unknown as Anchor) : null;
}

function digestText({ sum }: Summary): string {
  return reduced(sum).toString(16).padStart(64, "0");
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // Damaged: as good as none.
    return null;
  }
}
