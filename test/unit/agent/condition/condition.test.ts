/** What an agent thinks of its disk and its outbox. */
import { expect, test } from "vitest";
import {
  type Condition,
  type ConditionFacts,
  conditionOf,
  wellCondition,
} from "../../../../agent/condition/condition.ts";

const mib = 1024 * 1024;
const well: ConditionFacts = { writingFailed: false, freeBytes: 1_000 * mib, outboxFull: false };
const full: Condition = { diskFull: true, degraded: "its disk is nearly full: 1 MiB are left" };

test.each<[string, Partial<ConditionFacts>, Condition, Condition]>([
  ["all is well", {}, wellCondition, wellCondition],
  ["a file system that does not say how full it is", { freeBytes: null }, wellCondition, wellCondition],
  ["little room", { freeBytes: 9 * mib }, wellCondition, wellCondition],
  ["too little room", { freeBytes: 1.5 * mib }, wellCondition, full],
  [
    "no more than the reserve that was given up",
    { freeBytes: 1.5 * mib + 8 * mib },
    full,
    { ...full, degraded: "its disk is nearly full: 9 MiB are left" },
  ],
  ["clearly enough room again", { freeBytes: 32 * mib }, full, wellCondition],
  [
    "a database that cannot be written, whatever the disk says",
    { writingFailed: true },
    wellCondition,
    { diskFull: true, degraded: "its database cannot be written" },
  ],
  [
    "an outbox that is full, which is no reason to refuse actions",
    { outboxFull: true },
    wellCondition,
    { diskFull: false, degraded: "its outbox is full: the hub takes too little" },
  ],
])("%s", (_what, facts, before, after) => {
  expect(conditionOf({ ...well, ...facts }, before)).toEqual(after);
});
