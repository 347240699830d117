/**
 * Drops the oldest rows of the audit's chain. What they say of records that are still there is said again at the chain's
 * end, unchanged, and the last row that goes leaves its number and hash there: what is kept can be verified as before.
 */
import type { Logger } from "../../shared/log.ts";
import type { ChainItem, ChainRow, RecordItem, RemovedItem } from "../audit/chain.ts";
import { parseRow } from "../audit/row-text.ts";
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
  readonly logger: Logger;
}

/**
 * Drops what is older than `before` (milliseconds since the epoch, hub time), one call after the other; the newest row
 * stays. Resolves to the bytes that went. A row that cannot be read ends it, which is logged once.
 */
export type ChainPurge = (before: number) => Promise<number>;

export function createChainPurge(parts: Parts): ChainPurge {
  let running: Promise<unknown> = Promise.resolve();
  let told = 0;
  const stuck = (seq: number) => {
    if (told === seq) return;
    told = seq;
    parts.logger.error("a row of the audit's chain cannot be read: it and all later ones are kept", {
      row: seq,
      hint: "`petrel audit verify` tells what was changed",
    });
  };
  return (before) => {
    const next = running.then(() => purgeChain(parts, before, stuck));
    running = next.catch(() => {});
    return next;
  };
}

async function purgeChain(parts: Parts, before: number, stuck: (seq: number) => void): Promise<number> {
  const head = await readChainHead(parts.level);
  // What is carried on now is not looked at again.
  const limit = Math.min(before, Date.parse(head?.at ?? ""));
  const stories = new ChainStories(parts.level);
  let bytes = 0;
  for (let step = 0; step < steps; step++) {
    const old = await oldRows(new ChainReader(parts.level, stories), limit, stuck);
    const gone = await dropRows(parts, stories, old);
    bytes += gone;
    if (gone === 0) break;
  }
  return bytes;
}

interface OldRow {
  readonly seq: number;
  readonly text: string;
  readonly row: ChainRow;
}

/** As many of the oldest as go in one step. */
async function oldRows(
  reader: ChainReader,
  before: number,
  stuck: (seq: number) => void,
): Promise<readonly OldRow[]> {
  // One more than may go: the newest row is never among them.
  const given = await reader.from(0, rowsAtOnce + 1);
  const old: OldRow[] = [];
  let count = 0;
  for (const each of given.slice(0, -1)) {
    const row = parseRow(each.text);
    const at = Date.parse(row?.at ?? "");
    if (at >= before) break;
    // One that was tampered with stays, so that it is found.
    if (row === null || row.seq !== each.seq || Number.isNaN(at)) {
      stuck(each.seq);
      break;
    }
    old.push({ ...each, row });
    count += row.items.length;
    if (count >= itemsAtOnce) break;
  }
  return old;
}

async function dropRows(
  { level, writer }: Parts,
  stories: ChainStories,
  old: readonly OldRow[],
): Promise<number> {
  const reader = new ChainReader(level, stories);
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
  const { began = "", older } = (await reader.beginning()) ?? {};
  const { hash } = headOfRow(last);
  const oldest = keys.chainRow(old[0]?.seq ?? 0);
  const read = [oldest, ...kept.map(({ claim }) => claim.key)];
  return writer.submit({
    source: "~retention",
    weight: 8 + kept.length,
    reads: read,
    plan: (draft) => {
      draft.need(read);
      // Somebody else has dropped it meanwhile, perhaps with younger ones, and said so.
      if (draft.get(oldest) === null) return draft.refuse(0);
      for (const { claim, text } of kept) {
        const now = draft.get<unknown>(claim.key);
        // Written meanwhile: the row that says so answers for it from now on.
        if (now !== null && JSON.stringify(now) === text) draft.audit(carried(claim));
      }
      for (const claim of wrong) draft.audit(carried(claim));
      draft.audit({ what: "dropped", seq: last.seq, hash, began, ...(older !== undefined && { older }) });
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
