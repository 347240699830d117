import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Column, toJson, toTable } from "../../../../hub/cli/output.ts";
import { plain, plainLines } from "../../../../shared/plain-text.ts";

interface Row {
  readonly id: string;
  readonly text: string | null;
}

const columns: readonly Column<Row>[] = [
  { header: "ID", value: (row) => row.id },
  { header: "TEXT", value: (row) => row.text, cut: true },
];
const options = { columns: undefined, nowMs: 0 };

describe("a table", () => {
  test("lines its columns up and marks what is empty", () => {
    const rows = [
      { id: "a", text: "one" },
      { id: "long", text: null },
    ];
    expect(toTable(rows, columns, options)).toBe("ID    TEXT\na     one\nlong  -\n");
  });

  test("says so when it has no rows", () => {
    expect(toTable([], columns, options)).toBe("none\n");
  });

  test("fits the terminal by cutting what may be cut, and never an id", () => {
    const table = toTable([{ id: "0123456789", text: "x".repeat(100) }], columns, { columns: 30, nowMs: 0 });
    const [, row = ""] = table.split("\n");
    expect(row).toHaveLength(30);
    expect(row).toMatch(/^0123456789 {2}x{17}…$/);
  });

  test("is not cut where there is no terminal", () => {
    expect(toTable([{ id: "a", text: "x".repeat(500) }], columns, options)).toContain("x".repeat(500));
  });
});

describe("text from strangers", () => {
  test("cannot move the cursor, break a line or turn it around", () => {
    expect(plain("a\u001b[2Jb\nc\u009bd\u202eexe")).toBe("a\\u001b[2Jb\\u000ac\\u009bd\\u202eexe");
    expect(plainLines("a\n\tb\u001b[2J\r")).toBe("a\n\tb\\u001b[2J\\u000d");
  });

  test("is still the same JSON, whatever it holds", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = toJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(text).not.toMatch(/(?![\n\t])[\p{Cc}\p{Cf}]/u);
      }),
    );
    const odd = { name: "\u001b\u007f\u009b\u202e\u{e0001}" };
    expect(JSON.parse(toJson(odd))).toEqual(odd);
  });
});
