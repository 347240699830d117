import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { Seal } from "../../../../../agent/watch/integrity/seal.ts";
import {
  anchorOf,
  decodeSummary,
  encodeSummary,
  noRows,
  readAnchor,
  type Summary,
} from "../../../../../agent/watch/integrity/summary.ts";
import { judgeOpening, judgeRows, tamperedPayload } from "../../../../../agent/watch/integrity/tampering.ts";

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
  const cases = [
    ["nothing", { wrong: [], missing: 0, missingSum: 0n }, []],
    ["an edited one", { wrong: ["/a"], missing: 1, missingSum: 5n }, [["edited", "/a", 1]]],
    ["an added one", { wrong: ["/a"], missing: 0, missingSum: 0n }, [["added", "/a", 1]]],
    ["removed ones", { wrong: [], missing: 2, missingSum: 5n }, [["removed", null, 2]]],
    ["one that is back", { wrong: [], missing: -1, missingSum: 5n }, [["added", null, 1]]],
    ["an earlier one", { wrong: [], missing: 0, missingSum: 5n }, [["rolled-back", null, null]]],
    [
      "an edited and a removed one",
      { wrong: ["/a"], missing: 2, missingSum: 5n },
      [
        ["edited", "/a", 1],
        ["removed", null, 1],
      ],
    ],
  ] as const;
  test.each(cases)("finds %s", (_what, checked, expected) => {
    expect(judgeRows(checked).map(({ cause, path, count }) => [cause, path, count])).toEqual(expected);
  });

  test("names a hundred and counts the rest", () => {
    const wrong = Array.from({ length: 250 }, (_, n) => `/f${n}`);
    const found = judgeRows({ wrong, missing: 250, missingSum: 1n });
    expect(found).toHaveLength(101);
    expect(found.at(-1)).toMatchObject({ cause: "edited", path: null, count: 150 });
    expect(tamperedPayload({ cause: "edited", path: "/\xff", count: 1, detail: "" }, "now")).toMatchObject({
      path: "/\\xff",
      path_base64: "L/8=",
    });
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
