/** Listing records by an index, a page at a time, in bounded steps. */
import { within } from "./keys.ts";
import type { Page, PageOf } from "./port/page.ts";
import type { Rows } from "./records.ts";
import type { Selection } from "./selection.ts";

export interface Listing<T> extends Selection<T> {
  /** Records by place (the rest of the key after the prefix); `null` for one that is gone. */
  readonly load: (places: readonly string[]) => Promise<readonly (T | null)[]>;
  /** The lowest place of a time. */
  readonly placeOfTime: (ms: number) => string;
}

const maxLimit = 1000;
/** Rows looked at in one call; a rarer find is continued with the cursor. */
const maxExamined = 5_000;
const chunkRows = 256;

export const pageLimit = (limit: number) => Math.min(Math.max(1, Math.floor(limit) || 1), maxLimit);

export async function listPage<T>(level: Rows, listing: Listing<T>, page: Page): Promise<PageOf<T>> {
  const { prefix, isPrimary, load, keep } = listing;
  const limit = pageLimit(page.limit);
  const reverse = page.ascending !== true;
  const iterator = level.iterator({ ...range(listing, page), reverse, values: isPrimary });
  const items: T[] = [];
  let cursor = "";
  try {
    for (let examined = 0; examined < maxExamined; ) {
      const rows = await iterator.nextv(Math.min(chunkRows, limit + 1));
      if (rows.length === 0) return { items };
      const places = rows.map(([key]) => key.slice(prefix.length));
      const records = isPrimary ? rows.map(([, text]) => JSON.parse(text) as T) : await load(places);
      for (const [index, place] of places.entries()) {
        // Between the index and the record another batch may have come.
        const record = records[index] ?? null;
        const isWanted = record !== null && keep(record);
        // One more than asked for: there is a next page.
        if (isWanted && items.length === limit) return { items, cursor };
        if (isWanted) items.push(record);
        if (items.length < limit || isWanted) cursor = place;
      }
      examined += rows.length;
    }
    return { items, cursor };
  } finally {
    await iterator.close();
  }
}

function range<T>({ prefix, placeOfTime }: Listing<T>, page: Page) {
  const { gte: start, lt: end } = within(prefix);
  const since = page.since === undefined ? Number.NaN : Date.parse(page.since);
  const until = page.until === undefined ? Number.NaN : Date.parse(page.until);
  const first = Number.isNaN(since) ? start : prefix + placeOfTime(since);
  const last = Number.isNaN(until) ? end : prefix + placeOfTime(until);
  if (page.cursor === undefined) return { gte: first, lt: last };
  const at = prefix + page.cursor;
  if (page.ascending !== true) return at <= last ? { gte: first, lt: at } : { gte: first, lt: last };
  return at >= first ? { gt: at, lt: last } : { gte: first, lt: last };
}

type Known<T> = Pick<Listing<T>, "load" | "keep" | "placeOfTime">;

/** Whether a place may be on this page or behind it, and which of two comes first. */
function orderOf<T>({ placeOfTime }: Known<T>, { since, until, cursor, ascending = false }: Page) {
  const first = since === undefined ? "" : placeOfTime(Date.parse(since));
  const end = until === undefined ? null : placeOfTime(Date.parse(until));
  const isAhead = (place: string) =>
    place >= first &&
    (end === null || place < end) &&
    (cursor === undefined || (ascending ? place > cursor : place < cursor));
  return { isAhead, compare: (a: string, b: string) => (a < b === ascending ? -1 : 1) };
}

/**
 * A page of records whose places are all known and in no order, and may be many: all places are looked through, but no
 * more records are loaded than `listPage` does in one call.
 */
export async function pageOfMany<T>(
  places: AsyncIterable<readonly string[]>,
  listing: Known<T>,
  page: Page,
): Promise<PageOf<T>> {
  const { isAhead, compare } = orderOf(listing, page);
  let next: string[] = [];
  let isCut = false;
  const cut = () => {
    isCut ||= next.length > maxExamined;
    next = next.sort(compare).slice(0, maxExamined);
  };
  for await (const some of places) {
    for (const place of some) if (isAhead(place)) next.push(place);
    if (next.length > 2 * maxExamined) cut();
  }
  cut();
  const found = await pageOfFamily(next, listing, page);
  const last = next.at(-1);
  return found.cursor !== undefined || !isCut || last === undefined ? found : { ...found, cursor: last };
}

/** A page of records whose places are all known and few: an instance's family, those that somebody names. */
export async function pageOfFamily<T>(
  places: readonly string[],
  listing: Known<T>,
  page: Page,
): Promise<PageOf<T>> {
  const { isAhead, compare } = orderOf(listing, page);
  const sorted = places.filter(isAhead).sort(compare);
  const limit = pageLimit(page.limit);
  const items: T[] = [];
  let last = "";
  for (let start = 0; start < sorted.length; start += chunkRows) {
    const some = sorted.slice(start, start + chunkRows);
    const records = await listing.load(some);
    for (const [index, place] of some.entries()) {
      const record = records[index] ?? null;
      if (record === null || !listing.keep(record)) continue;
      if (items.length === limit) return { items, cursor: last };
      items.push(record);
      last = place;
    }
  }
  return { items };
}
