/**
 * Writes the audit's chain: one row a batch (several of a large one), in that batch, of what it does. No death of the hub
 * can part the two, and plans need not know of it: whatever they write of an audited record is in the row.
 */
import { timestamp } from "../../shared/clock.ts";
import type { RuleRecord } from "../../shared/model/rule.ts";
import {
  type ChainHead,
  type ChainItem,
  type Numbered,
  nextRow,
  type RecordItem,
  sha256,
} from "../audit/chain.ts";
import { parseRow } from "../audit/row-text.ts";
import {
  auditedPrefixes,
  itemOf,
  itemsAtOnce,
  itemsOf,
  keyOfItem,
  numbered,
  rootsOf,
} from "./chain-items.ts";
import type { Batch, Draft } from "./draft.ts";
import { keys, within } from "./keys.ts";
import type { RecordWriter, Rows } from "./records.ts";

/** Where the chain ends, as of what is committed. */
export interface ChainState {
  /** `null`: it has not begun. */
  head: ChainHead | null;
}

/** The last plan of a batch: appends a row when there is anything to say, or several short ones. `atMs`: hub time. */
export function appendToChain(draft: Draft, batch: Batch, state: ChainState, atMs: number): void {
  const derived = itemsOf(batch.written());
  const items = batch.items.length === 0 ? derived : merged(batch.items, derived);
  if (items.length === 0) return;
  let { head } = state;
  for (let from = 0; from < items.length; from += itemsAtOnce) {
    const some = items.slice(from, from + itemsAtOnce);
    const next = nextRow(head, timestamp(atMs), some);
    head = next.head;
    draft.put(keys.chainRow(head.seq), null, next.text);
    for (const root of rootsOf(some)) draft.row(keys.storyRow(root, head.seq));
  }
  draft.whenCommitted(() => {
    state.head = head;
  });
}

/** What is carried on of a record that this very batch writes is out of date. */
function merged(noted: readonly ChainItem[], derived: readonly ChainItem[]): ChainItem[] {
  const written = new Set(derived.map(keyOfItem));
  const isStale = (item: ChainItem) => keyOfItem(item) !== null && written.has(keyOfItem(item));
  return [...noted.filter((item) => !isStale(item)), ...derived];
}

/** Of the newest row that is stored; `null` when there is none. */
export async function readChainHead(level: Rows): Promise<ChainHead | null> {
  const [last] = await level.iterator({ ...within("ac/"), reverse: true, limit: 1 }).all();
  return last === undefined ? null : headOfRow(numbered(last));
}

/** The head that a stored row makes. One that was tampered with is followed all the same: the next row names it. */
export function headOfRow({ seq, text }: Numbered): ChainHead {
  return { seq, hash: sha256(text), at: parseRow(text)?.at ?? "" };
}

/**
 * Says that the store was opened. A chain that has not begun begins with it, with the number of records that are there
 * already, and with the rules that are in force: what they decide from now on can be traced to them.
 */
export async function openChain(
  {
    level,
    writer,
    state,
  }: { readonly level: Rows; readonly writer: RecordWriter; readonly state: ChainState },
  incarnation: string,
): Promise<void> {
  const rules = await level.keys(within("r/")).all();
  const older = (await readChainHead(level)) === null ? await countHistory(level) : 0;
  await writer.submit({
    source: "",
    plan: (draft) => {
      if (state.head === null) {
        draft.need(rules);
        for (const item of rules.flatMap((key) => ruleItem(draft, key))) draft.audit(item);
      }
      draft.audit({ what: "opened", incarnation, ...(state.head === null && { older }) });
    },
  });
}

/** Records of history that are stored. */
async function countHistory(level: Rows): Promise<number> {
  let count = 0;
  for (const prefix of auditedPrefixes) {
    if (prefix === "r/") continue;
    for await (const _ of level.keys(within(prefix))) count++;
  }
  return count;
}

function ruleItem(draft: Draft, key: string): RecordItem[] {
  const record = draft.get<RuleRecord>(key);
  return record === null ? [] : [itemOf("rule", key, record, JSON.stringify(record))];
}
