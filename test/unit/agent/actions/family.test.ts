import { describe, expect, it } from "vitest";
import { type FamilyMarks, familyOf, identityOf } from "../../../../agent/actions/family.ts";
import type { ProcessStat } from "../../../../agent/actions/proc-fs.ts";

const at = (pid: number, over: Partial<ProcessStat> = {}): ProcessStat => ({
  pid,
  state: "S",
  parent: 1,
  group: pid,
  session: pid,
  startTicks: 1_000 + pid,
  ...over,
});
const marks = (over: Partial<FamilyMarks> = {}): FamilyMarks => ({
  group: 100,
  known: new Set(),
  isMarked: () => false,
  self: 50,
  sinceTicks: 1_100,
  ...over,
});
const pids = (all: readonly ProcessStat[], over: Partial<FamilyMarks> = {}) =>
  familyOf(all, marks(over)).map(({ pid }) => pid);

describe("who belongs to an execution", () => {
  const init = at(1, { parent: 0, startTicks: 0 });
  const agent = at(50);
  const leader = at(100, { parent: 50 });
  const others = [init, agent, leader, at(60, { parent: 50 })];

  it.each<[string, ProcessStat[], Partial<FamilyMarks>, number[]]>([
    ["its group", [at(101, { parent: 1, group: 100, session: 100 })], {}, [100, 101]],
    ["its session, in another group", [at(101, { parent: 1, session: 100 })], {}, [100, 101]],
    [
      "its children in sessions of their own",
      [at(101, { parent: 100 }), at(102, { parent: 101 })],
      {},
      [100, 101, 102],
    ],
    [
      "whoever has lost his parent and names it",
      [at(101)],
      { isMarked: ({ pid }) => pid === 101 },
      [100, 101],
    ],
    [
      "the children of those, though they name nothing",
      [at(101), at(102, { parent: 101 })],
      { isMarked: ({ pid }) => pid === 101 },
      [100, 101, 102],
    ],
    [
      "whoever was seen to belong to it before",
      [at(101)],
      { known: new Set([identityOf(at(101))]) },
      [100, 101],
    ],
    [
      "not one that has the number of one seen before",
      [at(101)],
      { known: new Set([identityOf(at(101, { startTicks: 7 }))]) },
      [100],
    ],
    [
      "not the group's number once it is somebody else's",
      [at(101, { parent: 100 }), at(102)],
      { group: null, isMarked: ({ pid }) => pid === 102 },
      [102],
    ],
    ["not who was there before it", [at(90, { session: 100 })], { isMarked: () => true, group: null }, [100]],
  ])("%s", (_what, more, over, expected) => {
    expect(pids([...others, ...more], over)).toEqual(expected);
  });

  it("never the agent, though an action may have started it, nor init", () => {
    const marked = { isMarked: () => true, sinceTicks: 0, group: null };
    const found = pids([init, agent, at(51, { parent: 50 })], marked);
    expect(found).toEqual([51]);
  });
});
