import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Stat } from "../../../../agent/watch/look.ts";
import { isSameLook } from "../../../../agent/watch/record.ts";
import { type Difference, findMoves, type Sorted } from "../../../../agent/watch/renames.ts";
import { type BytePath, isWithin, walkKey } from "../../../../shared/watch/paths.ts";
import { type AnyStep, anySteps, ModelTree, recordOf, twoTrees } from "../../../support/model-tree.ts";

function differencesOf(before: ModelTree, after: ModelTree): readonly Difference[] {
  const paths = new Set([...before.paths(), ...after.paths()]);
  return [...paths]
    .sort((a, b) => (walkKey(a) < walkKey(b) ? -1 : 1))
    .flatMap((path) => {
      const [was, is] = [before.stats.get(path), after.stats.get(path)];
      if (was !== undefined && is !== undefined && isSameLook(recordOf(was), is)) return [];
      return [{ path, before: was === undefined ? null : recordOf(was), after: is ?? null }];
    });
}

/** As somebody has it who only reads what is told: a move takes along all that is known below it. */
function read(before: ModelTree, { moves, others }: Sorted): ReadonlyMap<BytePath, Stat> {
  const known = new Map(before.stats);
  for (const { from, to, after } of moves) {
    for (const [path, stat] of [...known]) {
      if (!isWithin(path, from)) continue;
      known.delete(path);
      known.set(to + path.slice(from.length), stat);
    }
    known.set(to, after);
  }
  for (const { path, after } of others) {
    if (after === null) known.delete(path);
    else known.set(path, after);
  }
  return known;
}

/** As the baseline has it: rows are written one by one. */
function stored(before: ModelTree, { moves, others }: Sorted): ReadonlyMap<BytePath, Stat> {
  const rows = new Map(before.stats);
  for (const { from, to, after, along } of moves) {
    for (const one of along) {
      rows.delete(one.from);
      rows.set(one.to, one.record.stat);
    }
    rows.delete(from);
    rows.set(to, after);
  }
  for (const { path, after } of others) {
    if (after === null) rows.delete(path);
    else rows.set(path, after);
  }
  return rows;
}

function shown(stats: ReadonlyMap<BytePath, Stat>): readonly string[] {
  return [...stats]
    .map(([path, { ino, birthNs, kind, size, mode }]) => `${path} ${kind} ${ino}:${birthNs} ${size} ${mode}`)
    .sort();
}

/** `a!` becomes `b/c`, `a!` in it becomes `a`, and the file in that becomes `c`. */
const nested: [AnyStep[], AnyStep[]] = [
  [
    { do: "mkdir", pick: 0, folder: 0, name: "a!" },
    { do: "mkdir", pick: 0, folder: 1, name: "a!" },
    { do: "create", pick: 0, folder: 2, name: "a" },
  ],
  [
    { do: "rename", pick: 1, folder: 1, name: "a" },
    { do: "mkdir", pick: 0, folder: 0, name: "b" },
    { do: "rename", pick: 0, folder: 2, name: "c" },
    { do: "rename", pick: 3, folder: 0, name: "c" },
  ],
];

describe("moves", () => {
  test("and what differs besides lead from any tree to any other, for readers and for the baseline", () => {
    fc.assert(
      fc.property(anySteps, anySteps, (first, second) => {
        const { before, after } = twoTrees(first, second);
        const sorted = findMoves(differencesOf(before, after));
        expect(shown(read(before, sorted))).toEqual(shown(after.stats));
        expect(shown(stored(before, sorted))).toEqual(shown(after.stats));
      }),
      // Nested moves of folders whose content went on: found once in some thousand runs.
      { numRuns: 2_000, examples: [nested] },
    );
  });

  test("of one file or folder are one change, and nothing is told besides", () => {
    fc.assert(
      fc.property(anySteps, fc.nat(), fc.constantFrom("/r/z", "/r/a/z", "/r/b/a/z"), (steps, pick, to) => {
        const { before } = twoTrees(steps, []);
        const all = before.paths().slice(1);
        const from = all[pick % Math.max(1, all.length)];
        fc.pre(from !== undefined && !isWithin(to, from));
        const after = new ModelTree(before);
        after.apply({ do: "rename", at: from ?? "", to });
        fc.pre(after.stats.has(to));
        const hasOtherNames = (before.stats.get(from ?? "")?.links ?? 1) > 1;
        const { moves, others } = findMoves(differencesOf(before, after));
        expect(moves).toMatchObject([{ from, to, replaced: null }]);
        expect(moves[0]?.children).toBe(all.filter((path) => isWithin(path, from ?? "")).length - 1);
        if (!hasOtherNames) expect(others).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
