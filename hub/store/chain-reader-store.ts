/** Reads the audit's chain beside the records that it speaks of: what has become of what a row says. */
import {
  type ChainItem,
  type ChainRow,
  chainRoot,
  type DroppedItem,
  rootOf,
  sha256,
} from "../audit/chain.ts";
import { parseRow } from "../audit/row-text.ts";
import { keyOfItem, numbered } from "./chain-items.ts";
import { ChainStories } from "./chain-story-store.ts";
import { downNumber, keys, within } from "./keys.ts";
import type { RowRange, Rows } from "./records.ts";

/**
 * `kept`: as the row says. `replaced`: a later row speaks of it, which then answers for it. The others are changes that
 * the hub has not made.
 */
export type ItemState = "kept" | "replaced" | "edited" | "deleted" | "put-back";

/** Something that a row says of a record. */
export interface Claimed {
  readonly seq: number;
  readonly item: ChainItem;
  readonly key: string;
}

/** Rows held while they are looked at, and their text: one has half a megabyte at most, but those of older versions. */
const mostRows = 64;
const mostHeld = 16 * 1024 * 1024;
/** Rows read in one step of a list, and the text at which a list ends all the same. */
const stepRows = 16;
const mostBytes = 1024 * 1024;
const readAhead = 64;

/** Rows of a range until there are `limit`, or enough of text; whoever wants more goes on behind the last. */
export async function someRows(level: Rows, range: RowRange, limit: number): Promise<[string, string][]> {
  const cursor = level.iterator({ ...range, limit });
  const rows: [string, string][] = [];
  let bytes = 0;
  try {
    while (bytes < mostBytes) {
      const some = await cursor.nextv(stepRows);
      if (some.length === 0) break;
      rows.push(...some);
      for (const [, text] of some) bytes += text.length;
    }
  } finally {
    await cursor.close();
  }
  return rows;
}

/** Lives as long as one question: what it holds of rows may be gone a minute later. */
export class ChainReader {
  readonly #level: Rows;
  readonly #stories: ChainStories;
  readonly #rows = new Map<number, ChainRow | null>();
  #held = 0;
  /** Rows that were read ahead, and the records of which they speak. */
  readonly #ahead = new Set<number>();
  readonly #told = new Set<string | null>();

  /** `stories`: of a work that asks several questions. */
  constructor(level: Rows, stories = new ChainStories(level)) {
    this.#level = level;
    this.#stories = stories;
  }

  /** Rows from `seq` on, as stored: at least one if there is any. */
  async from(seq: number, limit: number) {
    const range = { gte: keys.chainRow(seq), lt: within("ac/").lt };
    return (await someRows(this.#level, range, limit)).map(numbered);
  }

  /** `null`: it is not there, or cannot be read. */
  async row(seq: number): Promise<ChainRow | null> {
    const known = this.#rows.get(seq);
    if (known !== undefined) return known;
    const [text] = await this.#level.getMany([keys.chainRow(seq)]);
    const row = text === undefined ? null : parseRow(text);
    if (this.#rows.size >= mostRows || this.#held >= mostHeld) {
      this.#rows.clear();
      this.#held = 0;
    }
    this.#held += text?.length ?? 0;
    this.#rows.set(seq, row);
    return row;
  }

  /** Numbers of the rows that tell of a story, oldest first, behind `after`; a story may be long. */
  async *story(root: string, after = 0): AsyncGenerator<number> {
    const range = { gt: keys.storyRow(root, after), lt: within(keys.story(root)).lt };
    for await (const key of this.#level.keys(range)) yield downNumber(key);
  }

  /** The newest ones up to and including `before`, newest first. */
  async *backwards(root: string, before: number): AsyncGenerator<number> {
    const range = { gte: keys.story(root), lte: keys.storyRow(root, before), reverse: true };
    for await (const key of this.#level.keys(range)) yield downNumber(key);
  }

  /** The newest word on which rows are no longer kept; `null`: none was ever dropped. */
  async dropped(): Promise<DroppedItem | null> {
    for await (const seq of this.backwards(chainRoot, Number.MAX_SAFE_INTEGER)) {
      const item = (await this.row(seq))?.items.findLast(({ what }) => what === "dropped");
      if (item?.what === "dropped") return item;
    }
    return null;
  }

  /**
   * How the chain began, also when its first row is no longer kept; `null`: it has not. `older`: records of history that
   * were there before; absent when the first row does not say, as those of early versions.
   */
  async beginning(): Promise<{ readonly began: string; readonly older?: number } | null> {
    const dropped = await this.dropped();
    if (dropped !== null) return dropped;
    const [first] = await this.from(0, 1);
    const row = first === undefined ? null : parseRow(first.text);
    if (first === undefined) return null;
    const opened = row?.items.find(({ what }) => what === "opened");
    const older = opened?.what === "opened" && row?.seq === 1 ? opened.older : undefined;
    return { began: row?.at ?? "", ...(older !== undefined && { older }) };
  }

  /**
   * Whether any row speaks of this record. Records that lie beside each other are spoken of in rows that do so too: rows
   * are read ahead, and most answers are known already.
   */
  async isTold(root: string, key: string): Promise<boolean> {
    if (this.#told.has(key)) return true;
    for await (const seq of this.story(root)) {
      if (this.#ahead.has(seq)) continue;
      for (const { seq: read, text } of await this.from(seq, readAhead)) {
        this.#ahead.add(read);
        for (const item of parseRow(text)?.items ?? []) this.#told.add(keyOfItem(item));
      }
      if (this.#told.has(key)) return true;
    }
    return false;
  }

  /** Texts of records, as stored. */
  texts(ofKeys: readonly string[]): Promise<(string | undefined)[]> {
    return this.#level.getMany([...ofKeys]);
  }

  /** In the order of `claims`. `texts`: of their records, read after the rows were. */
  async statesOf(claims: readonly Claimed[], texts: readonly (string | undefined)[]): Promise<ItemState[]> {
    const byRoot = new Map<string, Claimed[]>();
    for (const [index, claim] of claims.entries()) {
      if (isAsSaid(claim, texts[index])) continue;
      const root = rootOf(claim.item) ?? "";
      const open = byRoot.get(root) ?? [];
      open.push(claim);
      byRoot.set(root, open);
    }
    const later = new Set<Claimed>();
    for (const [root, open] of byRoot) {
      for (const claim of await this.#stories.outdated(root, open)) later.add(claim);
    }
    return claims.map((claim, index) => {
      const text = texts[index];
      if (isAsSaid(claim, text)) return "kept";
      if (later.has(claim)) return "replaced";
      if (text === undefined) return "deleted";
      return digestOf(claim) === null ? "put-back" : "edited";
    });
  }
}

const digestOf = ({ item }: Claimed) => (item.what !== "removed" && "digest" in item ? item.digest : null);

function isAsSaid(claim: Claimed, text: string | undefined): boolean {
  const digest = digestOf(claim);
  return digest === null ? text === undefined : text !== undefined && sha256(text) === digest;
}

/** What rows say of records. */
export function claimsOf(rows: readonly ChainRow[]): Claimed[] {
  return rows.flatMap(({ seq, items }) =>
    items.flatMap((item) => {
      const key = keyOfItem(item);
      return key === null ? [] : [{ seq, item, key }];
    }),
  );
}
