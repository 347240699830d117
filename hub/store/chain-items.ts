/** What the audit's chain says of the records that a batch writes: one item for each, made of what is stored. */
import type { Json } from "../../shared/json.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { Enforcement, RuleRecord } from "../../shared/model/rule.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import {
  type ChainItem,
  digestOfJson,
  type Numbered,
  type RecordItem,
  type RecordKind,
  type RemovedItem,
  rootOf,
  ruleRoot,
  sha256,
} from "../audit/chain.ts";
import type { DownRow } from "./down-ledger.ts";
import { downNumber, keys } from "./keys.ts";

/** A record before and after a batch. */
export interface Written {
  readonly key: string;
  /** As it was, where a plan has read it. */
  readonly before: unknown;
  /** `null`: it is gone. */
  readonly after: { readonly value: unknown; readonly text: string } | null;
}

/** Items of one row at most (some hundred kilobytes), and those of rows that are read for one step of a long work. */
export const itemsAtOnce = 500;

/** Ranges of the records that the chain speaks of, in the order of keys. */
export const auditedPrefixes = ["e/", "i/", "n/", "r/"] as const;
const kinds: Readonly<Record<string, RecordKind>> = {
  "i/": "instance",
  "n/": "enforcement",
  "e/": "execution",
  "r/": "rule",
};

export const kindOfKey = (key: string): RecordKind | null => kinds[key.slice(0, 2)] ?? null;

/** Items of all that a batch writes, in its order. */
export function itemsOf(written: Iterable<Written>): ChainItem[] {
  const items: ChainItem[] = [];
  const sent: { readonly key: string; readonly text: string; readonly row: DownRow }[] = [];
  const roots = new Map<string, string>();
  for (const { key, before, after } of written) {
    if (key.startsWith("d/")) {
      if (after !== null) sent.push({ key, text: after.text, row: after.value as DownRow });
      continue;
    }
    const kind = kindOfKey(key);
    if (kind === null) continue;
    if (after !== null) {
      const item = itemOf(kind, key, after.value, after.text);
      if (item.what === "execution") roots.set(item.id, item.instance ?? item.id);
      items.push(item);
    } else if (before !== null && before !== undefined) {
      items.push(removedOf(kind, key, before));
    }
  }
  for (const { key, text, row } of sent) {
    const { entry } = row;
    if (entry.kind === "void") continue;
    const execution = "execution" in entry ? entry.execution : null;
    const [, , epoch = ""] = key.split("/");
    items.push({
      what: "sent",
      id: entry.id,
      kind: entry.kind,
      agent: agentOf(key),
      epoch,
      n: downNumber(key),
      execution,
      root: execution === null ? null : (roots.get(execution) ?? ownRoot(entry) ?? execution),
      digest: sha256(entryText(text)),
    });
  }
  return items;
}

/** An instance that a request names is what its execution belongs to. */
const ownRoot = (entry: object): string | null =>
  "trigger_instance" in entry && typeof entry.trigger_instance === "string" ? entry.trigger_instance : null;

/** Of `d/<agent>/<epoch>/<n>`; agent ids are plain parts. */
const agentOf = (key: string) => key.split("/")[1] ?? "";

const beforeEntry = ',"entry":';
/** The entry's own text within its row's, as `down-ledger.ts` and `JSON.stringify` write it. */
function entryText(row: string): string {
  return row.slice(row.indexOf(beforeEntry) + beforeEntry.length, -1);
}

/** Of one record as stored. */
export function itemOf(kind: RecordKind, key: string, value: unknown, text: string): RecordItem {
  const digest = sha256(text);
  switch (kind) {
    case "instance": {
      const { id, trigger, status, payload } = value as TriggerInstance;
      const place = key.slice("i/".length);
      return { what: "instance", id, digest, place, trigger, status, payload: digestOfJson(payload) };
    }
    case "enforcement": {
      const { id, trigger_instance: instance, rule, rule_digest, status, shadow } = value as Enforcement;
      const said = { id, digest, instance, rule, status, shadow };
      return { what: "enforcement", ...said, rule_digest: rule_digest?.slice("sha256:".length) ?? null };
    }
    case "execution": {
      const given = value as Execution;
      const { id, trigger_instance: instance, enforcement, action, agent, status, rev } = given;
      const said = { id, digest, instance, enforcement, action, agent, status, rev };
      return { what: "execution", ...said, result: resultDigest(given.result, given.result_blob) };
    }
    case "rule": {
      const { rule, rev } = value as RuleRecord;
      return { what: "rule", id: rule.ref, digest, rev, definition: digestOfJson(rule) };
    }
  }
}

function resultDigest(result: Json, blob: Execution["result_blob"]): string | null {
  if (blob !== null) return blob.digest.slice("sha256:".length);
  return result === null ? null : digestOfJson(result);
}

function removedOf(kind: RecordKind, key: string, before: unknown): RemovedItem {
  const root = rootOfRecord(kind, before);
  if (kind === "rule") return { what: "removed", of: kind, id: (before as RuleRecord).rule.ref, root };
  const { id } = before as { readonly id: string };
  const place = kind === "instance" ? { place: key.slice("i/".length) } : {};
  return { what: "removed", of: kind, id, root, ...place };
}

/** As `rootOf` its item. */
export function rootOfRecord(kind: RecordKind, value: unknown): string {
  switch (kind) {
    case "instance":
      return (value as TriggerInstance).id;
    case "enforcement":
      return (value as Enforcement).trigger_instance;
    case "execution":
      return (value as Execution).trigger_instance ?? (value as Execution).id;
    case "rule":
      return ruleRoot((value as RuleRecord).rule.ref);
  }
}

/** Where the record lies that an item speaks of; `null` when it speaks of none that is kept. */
export function keyOfItem(item: ChainItem): string | null {
  switch (item.what) {
    case "instance":
      return keys.instance(item.place);
    case "enforcement":
      return keys.enforcement(item.id);
    case "execution":
      return keys.execution(item.id);
    case "rule":
      return keys.rule(item.id);
    case "removed":
      return keyOfRemoved(item);
    case "sent":
    case "opened":
    case "dropped":
      return null;
  }
}

function keyOfRemoved({ of, id, place = "" }: RemovedItem): string {
  switch (of) {
    case "instance":
      return keys.instance(place);
    case "enforcement":
      return keys.enforcement(id);
    case "execution":
      return keys.execution(id);
    case "rule":
      return keys.rule(id);
  }
}

/** Roots of a row's items, each once: the rows of the index by story. */
export function rootsOf(items: readonly ChainItem[]): Set<string> {
  const roots = new Set<string>();
  for (const item of items) {
    const root = rootOf(item);
    if (root !== null) roots.add(root);
  }
  return roots;
}

/** A stored row of the chain. */
export const numbered = ([key, text]: readonly [key: string, text: string]): Numbered => ({
  seq: downNumber(key),
  text,
});
