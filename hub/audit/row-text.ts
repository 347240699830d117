/**
 * The text of the audit's rows, in two forms that say the same.
 *
 * Form 1 is an object in which each field has its name; hubs wrote it up to format 6 of the store. Form 2 is written since
 * then: `[2, seq, at, prev, items]`, where an item is an array that begins with a letter for what it is, and digests are
 * base64url (RFC 4648). Each batch of the hub writes a row, and half of it was names and hex digits.
 *
 * In memory there is one form only, and digests are hex there: what people note and compare.
 */
import { Buffer } from "node:buffer";
import { isObject } from "../../shared/json.ts";
import type { ChainItem, ChainRow, RecordKind } from "./chain.ts";

const letters = {
  instance: "i",
  enforcement: "n",
  execution: "e",
  rule: "r",
  removed: "x",
  sent: "s",
  opened: "o",
  dropped: "d",
} as const satisfies Readonly<Record<ChainItem["what"], string>>;
type Letters = typeof letters;
type RecordLetter = Letters[RecordKind];

const recordKinds = {
  i: "instance",
  n: "enforcement",
  e: "execution",
  r: "rule",
} as const satisfies Readonly<Record<RecordLetter, RecordKind>>;

/** 43 characters. In brackets: something else, which somebody has put into an old row, and which is carried on as it was. */
type Digest = string | readonly [unknown];

type InstanceValues = [
  letter: Letters["instance"],
  id: string,
  digest: Digest,
  place: string,
  trigger: string,
  status: string,
  payload: Digest,
  carried?: number,
];

type EnforcementValues = [
  letter: Letters["enforcement"],
  id: string,
  digest: Digest,
  instance: string,
  rule: string,
  ruleDigest: Digest | null,
  status: string,
  shadow: boolean,
  carried?: number,
];

type ExecutionValues = [
  letter: Letters["execution"],
  id: string,
  digest: Digest,
  instance: string | null,
  enforcement: string | null,
  action: string,
  agent: string,
  status: string,
  rev: number,
  result: Digest | null,
  carried?: number,
];

type RuleValues = [
  letter: Letters["rule"],
  id: string,
  digest: Digest,
  rev: number,
  definition: Digest,
  carried?: number,
];

type RemovedValues = [
  letter: Letters["removed"],
  of: RecordLetter,
  id: string,
  root: string,
  /** `null`: it has none, and there is something behind it. */
  place?: string | null,
  carried?: number,
];

type SentValues = [
  letter: Letters["sent"],
  id: string,
  kind: string,
  agent: string,
  epoch: string,
  n: number,
  execution: string | null,
  root: string | null,
  digest: Digest,
];

type OpenedValues = [letter: Letters["opened"], incarnation: string, older?: number];

type DroppedValues = [letter: Letters["dropped"], seq: number, hash: Digest, began: string, older?: number];

type Values =
  | InstanceValues
  | EnforcementValues
  | ExecutionValues
  | RuleValues
  | RemovedValues
  | SentValues
  | OpenedValues
  | DroppedValues;

/** How many values an item has, at least and at most. */
const lengths: ReadonlyMap<unknown, readonly [least: number, most: number]> = new Map([
  [letters.instance, [7, 8]],
  [letters.enforcement, [8, 9]],
  [letters.execution, [10, 11]],
  [letters.rule, [5, 6]],
  [letters.removed, [4, 6]],
  [letters.sent, [9, 9]],
  [letters.opened, [2, 3]],
  [letters.dropped, [4, 5]],
]);

/** The row in form 2. `parseRow` makes the same row of it again. */
export function rowText({ seq, at, prev, items }: ChainRow): string {
  return JSON.stringify([2, seq, at, shortened(prev), items.map(valuesOf)]);
}

/** A row in either form; `null` for what is no row. Of a row that was tampered with only the form is sure. */
export function parseRow(text: string): ChainRow | null {
  try {
    const stored: unknown = JSON.parse(text);
    const row = Array.isArray(stored) ? rowOfValues(stored) : stored;
    if (!isObject(row)) return null;
    const { seq, at, prev, items } = row as Partial<ChainRow>;
    if (!Number.isSafeInteger(seq) || typeof at !== "string" || typeof prev !== "string") return null;
    if (!Array.isArray(items) || !items.every(isItem)) return null;
    return { seq, at, prev, items } as ChainRow;
  } catch {
    return null;
  }
}

/**
 * What keys are made of must be text; the rest is only shown. An item of an unknown kind spoils its row: there is no key to
 * look for, and no newer hub can have written it, since a database with more kinds would have a format that is refused.
 */
function isItem(item: unknown): boolean {
  if (!isObject(item) || typeof item.what !== "string" || !Object.hasOwn(letters, item.what)) return false;
  if (item.what === "removed" && !(Object.values(recordKinds) as unknown[]).includes(item.of)) return false;
  return ["id", "place", "root", "instance", "rule"].every((name) => typeof (item[name] ?? "") === "string");
}

function rowOfValues(values: readonly unknown[]): unknown {
  const [form, seq, at, prev, items] = values;
  if (form !== 2 || values.length !== 5 || !Array.isArray(items)) return null;
  return { seq, at, prev: inHex(prev as Digest), items: items.map(itemOfValues) };
}

/**
 * `null` for what is no item. In form 1 a field may be missing, and the others still have their names; here each value has
 * its name from its place, so of an item that is too short or too long nothing is sure.
 */
function itemOfValues(given: unknown): ChainItem | null {
  if (!Array.isArray(given)) return null;
  const [least, most] = lengths.get(given[0]) ?? [0, -1];
  if (given.length < least || given.length > most) return null;
  const values = given as Values;
  switch (values[0]) {
    case "i": {
      const [, id, digest, place, trigger, status, payload, carried] = values;
      const said = { id, digest: inHex(digest), place, trigger, status, payload: inHex(payload) };
      return { what: "instance", ...said, ...(carried !== undefined && { carried }) };
    }
    case "n": {
      const [, id, digest, instance, rule, ruleDigest, status, shadow, carried] = values;
      const rule_digest = ruleDigest === null ? null : inHex(ruleDigest);
      const said = { id, digest: inHex(digest), instance, rule, rule_digest, status, shadow };
      return { what: "enforcement", ...said, ...(carried !== undefined && { carried }) };
    }
    case "e": {
      const [, id, digest, instance, enforcement, action, agent, status, rev, given, carried] = values;
      const result = given === null ? null : inHex(given);
      const said = { id, digest: inHex(digest), instance, enforcement, action, agent, status, rev, result };
      return { what: "execution", ...said, ...(carried !== undefined && { carried }) };
    }
    case "r": {
      const [, id, digest, rev, definition, carried] = values;
      const said = { id, digest: inHex(digest), rev, definition: inHex(definition) };
      return { what: "rule", ...said, ...(carried !== undefined && { carried }) };
    }
    case "x": {
      const [, letter, id, root, place = null, carried] = values;
      const said = { of: recordKinds[letter], id, root, ...(place !== null && { place }) };
      return { what: "removed", ...said, ...(carried !== undefined && { carried }) };
    }
    case "s": {
      const [, id, kind, agent, epoch, n, execution, root, digest] = values;
      return { what: "sent", id, kind, agent, epoch, n, execution, root, digest: inHex(digest) };
    }
    case "o": {
      const [, incarnation, older] = values;
      return { what: "opened", incarnation, ...(older !== undefined && { older }) };
    }
    case "d": {
      const [, seq, hash, began, older] = values;
      return { what: "dropped", seq, hash: inHex(hash), began, ...(older !== undefined && { older }) };
    }
  }
}

function valuesOf(item: ChainItem): Values {
  switch (item.what) {
    case "instance": {
      const { id, digest, place, trigger, status, payload, carried } = item;
      return withLast(["i", id, shortened(digest), place, trigger, status, shortened(payload)], carried);
    }
    case "enforcement": {
      const { id, digest, instance, rule, rule_digest, status, shadow, carried } = item;
      const ruleDigest = rule_digest === null ? null : shortened(rule_digest);
      return withLast(["n", id, shortened(digest), instance, rule, ruleDigest, status, shadow], carried);
    }
    case "execution": {
      const { id, digest, instance, enforcement, action, agent, status, rev, carried } = item;
      const result = item.result === null ? null : shortened(item.result);
      return withLast(
        ["e", id, shortened(digest), instance, enforcement, action, agent, status, rev, result],
        carried,
      );
    }
    case "rule": {
      const { id, digest, rev, definition, carried } = item;
      return withLast(["r", id, shortened(digest), rev, shortened(definition)], carried);
    }
    case "removed": {
      const { of, id, root, place, carried } = item;
      if (carried === undefined) return withLast(["x", letters[of], id, root], place);
      return ["x", letters[of], id, root, place ?? null, carried];
    }
    case "sent": {
      const { id, kind, agent, epoch, n, execution, root, digest } = item;
      return ["s", id, kind, agent, epoch, n, execution, root, shortened(digest)];
    }
    case "opened":
      return withLast(["o", item.incarnation], item.older);
    case "dropped":
      return withLast(["d", item.seq, shortened(item.hash), item.began], item.older);
  }
}

/** Most items have none: they get along with one array. */
function withLast(values: Values, last: unknown): Values {
  if (last !== undefined) (values as unknown[]).push(last);
  return values;
}

const bytes = Buffer.alloc(32);

/** Of 64 hex digits 43 characters. Other texts would not come back as they were: what was forged must stay so. */
function shortened(digest: string): Digest {
  if (typeof digest !== "string" || digest.length !== 64 || /[^0-9a-f]/.test(digest)) return [digest];
  bytes.write(digest, "hex");
  return bytes.toString("base64url");
}

/** What is no digest is given as it stands, and equals none. */
function inHex(digest: Digest): string {
  if (typeof digest !== "string") return (Array.isArray(digest) ? digest[0] : digest) as string;
  return digest.length === 43 ? Buffer.from(digest, "base64url").toString("hex") : digest;
}
