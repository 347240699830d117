import fc from "fast-check";
import { expect, test } from "vitest";
import { pageOf } from "../../../../hub/http/list-query.ts";

test("pages of a list, put together, are the list: no row twice, none left out", () => {
  const names = fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 40 });
  fc.assert(
    fc.property(names, fc.integer({ min: 1, max: 10 }), (unsorted, limit) => {
      const items = [...unsorted].sort((a, b) => (a < b ? -1 : 1));
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = pageOf(items, (item) => item, { limit, cursor });
        expect(page.items.length).toBeLessThanOrEqual(limit);
        seen.push(...page.items);
        cursor = page.cursor;
      } while (cursor !== undefined);
      expect(seen).toEqual(items);
    }),
  );
});

test("a cursor whose row has gone continues with the next one", () => {
  expect(pageOf(["a", "c"], (item) => item, { limit: 5, cursor: "b" }).items).toEqual(["c"]);
});
