import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { Overwritten } from "../../../../../agent/watch/integrity/overwritten.ts";
import { Seal } from "../../../../../agent/watch/integrity/seal.ts";
import {
  anchorOf,
  decodeSummary,
  encodeSummary,
  noRows,
  readAnchor,
  type Summary,
} from "../../../../../agent/watch/integrity/summary.ts";
import {
  type Checked,
  judgeOpening,
  judgeRows,
  tamperedPayload,
  type WithoutRecord,
} from "../../../../../agent/watch/integrity/tampering.ts";

const summary: Summary = { ...noRows, generation: 20, count: 3, sum: 77n, sweep: 2 };
const anchor = anchorOf(summary);
const base = { key: "in-use", lost: false, summary, anchor, wrongMeta: [] } as const;

describe("an opening", () => {
  const cases = [
    ["of the very first start", { key: "missing", summary: "none", anchor: null }, "all", []],
    ["killed while the first seals were made", { key: "new", summary: "none", anchor: null }, "all", []],
    ["killed before the key was in use", { key: "new" }, null, []],
    ["as it was left", {}, null, []],
    ["written since the anchor", { anchor: { ...anchor, generation: 12 } }, null, []],
    ["without an anchor yet", { anchor: null }, null, []],
    ["of an earlier copy", { anchor: { ...anchor, generation: 21 } }, null, ["rolled-back"]],
    ["of another one of the same age", { anchor: { ...anchor, count: 4 } }, null, ["edited"]],
    ["with another sum", { anchor: { ...anchor, digest: "0".repeat(64) } }, null, ["edited"]],
    ["without the key", { key: "missing", summary: "other-key" }, "all", ["key-missing"]],
    ["without key and summary", { key: "missing", summary: "none" }, "all", ["key-missing"]],
    ["with another key", { summary: "other-key" }, "all", ["key-missing"]],
    ["killed after a key was lost", { key: "new", lost: true, summary: "none" }, "all", ["key-missing"]],
    ["without a summary", { summary: "none" }, "sealed", ["removed"]],
    ["with a forged summary", { summary: "forged" }, "sealed", ["edited"]],
    ["with another selection", { wrongMeta: ["selection"] }, null, ["edited"]],
  ] as const;
  test.each(cases)("%s", (_what, given, adopt, causes) => {
    const opening = judgeOpening({ ...base, ...given });
    expect(opening.adopt).toBe(adopt);
    expect(opening.found.map(({ cause }) => cause)).toEqual(causes);
  });
});

describe("a check of all rows", () => {
  const checked = (over: Partial<Checked> = {}): Checked => {
    const { wrong = [] } = over;
    const rest = { firstWrong: null, missing: 0, missingSum: 0n };
    return { ...rest, wrong, wrongCount: wrong.length, ...over };
  };
  type Found = readonly [cause: string, path: string | null, count: number | null];
  const cases: readonly [string, Partial<Checked>, WithoutRecord | undefined, readonly Found[]][] = [
    ["nothing", {}, undefined, []],
    ["an edited one", { wrong: ["/a"], missing: 1, missingSum: 5n }, undefined, [["edited", "/a", 1]]],
    ["an added one", { wrong: ["/a"] }, undefined, [["added", "/a", 1]]],
    ["removed ones", { missing: 2, missingSum: 5n }, undefined, [["removed", null, 2]]],
    ["one that is back", { missing: -1, missingSum: 5n }, undefined, [["added", null, 1]]],
    ["an earlier one", { missingSum: 5n }, undefined, [["rolled-back", null, null]]],
    [
      "an edited and a removed one",
      { wrong: ["/a"], missing: 2, missingSum: 5n },
      undefined,
      [
        ["edited", "/a", 1],
        ["removed", null, 1],
      ],
    ],
    [
      "which were removed, as far as they are there",
      { missing: 3, missingSum: 5n },
      { paths: ["/b", "/c"], count: 2 },
      [
        ["removed", "/b", 1],
        ["removed", "/c", 1],
        ["removed", null, 1],
      ],
    ],
    [
      "that some of many were removed",
      { missing: 1, missingSum: 5n },
      { paths: ["/b", "/c"], count: 2 },
      [["removed", null, 1]],
    ],
    ["no removal where only paths came", {}, { paths: ["/b"], count: 1 }, []],
  ];
  test.each(cases)("finds %s", (_what, over, without, expected) => {
    const found = judgeRows(checked(over), without);
    expect(found.map(({ cause, path, count }) => [cause, path, count])).toEqual(expected);
  });

  test("names a hundred and counts the rest", () => {
    const wrong = Array.from({ length: 100 }, (_, n) => `/f${n}`);
    const found = judgeRows(checked({ wrong, wrongCount: 250, missing: 250, missingSum: 1n }));
    expect(found).toHaveLength(101);
    expect(found.at(-1)).toMatchObject({ cause: "edited", path: null, count: 150 });
    expect(tamperedPayload({ cause: "edited", path: "/\xff", count: 1, detail: "" }, "now")).toMatchObject({
      path: "/\\xff",
      path_base64: "L/8=",
    });
  });
});

describe("wrong records that were written over", () => {
  test("are counted once by the check that begins after them, and kept for the next one when that is given up", () => {
    const over = new Overwritten();
    over.add("/a");
    over.begin();
    over.add("/seen by the check");
    expect([over.names, over.count]).toEqual([["/a"], 1]);
    over.end(true);
    expect([over.names, over.count]).toEqual([[], 0]);
    over.add("/b");
    over.begin();
    over.add("/c");
    over.end(false);
    expect([over.names, over.count]).toEqual([["/b", "/c"], 2]);
  });

  test("take no memory beyond a hundred names", () => {
    const over = new Overwritten();
    for (let n = 0; n < 5_000; n++) over.add(`/f${n}`);
    expect([over.names.length, over.count]).toEqual([100, 5_000]);
    over.begin();
    for (let n = 0; n < 5_000; n++) over.add(`/g${n}`);
    over.end(false);
    expect([over.names.length, over.count]).toEqual([100, 10_000]);
  });
});

test("a summary is read with its key only, and unchanged only", () => {
  const seal = new Seal(Buffer.alloc(32, 1));
  const found = { cause: "edited", path: "/a", count: 1, detail: "x" } as const;
  const full: Summary = { ...summary, sum: (1n << 255n) + 1n, meta: { selection: "ab" }, untold: [found] };
  const bytes = encodeSummary(full, seal);
  expect(decodeSummary(bytes, seal)).toEqual(full);
  expect(decodeSummary(bytes, new Seal(Buffer.alloc(32, 2)))).toBe("other-key");
  expect(
    decodeSummary(Buffer.from(bytes.toString().replace('generation\\":20', 'generation\\":21')), seal),
  ).toBe("forged");
  expect(decodeSummary(Buffer.from("x"), seal)).toBe("forged");
  expect(decodeSummary(undefined, seal)).toBe("none");
  expect(readAnchor(JSON.stringify(anchorOf(full)))).toEqual(anchorOf(full));
  for (const text of [null, "x", "{}", '{"generation":"1"}']) expect(readAnchor(text)).toBeNull();
});
