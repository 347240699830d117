/** What every list route takes in its query, and how a list in memory is paged. */
import type { Page, PageOf } from "../store/port/page.ts";

/** Rows of a page when nothing is said, and at most. */
export const defaultLimit = 50;
export const maxLimit = 1000;

export interface ListQuery {
  readonly limit?: number;
  readonly cursor?: string;
  /** RFC 3339. */
  readonly since?: string;
  /** RFC 3339. */
  readonly until?: string;
  readonly format?: "json" | "ndjson";
}

/** Schema of a filter that any text will do for. */
export const text = { type: "string", minLength: 1, maxLength: 512 } as const;

/** JSON schema of a list's query: paging, and `filters` with their schemas. `since`: it can be cut by time. */
export function listQuerySchema(
  filters: Readonly<Record<string, object>>,
  options: { since: boolean },
): object {
  return {
    type: "object",
    additionalProperties: false,
    properties: {
      limit: { type: "integer", minimum: 1, maximum: maxLimit },
      cursor: { type: "string", minLength: 1, maxLength: 4096 },
      format: { enum: ["json", "ndjson"] },
      ...(options.since && {
        since: { type: "string", format: "date-time" },
        until: { type: "string", format: "date-time" },
      }),
      ...filters,
    },
  };
}

/** A page of `items`, in their order; the cursor is the key of the last row that was given. */
export function pageOf<T>(items: readonly T[], keyOf: (item: T) => string, page: Page): PageOf<T> {
  const { cursor } = page;
  const from = cursor === undefined ? 0 : items.findIndex((item) => keyOf(item) > cursor);
  const rows = from < 0 ? [] : items.slice(from, from + page.limit);
  const last = rows.at(-1);
  const more = last !== undefined && from + rows.length < items.length;
  return more ? { items: rows, cursor: keyOf(last) } : { items: rows };
}
