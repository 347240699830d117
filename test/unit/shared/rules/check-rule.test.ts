import { expect, test } from "vitest";
import { checkRule } from "../../../../shared/rules/check-rule.ts";

function check(
  criteria: Record<string, unknown>,
  parameters: Record<string, unknown> = {},
  trigger = "p.t",
  action = "core.noop",
) {
  return checkRule({ trigger: { type: trigger }, criteria, action: { ref: action, parameters } }).map(
    ({ code, path, hint, severity }) => [
      severity === "warning" ? `warning ${code}` : code,
      path.join(" / "),
      hint,
    ],
  );
}

test("a good rule has no problems", () => {
  const criteria = {
    "trigger.x": { type: "equals", pattern: "{{ trigger.y }}" },
    "trigger.x#2": { type: "exists" },
    "trigger.l": {
      type: "search",
      condition: "any",
      pattern: { "item.a": { type: "regex", pattern: "^(?P<n>a)(?=b)" } },
    },
    "origin.host": { type: "startswith", pattern: "web" },
    late: { type: "equals", pattern: false },
  };
  expect(check(criteria, { cmd: "{{ trigger.x }}", list: ["{% if a %}b{% endif %}"] })).toEqual([]);
});

test.each<[string, Record<string, unknown>, string, string, unknown]>([
  [
    "unknown operator",
    { "trigger.x": { type: "equlas", pattern: 1 } },
    "CRITERIA_OPERATOR",
    "criteria / trigger.x / type",
    "did you mean 'equals'?",
  ],
  [
    "operator in capitals",
    { "trigger.x": { type: "EQUALS", pattern: 1 } },
    "CRITERIA_OPERATOR",
    "criteria / trigger.x / type",
    "did you mean 'equals'?",
  ],
  ["no type", { "trigger.x": { pattern: 1 } }, "RULE_INVALID", "criteria / trigger.x", expect.any(String)],
  [
    "no pattern",
    { "trigger.x": { type: "equals" } },
    "RULE_INVALID",
    "criteria / trigger.x / pattern",
    expect.stringContaining("pattern:"),
  ],
  [
    "null pattern",
    { "trigger.x": { type: "equals", pattern: null } },
    "RULE_INVALID",
    "criteria / trigger.x / pattern",
    expect.any(String),
  ],
  [
    "bad regex",
    { "trigger.x": { type: "regex", pattern: "(" } },
    "CRITERIA_REGEX",
    "criteria / trigger.x / pattern",
    null,
  ],
  [
    "untranslatable regex",
    { "trigger.x": { type: "regex", pattern: "(a)?(?(1)b|c)" } },
    "CRITERIA_REGEX",
    "criteria / trigger.x / pattern",
    null,
  ],
  [
    "bad template",
    { "trigger.x": { type: "equals", pattern: "{{ 1 + }}" } },
    "EXPRESSION_SYNTAX",
    "criteria / trigger.x / pattern",
    null,
  ],
  ["bad key", { "trigger.x[": { type: "exists" } }, "CRITERIA_KEY", "criteria / trigger.x[", null],
  [
    "key without trigger",
    { path: { type: "exists" } },
    "warning CRITERIA_KEY",
    "criteria / path",
    "did you mean 'trigger.path'?",
  ],
  [
    "search without condition",
    { "trigger.l": { type: "search", pattern: {} } },
    "RULE_INVALID",
    "criteria / trigger.l / condition",
    expect.stringContaining("any"),
  ],
  [
    "search of no map",
    { "trigger.l": { type: "search", condition: "any", pattern: "x" } },
    "RULE_INVALID",
    "criteria / trigger.l / pattern",
    null,
  ],
  [
    "bad child",
    {
      "trigger.l": { type: "search", condition: "any", pattern: { "item.a": { type: "nope", pattern: 1 } } },
    },
    "CRITERIA_OPERATOR",
    "criteria / trigger.l / pattern / item.a / type",
    expect.any(String),
  ],
  ["no map", { "trigger.x": "a" }, "RULE_INVALID", "criteria / trigger.x", expect.any(String)],
])("%s", (_name, criteria, code, path, hint) => {
  expect(check(criteria)).toEqual([[code, path, hint]]);
});

test("templates of parameters are checked at any depth", () => {
  const parameters = { a: "{{ x", b: { c: ["ok", "{{ y | uper }}"] } };
  expect(check({}, parameters)).toEqual([
    ["EXPRESSION_SYNTAX", "action / parameters / a", null],
    ["EXPRESSION_SYNTAX", "action / parameters / b / c / 1", "did you mean 'upper'?"],
  ]);
});

test("all problems come at once", () => {
  const problems = check({ "trigger.a": { type: "x" }, "trigger.b": { type: "y" } }, { p: "{{" }, "t", "a");
  expect(problems.map(([code]) => code)).toEqual([
    "RULE_INVALID",
    "RULE_INVALID",
    "CRITERIA_OPERATOR",
    "CRITERIA_OPERATOR",
    "EXPRESSION_SYNTAX",
  ]);
});

test.each<[string, Record<string, unknown>, readonly string[]]>([
  ["core.st2.webhook", { url: "github/push" }, []],
  ["core.st2.webhook", { url: "/deployed/" }, []],
  ["core.st2.webhook", {}, ["trigger / parameters"]],
  ["core.st2.webhook", { url: "//" }, ["trigger / parameters / url"]],
  ["core.st2.webhook", { url: "st2/" }, ["trigger / parameters / url"]],
  ["core.st2.webhook", { url: "a?b" }, ["trigger / parameters / url"]],
  ["core.st2.webhook", { url: "a/../b" }, ["trigger / parameters / url"]],
  ["core.st2.webhook", { url: "a", method: "PUT" }, ["trigger / parameters / method"]],
  ["core.st2.IntervalTimer", { unit: "minutes", delta: 5 }, []],
  ["core.st2.IntervalTimer", { unit: "minute", delta: 5 }, ["trigger / parameters / unit"]],
  [
    "core.st2.CronTimer",
    { hour: "25", zone: "UTC" },
    ["trigger / parameters / zone", "trigger / parameters / hour"],
  ],
  ["core.st2.CronTimer", {}, ["trigger / parameters"]],
  ["mypack.timer", { hour: 25 }, []],
])("%s with %j is refused at %j", (type, parameters, places) => {
  const found = checkRule({
    trigger: { type, parameters },
    criteria: {},
    action: { ref: "core.noop", parameters: {} },
  });
  expect(found.map(({ path }) => path.join(" / "))).toEqual(places);
  for (const { severity, hint } of found) expect([severity, typeof hint]).toEqual(["error", "string"]);
});
