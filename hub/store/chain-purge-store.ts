/**
 * Drops the oldest rows of the audit's chain. What they say of records that are still there is said again at the chain's
 * end, unchanged, and the last row that goes leaves its number and hash there: what is kept can be verified as before.
 */
import type { ChainItem, ChainRow, RecordItem, RemovedItem } from "../audit/chain.ts";
import { itemsAtOnce, rootsOf } from "./chain-items.ts";
import { ChainReader, type Claimed, claimsOf } from "./chain-reader-store.ts";
import { headOfRow, readChainHead } from "./chain-stamp.ts";
import { ChainStories } from "./chain-story-store.ts";
import { keys } from "./keys.ts";
import type { RecordWriter, Rows } from "./records.ts";

/** Rows looked at in one step, and steps of one call. */
const rowsAtOnce = 50;
const steps = 20;

interface Parts {
  readonly level: Rows;
  readonly writer: RecordWriter;
}

/** `before`: milliseconds since the epoch, hub time. The newest row stays. Resolves to the bytes that went. */
export async function purgeChain(parts: Parts, before: number): Promise<number> {
  const head = await readChainHead(parts.level);
  // What is carried on now is not looked at again.
  const limit = Math.min(before, Date.parse(head?.at ?? ""));
  const stories = new ChainStories(parts.level);
  let bytes = 0;
  for (let step = 0; step < steps; step++) {
    const gone = await dropSome(parts, stories, limit);
    bytes += gone;
    if (gone === 0) break;
  }
  return bytes;
}

async function dropSome({ level, writer }: Parts, stories: ChainStories, before: number): Promise<number> {
  const reader = new ChainReader(level, stories);
  // One more than may go: the newest row is never among them.
  const given = await reader.from(0, rowsAtOnce + 1);
  const old: { readonly seq: number; readonly text: string; readonly row: ChainRow }[] = [];
  let count = 0;
  for (const each of given.slice(0, -1)) {
    const row = await reader.row(each.seq);
    // One that was tampered with ends what can be dropped: it stays, and is found.
    if (row === null || !(Date.parse(row.at) < before)) break;
    if (row.seq !== each.seq) break;
    old.push({ ...each, row });
    count += row.items.length;
    if (count >= itemsAtOnce) break;
  }
  const last = old.at(-1);
  if (last === undefined) return 0;
  const claims = claimsOf(old.map(({ row }) => row));
  const texts = await reader.texts(claims.map(({ key }) => key));
  const kept: { readonly claim: Claimed; readonly text: string | undefined }[] = [];
  const wrong: Claimed[] = [];
  const states = await reader.statesOf(claims, texts);
  for (const [index, claim] of claims.entries()) {
    const text = texts[index];
    if (claim.item.what === "removed" && text === undefined) continue;
    const state = states[index];
    if (state === "kept") kept.push({ claim, text });
    else if (state !== "replaced") wrong.push(claim);
  }
  const began = (await reader.dropped())?.began ?? old[0]?.row.at ?? "";
  const { hash } = headOfRow(last);
  const read = kept.map(({ claim }) => claim.key);
  return writer.submit({
    source: "~retention",
    weight: 8 + kept.length,
    reads: read,
    plan: (draft) => {
      draft.need(read);
      for (const { claim, text } of kept) {
        const now = draft.get<unknown>(claim.key);
        // Written meanwhile: the row that says so answers for it from now on.
        if (now !== null && JSON.stringify(now) === text) draft.audit(carried(claim));
      }
      for (const claim of wrong) draft.audit(carried(claim));
      draft.audit({ what: "dropped", seq: last.seq, hash, began });
      for (const { seq, row } of old) {
        draft.remove(keys.chainRow(seq));
        for (const root of rootsOf(row.items)) draft.dropRow(keys.storyRow(root, seq));
      }
      return old.reduce((sum, { text }) => sum + text.length, 0);
    },
  });
}

/** As the row said it: a record that was tampered with does not become right by that. */
function carried({ seq, item }: Claimed): ChainItem {
  const record = item as RecordItem | RemovedItem;
  return { ...record, carried: record.carried ?? seq };
}
