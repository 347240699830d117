import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runNative } from "../../../../shared/expressions/regex/native.ts";
import type { Criterion, RuleDefinition } from "../../../../shared/model/rule.ts";
import { compileRule, compileRuleSet } from "../../../../shared/rules/compiled-rule-set.ts";
import {
  explain,
  matchTrigger,
  type RuleEnvironment,
  type TriggerView,
} from "../../../../shared/rules/match.ts";

let count = 0;
function rule(criteria: Record<string, unknown>, more: Partial<RuleDefinition> = {}): RuleDefinition {
  const name = more.name ?? `r${count++}`;
  return {
    ref: `p.${name}`,
    pack: "p",
    name,
    description: "",
    enabled: true,
    type: "standard",
    trigger: { type: "p.t", parameters: {} },
    criteria: criteria as Record<string, Criterion>,
    action: { ref: "core.noop", parameters: {} },
    mode: "live",
    expires: 3600,
    origins: null,
    tags: [],
    ...more,
  };
}
const environment: RuleEnvironment = {
  now: Date.UTC(2024, 4, 15, 12),
  keys: { system: (name) => ({ limit: "5", "a.b": "deep" })[name] },
  regex: (request) => ({ matches: runNative(request) }),
};
const seen = (payload: unknown, more: Partial<TriggerView> = {}): TriggerView => ({
  trigger: "p.t",
  payload,
  origin: { agent: "web-1", host: "web-1.example", labels: { role: "web" } },
  late: false,
  ...more,
});
function hits(rules: readonly RuleDefinition[], trigger: TriggerView): (string | null)[][] {
  const result = matchTrigger(compileRuleSet(1, rules), trigger, environment);
  if (!result.done) throw new Error("a slow pattern was not answered");
  return result.hits.map(({ rule: hit, error }) => [hit.rule.name, error]);
}
function why(criteria: Record<string, unknown>, payload: unknown) {
  const result = explain(compileRule(rule(criteria)), seen(payload), environment);
  if (!result.done) throw new Error("a slow pattern was not answered");
  return result.explanation;
}
const one = (type: string, pattern: unknown, key = "trigger.x") => ({ [key]: { type, pattern } });
const matches = (criteria: Record<string, unknown>, payload: unknown) => why(criteria, payload).matched;

describe("which rules fire", () => {
  test("only enabled ones of the same trigger type, in the order of the set", () => {
    const rules = [
      rule({}, { name: "a" }),
      rule({}, { name: "off", enabled: false }),
      rule({}, { name: "other", trigger: { type: "p.u", parameters: {} } }),
      rule(one("equals", 1), { name: "b" }),
      rule({}, { name: "c" }),
    ];
    expect(hits(rules, seen({ x: 1 }))).toEqual([
      ["a", null],
      ["b", null],
      ["c", null],
    ]);
  });

  test("a clean mismatch leaves nothing, a failure its reason", () => {
    const rules = [rule(one("equals", 2), { name: "no" }), rule(one("lessthan", 2), { name: "broken" })];
    expect(hits(rules, seen({ x: "1" }))).toEqual([
      ["broken", "CRITERIA_TYPE: '<' not supported between instances of 'str' and 'int'"],
    ]);
  });

  test("what comes after the first criterion that does not hold cannot fail", () => {
    const criteria = { ...one("equals", 2), "trigger.y": { type: "lessthan", pattern: 2 } };
    expect(hits([rule(criteria)], seen({ x: 1, y: "a" }))).toEqual([]);
    expect(
      hits(
        [rule({ "trigger.y": { type: "lessthan", pattern: 2 }, ...one("equals", 2) }, { name: "e" })],
        seen({ x: 1, y: "a" }),
      ),
    ).toHaveLength(1);
  });

  test("backstop rules only when no standard rule matched; a failed one is no match", () => {
    const backstop = rule({}, { name: "backstop", type: "backstop" });
    expect(hits([backstop, rule({}, { name: "std" })], seen({}))).toEqual([["std", null]]);
    expect(hits([backstop, rule(one("equals", 1))], seen({ x: 2 }))).toEqual([["backstop", null]]);
    expect(
      hits([rule(one("lt", 1), { name: "bad" }), backstop], seen({ x: null })).map(([name]) => name),
    ).toEqual(["bad", "backstop"]);
  });

  test("criteria over an empty payload never match, no criteria always do", () => {
    expect(hits([rule(one("nexists", null), { name: "a" }), rule({}, { name: "b" })], seen({}))).toEqual([
      ["b", null],
    ]);
    expect(hits([rule({}, { name: "b" })], seen(null))).toEqual([["b", null]]);
  });

  test("origins limit a rule to agents with these labels", () => {
    const canary = rule({}, { origins: { role: "web" }, name: "web" });
    const db = rule({}, { origins: { role: "db" }, name: "db" });
    expect(hits([canary, db], seen({}))).toEqual([["web", null]]);
    expect(hits([canary, db], seen({}, { origin: null }))).toEqual([]);
  });

  test("a rule that does not compile is reported for each trigger", () => {
    expect(hits([rule(one("equlas", 1), { name: "bad" })], seen({ x: 1 }))).toEqual([
      ["bad", "CRITERIA_OPERATOR: unknown operator 'equlas'"],
    ]);
  });

  test("the index finds what judging every rule finds", () => {
    const value = fc.constantFrom<unknown>(0, 1, 2, "a", "b", true, false, null, 1.5, [1], {});
    const operator = fc.constantFrom("equals", "eq", "neq", "exists", "contains", "lt");
    const criterion = fc.record({
      key: fc.constantFrom("trigger.x", "trigger.y", "trigger.x#2", "origin.host"),
      type: operator,
      pattern: value,
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(criterion, { maxLength: 3 }), fc.boolean()), { maxLength: 8 }),
        fc.record({ x: value, y: value }),
        (drawn, payload) => {
          const rules = drawn.map(([criteria, backstop], i) =>
            rule(
              Object.fromEntries(
                criteria
                  .filter(({ pattern, type }) => pattern !== null || type === "exists")
                  .map(({ key, type, pattern }) => [key, { type, pattern }]),
              ),
              { name: `r${i}`, type: backstop ? "backstop" : "standard" },
            ),
          );
          const alone = (type: string) =>
            rules
              .filter((each) => each.type === type)
              .map((each) => {
                const result = explain(compileRule(each), seen(payload), environment);
                return result.done ? { name: each.name, ...result.explanation } : null;
              })
              .filter((each) => each?.matched || each?.error)
              .map((each) => [each?.name, each?.matched ? null : each?.error]);
          const standard = alone("standard");
          const expected = standard.some(([, error]) => error === null)
            ? standard
            : [...standard, ...alone("backstop")];
          expect(hits(rules, seen(payload))).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("patterns", () => {
  test.each<[unknown, unknown, boolean]>([
    ["{{ trigger.n }}", { x: 5, n: 5 }, true],
    ["{{ trigger.n }}", { x: "5", n: 5 }, false],
    ["{{ trigger.n + 10 }}", { x: 15, n: 5 }, true],
    ["{{ trigger.list }}", { x: [1, "a"], list: [1, "a"] }, true],
    ["pre-{{ trigger.s }}", { x: "pre-a", s: "a" }, true],
    ["-{{ trigger.n }}", { x: -5, n: 5 }, true],
    ["{{ trigger.a }}.{{ trigger.b }}", { x: 1.5, a: 1, b: 5 }, true],
    ["{{ trigger.a }}.{{ trigger.b }}", { x: "x.y", a: "x", b: "y" }, true],
    [" {{ trigger.n }} ", { x: 5, n: 5 }, true],
    ["{% if trigger.n %}5{% endif %}", { x: "5", n: 1 }, true],
    ["a{# comment #}", { x: "a" }, true],
    ["a\r\nb\n", { x: "a\nb" }, true],
    ["{{ trigger.s }}", { x: 'say "hi"\n', s: 'say "hi"\n' }, true],
    ["{{ trigger.s }}", { x: "{{ trigger.n }}", s: "{{ trigger.n }}", n: 1 }, true],
    ["{{ st2kv.system.limit }}", { x: "5" }, true],
    ["{{ st2kv.system.limit | int }}", { x: 5 }, true],
    ["{{ st2kv.system.nope | default(7) }}", { x: 7 }, true],
    ["{{ origin.host }}", { x: "web-1.example" }, true],
    ["{{ origin.labels.role }}", { x: "web" }, true],
    ["{{ late }}", { x: false }, true],
    [true, { x: 1 }, true],
    ["true", { x: true }, false],
  ])("%j against %j", (pattern, payload, expected) => {
    expect(matches(one("equals", pattern), payload)).toBe(expected);
  });

  test("an undefined name is a failure, and the value is shown nevertheless", () => {
    expect(why(one("equals", "{{ trigger.nope }}"), { x: 1 })).toEqual({
      matched: false,
      error: "EXPRESSION_UNDEFINED: 'dict object' has no attribute 'nope'",
      criteria: [
        {
          key: "trigger.x",
          operator: "equals",
          value: 1,
          pattern: "{{ trigger.nope }}",
          result: null,
          error: "EXPRESSION_UNDEFINED: 'dict object' has no attribute 'nope'",
        },
      ],
    });
  });
});

describe("keys", () => {
  test.each<[string, unknown, boolean]>([
    ["trigger.a.b", { a: { b: 1 } }, true],
    ["trigger.a.b#again", { a: { b: 1 } }, true],
    ["trigger.list[1].x", { list: [{ x: 2 }, { x: 1 }] }, true],
    ["trigger.list[*].x", { list: [{ x: 1 }, { x: 2 }] }, true],
    ["trigger.list[*].x", { list: [{ x: 2 }, { x: 1 }] }, false],
    ["trigger..x", { deep: [{ x: 1 }] }, true],
    ["trigger.h['X-Y']", { h: { "X-Y": 1 } }, true],
    ["trigger.a-b", { "a-b": 1 }, true],
    ["a", { a: 1 }, false],
  ])("%s in %j", (key, payload, expected) => {
    expect(matches(one("equals", 1, key), payload)).toBe(expected);
  });
  test("the whole payload, the datastore and the origin", () => {
    expect(matches(one("equals", { a: 1 }, "trigger"), { a: 1 })).toBe(true);
    expect(matches(one("equals", "5", "system.limit"), { a: 1 })).toBe(true);
    expect(matches(one("equals", "deep", "st2kv.system.a.b"), { a: 1 })).toBe(true);
    expect(matches(one("equals", "web", "origin.labels.role"), { a: 1 })).toBe(true);
    expect(matches(one("equals", false, "late"), { a: 1 })).toBe(true);
  });
});

describe("search", () => {
  const search = (condition: string, pattern: unknown) => ({
    "trigger.list": { type: "search", condition, pattern },
  });
  const x1 = { "item.x": { type: "equals", pattern: 1 } };
  const both = { ...x1, "item.y": { type: "equals", pattern: 2 } };
  test.each<[string, unknown, unknown, boolean]>([
    ["any", x1, [{ x: 0 }, { x: 1 }], true],
    ["any", both, [{ x: 1 }, { y: 2 }], false],
    ["any", both, [{ x: 1, y: 2 }], true],
    ["all", x1, [{ x: 1 }, { x: 1 }], true],
    ["all", x1, [{ x: 1 }, { x: 2 }], false],
    ["all", x1, [], true],
    ["any", x1, [], false],
    ["any2any", both, [{ x: 0 }, { y: 2 }], true],
    ["any2any", both, [{ x: 0 }, { y: 0 }], false],
    ["all2any", both, [{ x: 1 }, { y: 2 }], true],
    ["all2any", both, [{ x: 1 }, { y: 3 }], false],
    ["any", x1, { x: 1 }, true],
    [
      "any",
      { "item.x#1": { type: "gt", pattern: 1 }, "item.x#2": { type: "lt", pattern: 5 } },
      [{ x: 3 }],
      true,
    ],
    ["any", { item: { type: "equals", pattern: "b" } }, ["a", "b"], true],
    ["any", { item: { type: "equals", pattern: "b" } }, "abc", true],
    [
      "any",
      {
        "item.in": {
          type: "search",
          condition: "any",
          pattern: { "item.z": { type: "equals", pattern: 1 } },
        },
      },
      [{ in: [{ z: 1 }] }],
      true,
    ],
  ])("%s of %j in %j", (condition, pattern, list, expected) => {
    expect(matches(search(condition, pattern), { list })).toBe(expected);
  });

  test("a child that fails is just false; a match leaves no error, a mismatch the first one", () => {
    const less = { "item.x": { type: "lessthan", pattern: 5 } };
    expect(why(search("any", less), { list: [{ x: "a" }, { x: 1 }] })).toMatchObject({
      matched: true,
      error: null,
    });
    expect(why(search("all", less), { list: [{ x: "a" }, { x: 1 }] })).toMatchObject({
      matched: false,
      error: "CRITERIA_TYPE: '<' not supported between instances of 'str' and 'int'",
    });
  });

  test("patterns of children see the item, not the trigger", () => {
    const child = (pattern: string) => search("any", { "item.x": { type: "equals", pattern } });
    expect(matches(child("{{ item.y }}"), { list: [{ x: 1, y: 1 }] })).toBe(true);
    expect(why(child("{{ trigger.z }}"), { z: 1, list: [{ x: 1 }] })).toMatchObject({
      matched: false,
      error: "EXPRESSION_UNDEFINED: 'trigger' is undefined",
    });
  });

  test("something that cannot be walked is a failure", () => {
    expect(why(search("any", x1), { list: null })).toMatchObject({
      matched: false,
      error: "CRITERIA_TYPE: 'NoneType' object is not iterable",
    });
  });
});

test("an unanswered slow pattern is handed to the caller", () => {
  const set = compileRuleSet(1, [rule(one("regex", "^(?!b)"))]);
  const unanswered = { ...environment, regex: () => "unknown" as const };
  expect(matchTrigger(set, seen({ x: "a" }), unanswered)).toMatchObject({
    done: false,
    needs: { text: "a" },
  });
});

test("a pattern that took too long is a failure", () => {
  const set = compileRuleSet(1, [rule(one("regex", "^(?!b)"), { name: "slow" })]);
  const result = matchTrigger(set, seen({ x: "a" }), { ...environment, regex: () => ({ timeout: true }) });
  expect(result).toMatchObject({
    done: true,
    hits: [{ error: "CRITERIA_REGEX: the pattern '^(?!b)' took too long" }],
  });
});

describe("a trigger with parameters", () => {
  const wants = (name: string, parameters: RuleDefinition["trigger"]["parameters"]) =>
    rule({}, { name, trigger: { type: "p.t", parameters } });
  const rules = [wants("a", { path: "/a", n: [1] }), wants("b", { path: "/b" }), wants("none", {})];
  const names = (view: TriggerView) => {
    const result = matchTrigger(compileRuleSet(1, rules), view, environment);
    return result.done ? result.hits.map((hit) => hit.rule.rule.name) : "needs a pattern";
  };

  test("is seen by rules that want exactly these", () => {
    expect(names(seen({}, { parameters: { n: [1], path: "/a" } }))).toEqual(["a"]);
    expect(names(seen({}, { parameters: { path: "/a" } }))).toEqual([]);
  });

  test("is seen by all rules of its type when its sensor does not say which one it is", () => {
    expect(names(seen({}))).toEqual(["a", "b", "none"]);
  });

  test("is another one, says the explanation", () => {
    const [a = wants("x", {})] = rules;
    expect(explain(compileRule(a), seen({}, { parameters: { path: "/b" } }), environment)).toMatchObject({
      explanation: { matched: false, error: null, skipped: "the trigger has other parameters" },
    });
  });
});

describe("changes of files that are part of a burst", () => {
  const part = { path: "/etc/hosts", burst: "B1" };
  const change = (payload: unknown) => seen(payload, { trigger: "watch.file_changed" });
  const on = (more: Partial<RuleDefinition>, criteria = {}) =>
    rule(criteria, { trigger: { type: "watch.file_changed", parameters: {} }, ...more });
  const broken = { "trigger.path": { type: "no_such_operator", pattern: "" } };
  const filed = one("equals", "/etc/hosts", "trigger.path");

  test("are for rules that ask for each, backstops and filed ones too; broken ones do not fail for each", () => {
    const rules = [
      on({ name: "usual" }),
      on({ name: "each", bursts: "each" }),
      on({ name: "filed" }, filed),
      on({ name: "filed_each", bursts: "each" }, filed),
      on({ name: "broken" }, broken),
      on({ name: "backstop", type: "backstop" }),
    ];
    expect(hits(rules, change(part))).toEqual([
      ["each", null],
      ["filed_each", null],
    ]);
    const quiet = rules.filter(({ bursts }) => bursts === undefined);
    expect(hits(quiet, change(part))).toEqual([]);
    expect(hits([...quiet, on({ name: "last", type: "backstop", bursts: "each" })], change(part))).toEqual([
      ["last", null],
    ]);
  });

  test.each<[string, unknown]>([
    ["no burst", { path: "/etc/hosts" }],
    ["an empty one", { path: "/etc/hosts", burst: "" }],
    ["one that is no id", { path: "/etc/hosts", burst: 1 }],
  ])("%s: it counts for all", (_name, payload) => {
    expect(hits([on({ name: "usual" })], change(payload))).toEqual([["usual", null]]);
  });

  test("a burst in another trigger's payload means nothing", () => {
    expect(hits([rule({}, { name: "usual" })], seen(part))).toEqual([["usual", null]]);
  });

  test("the explanation says that it was skipped, and judges the criteria all the same", () => {
    const said = (more: Partial<RuleDefinition>) => {
      const result = explain(compileRule(on(more, filed)), change(part), environment);
      if (!result.done) throw new Error("a slow pattern was not answered");
      return result.explanation;
    };
    expect(said({})).toMatchObject({
      matched: false,
      skipped: "part of a burst",
      error: null,
      criteria: [{ result: true }],
    });
    expect(said({ bursts: "each" })).toMatchObject({ matched: true });
    expect(said({ bursts: "each" })).not.toHaveProperty("skipped");
  });
});

test("whether a change was expected is asked with exists and nexists", () => {
  const expected = { path: "/etc/hosts", expected: { id: "W1", reason: "ticket 1" } };
  const asks = (type: string) => ({ "trigger.expected": { type } });
  expect(matches(asks("exists"), expected)).toBe(true);
  expect(matches(asks("nexists"), expected)).toBe(false);
  expect(matches(asks("exists"), { path: "/etc/hosts" })).toBe(false);
  expect(matches(asks("nexists"), { path: "/etc/hosts" })).toBe(true);
});
