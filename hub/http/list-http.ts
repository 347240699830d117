/** Answers list routes: one page as JSON, or everything in order of intake as a stream of lines. */
import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { timestamp } from "../../shared/clock.ts";
import type { Page, PageOf } from "../store/port/page.ts";
import { cursorOf, placeOfCursor } from "./cursor.ts";
import { defaultLimit, type ListQuery } from "./list-query.ts";

/** Rows read at a time while streaming: enough to be quick, few enough for payloads of 128 KiB each. */
const streamPage = 100;
/** Characters gathered into one write. */
const chunkLength = 64 * 1024;

export const ndjsonType = "application/x-ndjson";

/** Reads one page; `view` shows a row, and may refuse to show what it should not. */
export interface ListSource<T> {
  page(page: Page): Promise<PageOf<T>>;
  view(item: T): unknown;
}

/** As stores want it: times in the one spelling that they compare as text, and the cursor as the place it stands for. */
function normalized(list: string, query: ListQuery): ListQuery {
  const { since, until, cursor } = query;
  return {
    ...query,
    ...(until !== undefined && { until: timestamp(Date.parse(until)) }),
    ...(since !== undefined && { since: timestamp(Date.parse(since)) }),
    ...(cursor !== undefined && { cursor: placeOfCursor(list, cursor) }),
  };
}

async function* lines<T>(source: ListSource<T>, query: ListQuery): AsyncGenerator<string> {
  let left = query.limit ?? Number.POSITIVE_INFINITY;
  let cursor = query.cursor;
  let chunk = "";
  do {
    const page: PageOf<T> = await source.page({
      limit: Math.min(streamPage, left),
      cursor,
      since: query.since,
      until: query.until,
      ascending: true,
    });
    for (const item of page.items) {
      chunk += `${JSON.stringify(source.view(item))}\n`;
      if (chunk.length < chunkLength) continue;
      yield chunk;
      chunk = "";
    }
    left -= page.items.length;
    cursor = page.cursor;
  } while (cursor !== undefined && left > 0);
  if (chunk !== "") yield chunk;
}

/**
 * With `?format=ndjson` or `Accept: application/x-ndjson` all rows, oldest first, one JSON text a line.
 * The next page is read when the client has taken the last one, so a slow client costs one page of memory;
 * a failure on the way breaks the connection instead of ending the list as if it were whole.
 */
export async function sendList<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  source: ListSource<T>,
): Promise<unknown> {
  // The route: a cursor of one list is none of another.
  const list = request.routeOptions.url ?? "";
  const query = normalized(list, request.query as ListQuery);
  const wantsLines = query.format === undefined && (request.headers.accept ?? "").includes(ndjsonType);
  if (query.format === "ndjson" || wantsLines) {
    return reply.type(ndjsonType).send(Readable.from(lines(source, query), { objectMode: false }));
  }
  const { limit = defaultLimit, cursor, since, until } = query;
  const page = await source.page({ limit, cursor, since, until });
  return {
    items: page.items.map((item) => source.view(item)),
    ...(page.cursor !== undefined && { cursor: cursorOf(list, page.cursor) }),
  };
}
