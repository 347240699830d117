/**
 * Idempotency keys of requests that were taken (draft-ietf-httpapi-idempotency-key-header): which trigger instances one
 * led to. Pure. A key is remembered for a day, and only so many are: they lie in a fixed number of small records.
 */
import { hash } from "node:crypto";
import { isObject, type Json } from "../../shared/json.ts";

export interface AnsweredKey {
  /** Hash of the key and where it was used. */
  readonly key: string;
  /** Hash of what came with it. */
  readonly request: string;
  /** Of the trigger instances. */
  readonly ids: readonly string[];
  /** Milliseconds since the epoch, hub time. */
  readonly at: number;
  /** Its instances are stored; before, a kill may have come in between. */
  readonly done: boolean;
}

/** Milliseconds. */
export const keptFor = 24 * 3_600_000;
/** Keys of one record; with 256 records, at least some 10,000 are remembered. */
const mostInRecord = 64;

const digest = (...parts: readonly string[]) =>
  hash("sha256", parts.map((part) => `${part.length}:${part}`).join("")).slice(0, 32);

export const keyHash = (where: string, key: string): string => digest(where, key);
export const requestHash = (text: string): string => digest(text);

/** Name of the record that a key is in. */
export const recordOf = (key: string): string => `webhook-keys/${key.slice(0, 2)}`;

/** What a record holds; what is no such record holds nothing. */
export function answeredKeys(record: Json): readonly AnsweredKey[] {
  return isObject(record) && Array.isArray(record.keys) ? (record.keys as readonly AnsweredKey[]) : [];
}

/** The one that was remembered under this key and is not over. */
export function known(keys: readonly AnsweredKey[], key: string, nowMs: number): AnsweredKey | null {
  return keys.find((each) => each.key === key && nowMs - each.at < keptFor) ?? null;
}

/** The record with `answered` in it, without those that are over, and without the oldest when there are too many. */
export function remembered(keys: readonly AnsweredKey[], answered: AnsweredKey, nowMs: number): Json {
  const others = keys.filter(({ key, at }) => key !== answered.key && nowMs - at < keptFor);
  return { keys: [...others, answered].slice(-mostInRecord) as unknown as Json };
}
