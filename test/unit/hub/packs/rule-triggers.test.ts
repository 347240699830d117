import { expect, test } from "vitest";
import { nothingTold, untold } from "../../../../hub/packs/assign.ts";
import { rulesWithParameters, triggersFor } from "../../../../hub/packs/rule-triggers.ts";
import type { RuleDefinition, RuleRecord } from "../../../../shared/model/rule.ts";
import { anAgent, aRule, aTriggerType, noon } from "../../../support/records.ts";
import { aPackRecord } from "../../../support/start-api.ts";

const type = aTriggerType().ref;
const pack = aPackRecord();
const record = (
  name: string,
  parameters: RuleDefinition["trigger"]["parameters"],
  over: Partial<RuleDefinition> = {},
): RuleRecord => ({
  rule: aRule({ ref: `x.${name}`, name, trigger: { type, parameters }, ...over }),
  source: "api",
  updated_at: new Date(noon).toISOString(),
  rev: 1,
});
const wanted = (records: readonly RuleRecord[], labels = {}) =>
  triggersFor(rulesWithParameters(records), pack, labels);

test("a trigger is wanted once, however many rules want it, also by those that are disabled", () => {
  const rules = [
    record("b", { path: "/b", n: 1 }),
    record("a", { path: "/a" }, { enabled: false }),
    record("again", { n: 1, path: "/b" }),
    record("none", {}),
    record("elsewhere", { path: "/c" }, { trigger: { type: "other.type", parameters: { path: "/c" } } }),
  ];
  expect(wanted(rules)).toEqual({
    triggers: [
      { type, parameters: { n: 1, path: "/b" } },
      { type, parameters: { path: "/a" } },
    ],
    left: 0,
  });
  expect(wanted([...rules].reverse())).toEqual(wanted(rules));
});

test("a rule for other origins wants nothing of this agent", () => {
  const rules = [record("canary", { path: "/a" }, { origins: { role: "canary" } })];
  expect(wanted(rules, { role: "web" }).triggers).toEqual([]);
  expect(wanted(rules, { role: "canary" }).triggers).toHaveLength(1);
});

test("what does not fit into an entry is left out and counted", () => {
  const { triggers, left } = wanted(
    Array.from({ length: 10 }, (_, n) => record(`r${n}`, { text: `${n}${"x".repeat(10_000)}` })),
  );
  expect([triggers.length, left]).toEqual([4, 6]);
});

test("an agent is told its pack again when other triggers are wanted, and only then", () => {
  const say = (rules: readonly RuleRecord[], told = nothingTold) =>
    untold(anAgent(), [pack], told, { triggersOf: () => wanted(rules).triggers });
  const none = say([]);
  expect(none.say[0]).not.toHaveProperty("triggers");
  const one = say([record("a", { path: "/a" })], none.told);
  expect(one.say).toMatchObject([{ pack: pack.ref, triggers: [{ type, parameters: { path: "/a" } }] }]);
  expect(one.say[0]?.fingerprint).toBe(none.say[0]?.fingerprint);
  expect(say([record("other", { path: "/a" })], one.told).say).toEqual([]);
  expect(say([], one.told).say).toHaveLength(1);
});
