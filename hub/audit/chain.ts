/**
 * The audit's chain: rows in the order of the hub's batches, each with the hash of the row before it, so that no row and
 * no record that a row speaks of can be changed without leaving a row that does not fit.
 *
 * A row's hash is the SHA-256 (FIPS 180-4) of its text as stored (`row-text.ts`): `sha256sum` says the same.
 */
import { hash } from "node:crypto";
import type { Json } from "../../shared/json.ts";
import { parseRow, rowText } from "./row-text.ts";

export type RecordKind = "instance" | "enforcement" | "execution" | "rule";

/** A record as this batch has left it. Digests are of the texts as stored, 64 hex digits. */
interface OfRecord {
  readonly id: string;
  readonly digest: string;
  /** Said again, since the row that said it first (of this number) is no longer kept. */
  readonly carried?: number;
}

export interface InstanceItem extends OfRecord {
  readonly what: "instance";
  /** Its turn of intake, where its record lies. */
  readonly place: string;
  readonly trigger: string;
  readonly status: string;
  /** Digest of the payload alone: the same however the instance goes on. */
  readonly payload: string;
}

export interface EnforcementItem extends OfRecord {
  readonly what: "enforcement";
  readonly instance: string;
  readonly rule: string;
  /** Digest of the rule's definition as it was judged by; `null`: not known. */
  readonly rule_digest: string | null;
  readonly status: string;
  readonly shadow: boolean;
}

export interface ExecutionItem extends OfRecord {
  readonly what: "execution";
  readonly instance: string | null;
  readonly enforcement: string | null;
  readonly action: string;
  readonly agent: string;
  readonly status: string;
  readonly rev: number;
  /** Digest of the result, once there is one. */
  readonly result: string | null;
}

export interface RuleItem extends OfRecord {
  readonly what: "rule";
  readonly rev: number;
  /** Digest of its definition alone. */
  readonly definition: string;
}

/** The hub itself has taken a record away: its time was over, or somebody asked for it. */
export interface RemovedItem {
  readonly what: "removed";
  readonly of: RecordKind;
  readonly id: string;
  readonly root: string;
  readonly place?: string;
  readonly carried?: number;
}

/** What makes an agent act, as it was numbered for sending. Entries go once the agent has them: the digest stays. */
export interface SentItem {
  readonly what: "sent";
  readonly id: string;
  readonly kind: string;
  readonly agent: string;
  readonly epoch: string;
  readonly n: number;
  readonly execution: string | null;
  readonly root: string | null;
  /** Of the entry as it goes on the wire. */
  readonly digest: string;
}

/** A hub has opened the store. Another incarnation than before: it is a restored one. */
export interface OpenedItem {
  readonly what: "opened";
  readonly incarnation: string;
  /** In the first row: records of history that were there before the chain began. */
  readonly older?: number;
}

/** Rows up to and including `seq`, whose hash was `hash`, are no longer kept. */
export interface DroppedItem {
  readonly what: "dropped";
  readonly seq: number;
  readonly hash: string;
  /** When the chain began (RFC 3339), and how many records there were before it, as its first row said. */
  readonly began: string;
  readonly older?: number;
}

export type RecordItem = InstanceItem | EnforcementItem | ExecutionItem | RuleItem;
export type ChainItem = RecordItem | RemovedItem | SentItem | OpenedItem | DroppedItem;

export interface ChainRow {
  /** 1, 2, 3 … without holes. */
  readonly seq: number;
  /** RFC 3339, hub time. */
  readonly at: string;
  /** Hash of the row before it; 64 zeros in the first. */
  readonly prev: string;
  readonly items: readonly ChainItem[];
}

/** Where the chain ends: whoever notes number and hash elsewhere can prove later that nothing before was changed. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
  /** RFC 3339, hub time. */
  readonly at: string;
}

export const beforeFirst = "0".repeat(64);

/** 64 hex digits. */
export const sha256 = (text: string): string => hash("sha256", text, "hex");

/** Digest of a value by its JSON text. Its fields keep their order when they are stored and read again. */
export const digestOfJson = (value: Json | object): string => sha256(JSON.stringify(value));

/** The row behind `head` (`null`: the first one), as text, and the head that it makes. */
export function nextRow(
  head: ChainHead | null,
  at: string,
  items: readonly ChainItem[],
): { readonly text: string; readonly head: ChainHead } {
  const seq = (head?.seq ?? 0) + 1;
  const text = rowText({ seq, at, prev: head?.hash ?? beforeFirst, items });
  return { text, head: { seq, hash: sha256(text), at } };
}

/** What holds an item together with others of the same story: their rows are found by it. `null`: found by none. */
export function rootOf(item: ChainItem): string | null {
  switch (item.what) {
    case "instance":
      return item.id;
    case "enforcement":
      return item.instance;
    case "execution":
      return item.instance ?? item.id;
    case "rule":
      return ruleRoot(item.id);
    case "removed":
    case "sent":
      return item.root;
    case "opened":
    case "dropped":
      return chainRoot;
  }
}

/** Of what is said about the chain itself. */
export const chainRoot = "chain:";
export const ruleRoot = (ref: string) => `rule:${ref}`;

export const faults = [
  "row-missing",
  "row-edited",
  "rows-cut",
  "head-differs",
  "head-removed",
  "edited",
  "deleted",
  "put-back",
  "added",
] as const;
export type Fault = (typeof faults)[number];

/** Something that does not fit. */
export interface AuditProblem {
  readonly fault: Fault;
  /** Number of the row that shows it; `null` when none speaks of the record. */
  readonly seq: number | null;
  readonly kind: RecordKind | "row";
  readonly id: string;
  readonly text: string;
}

export interface Numbered {
  /** By its key. */
  readonly seq: number;
  readonly text: string;
}

/** What the next row must be: its number, and the hash that it must name. */
export interface Expected {
  readonly seq: number;
  readonly prev: string;
}

export interface CheckedRows {
  /** Those that can be read. */
  readonly rows: readonly ChainRow[];
  readonly problems: readonly AuditProblem[];
  readonly next: Expected;
}

const rowProblem = (fault: Fault, seq: number, text: string): AuditProblem => ({
  fault,
  seq,
  kind: "row",
  id: String(seq),
  text,
});

/** Whether stored rows, in the order of their keys, are the next ones of the chain. */
export function checkRows(expected: Expected, given: readonly Numbered[]): CheckedRows {
  const rows: ChainRow[] = [];
  const problems: AuditProblem[] = [];
  let { seq: wanted, prev } = expected;
  for (const { seq, text } of given) {
    const row = parseRow(text);
    if (seq !== wanted) {
      const last = seq - 1;
      const which = last === wanted ? `row ${wanted} is` : `rows ${wanted} to ${last} are`;
      problems.push(rowProblem("row-missing", wanted, `${which} missing`));
    }
    if (row === null || row.seq !== seq) {
      problems.push(rowProblem("row-edited", seq, `row ${seq} is not as the hub writes rows`));
    } else if (seq === wanted && row.prev !== prev) {
      const before = seq === 1 ? "begins no chain" : `does not follow row ${seq - 1}: one of them was edited`;
      problems.push(rowProblem("row-edited", seq, `row ${seq} ${before}`));
    }
    if (row !== null) rows.push(row);
    wanted = seq + 1;
    prev = sha256(text);
  }
  return { rows, problems, next: { seq: wanted, prev } };
}
