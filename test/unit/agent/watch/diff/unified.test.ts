import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runsBetween, unifiedDiff } from "../../../../../agent/watch/diff/unified.ts";

const linesOf = (text: string) => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];

function diff(before: string, after: string, maxBytes = 10_000) {
  const [a, b] = [linesOf(before), linesOf(after)];
  const shown = (side: "before" | "after", at: number) =>
    ((side === "before" ? a : b)[at] ?? "").replace(/\n$/, "");
  return unifiedDiff({ before: a, after: b, names: ["a", "b"], shown, maxBytes });
}

/** What the runs make of the one text, and whether they go over both without a hole. */
function applied(before: readonly string[], after: readonly string[]): readonly string[] {
  const made: string[] = [];
  let [b, a] = [0, 0];
  for (const run of runsBetween(before, after)) {
    expect([run.before, run.after]).toEqual([b, a]);
    if (run.kind === "same") made.push(...before.slice(b, b + run.count));
    if (run.kind === "new") made.push(...after.slice(a, a + run.count));
    if (run.kind !== "new") b += run.count;
    if (run.kind !== "gone") a += run.count;
  }
  expect(b).toBe(before.length);
  return made;
}

describe("runs of lines", () => {
  const lines = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 40 });

  test("make one text of the other", () => {
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        expect(applied(before, after)).toEqual(after);
      }),
    );
  });

  test("are as few changes as there can be", () => {
    const changes = (before: readonly string[], after: readonly string[]) =>
      runsBetween(before, after).reduce((sum, { kind, count }) => sum + (kind === "same" ? 0 : count), 0);
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        expect(changes(before, after)).toBe(before.length + after.length - 2 * common(before, after));
      }),
    );
  });

  test("of texts that have little in common end soon, and still make one of the other", () => {
    const before = Array.from({ length: 5_000 }, (_, n) => `${n}`);
    const after = ["first", ...before.map((line, n) => (n % 3 === 0 ? `other ${line}` : line))];
    expect(applied(before, after)).toEqual(after);
    expect(runsBetween(before, after).map(({ kind }) => kind)).toEqual(["gone", "new", "same"]);
  });
});

/** Length of the longest common subsequence. */
function common(a: readonly string[], b: readonly string[]): number {
  let row: number[] = new Array(b.length + 1).fill(0);
  for (const one of a) {
    const next = [0];
    for (const [n, other] of b.entries()) {
      next.push(one === other ? (row[n] ?? 0) + 1 : Math.max(row[n + 1] ?? 0, next[n] ?? 0));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

describe("a unified diff", () => {
  const numbered = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, n) => `${from + n}\n`).join("");

  // Each as diff -u prints it.
  const cases = [
    ["of equal texts is empty", "a\n", "a\n", ""],
    [
      "has three lines around a change",
      numbered(1, 9),
      `${numbered(1, 4)}five\n${numbered(6, 9)}`,
      "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n",
    ],
    [
      "puts changes together whose surroundings touch",
      numbered(1, 9),
      `1\ntwo\n${numbered(3, 8)}nine\n`,
      "--- a\n+++ b\n@@ -1,9 +1,9 @@\n 1\n-2\n+two\n 3\n 4\n 5\n 6\n 7\n 8\n-9\n+nine\n",
    ],
    [
      "and parts others",
      numbered(1, 10),
      `1\ntwo\n${numbered(3, 9)}ten\n`,
      "--- a\n+++ b\n@@ -1,5 +1,5 @@\n 1\n-2\n+two\n 3\n 4\n 5\n@@ -7,4 +7,4 @@\n 7\n 8\n 9\n-10\n+ten\n",
    ],
    ["of what is new begins at nothing", "", "a\nb\n", "--- a\n+++ b\n@@ -0,0 +1,2 @@\n+a\n+b\n"],
    ["of what has gone ends there", "a\n", "", "--- a\n+++ b\n@@ -1 +0,0 @@\n-a\n"],
    [
      "says where the last line break is missing",
      "a",
      "a\n",
      "--- a\n+++ b\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n",
    ],
    [
      "of lines put in between",
      numbered(1, 8),
      `${numbered(1, 4)}x\ny\n${numbered(5, 8)}`,
      "--- a\n+++ b\n@@ -2,6 +2,8 @@\n 2\n 3\n 4\n+x\n+y\n 5\n 6\n 7\n",
    ],
  ] as const;
  test.each(cases)("%s", (_what, before, after, text) => {
    expect(diff(before, after)).toEqual({ text, isTruncated: false });
  });

  test("ends before the line that does not fit", () => {
    const after = numbered(1, 1_000);
    const { text, isTruncated } = diff("", after, 100);
    expect(isTruncated).toBe(true);
    expect(text.length).toBeLessThanOrEqual(100);
    expect(text).toMatch(/^--- a\n\+\+\+ b\n@@ -0,0 \+1,1000 @@\n\+1\n\+2\n(\+\d+\n)+$/);
  });
});
