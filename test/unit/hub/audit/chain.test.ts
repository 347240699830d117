/** The chain as a pure thing: whatever is done to stored rows, something no longer fits. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  beforeFirst,
  type ChainHead,
  type ChainItem,
  checkRows,
  type Numbered,
  nextRow,
} from "../../../../hub/audit/chain.ts";
import { headText, parseHead } from "../../../../hub/audit/note-head.ts";
import { parseRow } from "../../../../hub/audit/row-text.ts";

const at = "2026-11-22T12:00:00.000Z";
const start = { seq: 1, prev: beforeFirst };

function chainOf(texts: readonly string[]): { rows: Numbered[]; head: ChainHead | null } {
  const rows: Numbered[] = [];
  let head: ChainHead | null = null;
  for (const incarnation of texts) {
    const items: ChainItem[] = [{ what: "opened", incarnation }];
    const made = nextRow(head, at, items);
    rows.push({ seq: made.head.seq, text: made.text });
    head = made.head;
  }
  return { rows, head };
}

/** Whether rows are a whole chain that ends in `head`. */
function holds(rows: readonly Numbered[], head: ChainHead | null): boolean {
  const { problems, next } = checkRows(start, rows);
  return problems.length === 0 && next.seq === (head?.seq ?? 0) + 1 && next.prev === head?.hash;
}

const texts = fc.array(fc.string(), { minLength: 2, maxLength: 12 });

/** Puts another character in the place of one. */
const flipped = (text: string, place: number) =>
  text.slice(0, place) + String.fromCharCode(text.charCodeAt(place) ^ 1) + text.slice(place + 1);

const tamperings: Readonly<Record<string, (rows: Numbered[], n: number, m: number) => Numbered[]>> = {
  "one character": (rows, n, m) =>
    rows.map((row, i) => (i === n ? { ...row, text: flipped(row.text, m % row.text.length) } : row)),
  "a deletion": (rows, n) => rows.filter((_, i) => i !== n),
  "a deletion that closes the hole": (rows, n) =>
    rows.filter((_, i) => i !== n).map((row, i) => ({ ...row, seq: i + 1 })),
  "an insertion": (rows, n) => {
    const before = rows[n - 1];
    const head = before && {
      seq: before.seq,
      hash: createHash("sha256").update(before.text).digest("hex"),
      at,
    };
    const { text } = nextRow(head ?? null, at, [{ what: "opened", incarnation: "forged" }]);
    return [...rows.slice(0, n), { seq: 0, text }, ...rows.slice(n)].map((row, i) => ({
      ...row,
      seq: i + 1,
    }));
  },
  "a swap": (rows, n, m) => {
    const other = (n + 1 + (m % (rows.length - 1))) % rows.length;
    return rows.map((row, i) => {
      const from = i === n ? rows[other] : i === other ? rows[n] : row;
      return { seq: row.seq, text: from?.text ?? "" };
    });
  },
  "an end that is gone": (rows, n) => rows.slice(0, n),
};

describe("a chain", () => {
  test("that the hub wrote holds, whole and in pieces", () => {
    fc.assert(
      fc.property(texts, fc.nat(), (given, cut) => {
        const { rows, head } = chainOf(given);
        expect(holds(rows, head)).toBe(true);
        const middle = cut % rows.length;
        const first = checkRows(start, rows.slice(0, middle));
        const second = checkRows(first.next, rows.slice(middle));
        expect([...first.problems, ...second.problems]).toEqual([]);
        expect(second.next).toEqual({ seq: rows.length + 1, prev: head?.hash });
      }),
    );
  });

  test.for(Object.entries(tamperings))("that has suffered %s does not", ([, tamper]) => {
    fc.assert(
      fc.property(texts, fc.nat(), fc.nat(), (given, n, m) => {
        const { rows, head } = chainOf(given);
        const place = n % rows.length;
        expect(holds(tamper(rows, place, m), head)).toBe(false);
      }),
    );
  });

  test("names the row that was edited, or the one behind it", () => {
    const { rows } = chainOf(["a", "b", "c", "d"]);
    const edited = rows.map((row) =>
      row.seq === 2 ? { ...row, text: row.text.replace('"b"', '"x"') } : row,
    );
    expect(checkRows(start, edited).problems).toMatchObject([{ fault: "row-edited", seq: 3 }]);
    expect(
      checkRows(
        start,
        rows.filter(({ seq }) => seq !== 2),
      ).problems,
    ).toMatchObject([{ fault: "row-missing", seq: 2, text: "row 2 is missing" }]);
    expect(checkRows(start, rows.slice(2)).problems).toMatchObject([{ text: "rows 1 to 2 are missing" }]);
  });
});

test.for([
  "",
  "[]",
  "null",
  '{"v":1}',
  '{"v":1,"seq":1,"at":"","prev":"","items":[null]}',
  '{"v":1,"seq":1,"at":"","prev":"","items":[{"what":"execution","id":{}}]}',
  '{"v":1,"seq":1,"at":"","prev":"","items":[{"what":"instance","place":7}]}',
])("%j is no row", (text) => {
  expect(parseRow(text)).toBeNull();
});

test("a head is read as it is printed, and nothing else is", () => {
  const head = { seq: 12, hash: "ab".repeat(32) };
  expect(parseHead(` ${headText(head)}\n`)).toEqual(head);
  for (const text of ["", "12", "0:00", `12:${"z".repeat(64)}`, `-1:${head.hash}`, `12:${head.hash}0`])
    expect(parseHead(text)).toBeNull();
});
