import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Dirty, DirtySet, type Mark, noFacts } from "../../../../agent/watch/dirty-set.ts";
import { type BytePath, isWithin } from "../../../../shared/watch/paths.ts";

function mark(path: BytePath, more: Partial<Mark> = {}): Mark {
  return { path, deep: false, isBlind: false, facts: noFacts, pid: 0, isPriority: false, ...more };
}

/** Whether a look at what was handed out sees `path`. */
function isCovered(path: BytePath, taken: readonly Dirty[]): boolean {
  return taken.some((dirty) => dirty.path === path || (dirty.deep && isWithin(path, dirty.path)));
}

const marks = fc.array(
  fc.record({
    path: fc
      .array(fc.constantFrom("a", "b", "c", "d"), { minLength: 1, maxLength: 3 })
      .map((parts) => `/r/${parts.join("/")}`),
    deep: fc.boolean(),
    isPriority: fc.boolean(),
  }),
  { maxLength: 80, size: "max" },
);

describe("paths to look at", () => {
  test("are never lost, whatever they fold to, and never more than there is room for", () => {
    const limits = { quietMs: 0, mostMs: 0, maxPaths: 10, maxFolders: 4 };
    fc.assert(
      fc.property(marks, fc.integer({ min: 1, max: 5 }), (all, most) => {
        const dirty = new DirtySet(limits, ["/r"]);
        for (const [at, one] of all.entries()) {
          dirty.mark(mark(one.path, one), at);
          expect(dirty.size).toBeLessThanOrEqual(limits.maxPaths);
        }
        const taken: Dirty[] = [];
        for (let due = dirty.takeDue(1_000, most); due.length > 0; due = dirty.takeDue(1_000, most))
          taken.push(...due);
        expect(dirty.size).toBe(0);
        expect(dirty.takeUrgent(1_000)).toEqual([]);
        for (const { path, deep } of all) {
          expect(isCovered(path, taken)).toBe(true);
          if (deep) expect(isCovered(`${path}/below`, taken)).toBe(true);
        }
      }),
    );
  });

  test("wait for quiet, and at the longest for the limit", () => {
    const dirty = new DirtySet({ quietMs: 50, mostMs: 500, maxPaths: 10, maxFolders: 5 }, ["/r"]);
    for (let now = 0; now < 480; now += 20) {
      dirty.mark(mark("/r/busy"), now);
      expect(dirty.takeDue(now, 10)).toEqual([]);
    }
    dirty.mark(mark("/r/once"), 480);
    expect(dirty.dueAt()).toBe(500);
    expect(dirty.takeDue(500, 10).map(({ path }) => path)).toEqual(["/r/busy"]);
    expect(dirty.dueAt()).toBe(530);
  });

  test("that moved on and on come together", () => {
    const dirty = new DirtySet({ quietMs: 0, mostMs: 0, maxPaths: 10, maxFolders: 5 }, ["/r"]);
    dirty.mark(mark("/r/1", { partner: "/r/2" }), 0);
    dirty.mark(mark("/r/x"), 0);
    dirty.mark(mark("/r/2", { partner: "/r/3" }), 0);
    dirty.mark(mark("/r/3", { partner: "/r/2" }), 0);
    expect(dirty.takeDue(0, 1).map(({ path }) => path)).toEqual(["/r/1", "/r/2", "/r/3"]);
  });

  test("with priority pass the others, also after a fold", () => {
    const dirty = new DirtySet({ quietMs: 0, mostMs: 0, maxPaths: 4, maxFolders: 4 }, ["/r"]);
    dirty.mark(mark("/r/d", { isPriority: true }), 0);
    for (const name of ["1", "2", "3", "4"]) dirty.mark(mark(`/r/d/${name}`), 0);
    expect([dirty.takeFolded(), dirty.takeFolded()]).toEqual([0, null]);
    const urgent = dirty.takeUrgent(0);
    expect(urgent).toMatchObject([{ path: "/r/d", deep: true }]);
    expect(dirty.size).toBe(0);
  });
});
