import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compilePattern } from "../../../../shared/expressions/regex/pattern.ts";
import type { Criterion, RuleDefinition } from "../../../../shared/model/rule.ts";
import { compileRule, compileRuleSet } from "../../../../shared/rules/compiled-rule-set.ts";
import {
  explain,
  matchTrigger,
  type RuleEnvironment,
  type TriggerView,
} from "../../../../shared/rules/match.ts";
import { TextIndex } from "../../../../shared/rules/text-index.ts";

function rule(criteria: RuleDefinition["criteria"], more: Partial<RuleDefinition> = {}): RuleDefinition {
  const name = more.name ?? "r";
  return {
    ...{ ref: `p.${name}`, pack: "p", name, description: "", enabled: true, type: "standard" },
    trigger: { type: "p.t", parameters: {} },
    criteria,
    action: { ref: "core.noop", parameters: {} },
    ...{ mode: "live", expires: 3600, origins: null, tags: [] },
    ...more,
  };
}

const environment: RuleEnvironment = {
  now: Date.UTC(2024, 4, 15, 12),
  keys: { system: (name) => ({ limit: "5", word: "srv" })[name] },
  // A slow pattern is always too slow: that has to be told, and not be skipped.
  regex: () => ({ timeout: true }),
};

const seen = (payload: unknown, more: Partial<TriggerView> = {}): TriggerView => ({
  ...{ trigger: "p.t", payload, late: false },
  origin: { agent: "web-1", host: "web-1.example", labels: { role: "web" } },
  ...more,
});

function hits(rules: readonly RuleDefinition[], trigger: TriggerView): (string | null)[][] {
  const result = matchTrigger(compileRuleSet(1, rules), trigger, environment);
  if (!result.done) throw new Error("a slow pattern was not answered");
  return result.hits.map(({ rule: hit, error }) => [hit.rule.name, error]);
}

/** What matching has to find, by judging each rule on its own. */
function hitsOneByOne(rules: readonly RuleDefinition[], trigger: TriggerView): (string | null)[][] {
  const of = (type: RuleDefinition["type"]) =>
    rules
      .filter((each) => each.type === type)
      .map((each) => {
        const result = explain(compileRule(each), trigger, environment);
        if (!result.done) throw new Error("a slow pattern was not answered");
        return { name: each.name, ...result.explanation };
      })
      .filter(({ matched, error }) => matched || error !== null)
      .map(({ name, error }) => [name, error]);
  const standard = of("standard");
  return standard.some(([, error]) => error === null) ? standard : [...standard, ...of("backstop")];
}

const texts = ["/srv/app-1/etc/a.conf", "/srv/app-2/etc/b.yml", "/SRV/APP-1/x", "app-1", "ſrv", "", "a\n"];
const values = fc.oneof(
  fc.constantFrom<unknown>(...texts),
  fc.constantFrom<unknown>(0, 1, 2.5, -0, true, false, null, ["app-1"], { "app-1": 1 }),
  // Names that mean something to the engine itself.
  fc.constantFrom<unknown>({ toJSON: 1, value: 2 }, { value: 1 }, { __proto__: null, a: 1 }),
);
const textPatterns = [
  ...texts,
  "/srv/app-1/",
  "/srv/",
  "app-2",
  "APP-1",
  ".conf",
  "ap",
  "*.conf",
  "/srv/app-[12]/*",
];
const regexes = [
  "^/srv/app-1/",
  "/srv/app-(1|2)/.*\\.(conf|ya?ml)$",
  "app-(?:1|2|xyz)",
  "(?i)/srv/app",
  "(app-1/){1,2}etc",
  "(app-9/)?etc",
  "a$",
  "\\bapp\\b",
  "srv(?!x)",
  "(?<=/)etc",
  "[a]pp-1",
  "ſrv",
  "",
];
const criterion: fc.Arbitrary<Criterion> = fc.oneof(
  fc.record({
    type: fc.constantFrom(
      "equals",
      "iequals",
      "contains",
      "icontains",
      "startswith",
      "istartswith",
      "endswith",
    ),
    pattern: fc.constantFrom(...textPatterns),
  }),
  fc.record({
    type: fc.constantFrom("iendswith", "matchwildcard", "neq", "inside", "ncontains"),
    pattern: fc.constantFrom(...textPatterns),
  }),
  fc.record({ type: fc.constantFrom("regex", "matchregex", "iregex"), pattern: fc.constantFrom(...regexes) }),
  fc.record({
    type: fc.constantFrom("equals", "lessthan", "greaterthan", "neq", "startswith"),
    pattern: fc.constantFrom(0, 1, 2.5, true),
  }),
  fc.constant({ type: "exists", pattern: null }),
  fc.record({ type: fc.constantFrom("equals", "startswith"), pattern: fc.constant("{{ trigger.y }}") }),
);
const key = fc.constantFrom(
  ...[
    "trigger.x",
    "trigger.x",
    "trigger.x#2",
    "trigger.y",
    "trigger.deep.z",
    "trigger.list[0]",
    "origin.host",
  ],
  ...["system.limit", "st2kv.system.word", "late"],
);

describe("the index finds what judging every rule finds", () => {
  const drawn = fc.record({
    criteria: fc.array(fc.tuple(key, criterion), { maxLength: 3 }),
    type: fc.constantFrom<RuleDefinition["type"]>("standard", "standard", "standard", "backstop"),
    origins: fc.constantFrom(null, null, { role: "web" }, { role: "db" }),
  });
  const payload = fc.record({ x: values, y: values, deep: fc.record({ z: values }), list: fc.array(values) });

  test("for every operator, value and order of criteria", () => {
    fc.assert(
      fc.property(fc.array(drawn, { maxLength: 60 }), payload, (all, found) => {
        const rules = all.map(({ criteria, ...more }, i) =>
          rule(Object.fromEntries(criteria), { name: `r${i}`, ...more }),
        );
        expect(hits(rules, seen(found))).toEqual(hitsOneByOne(rules, seen(found)));
      }),
      { numRuns: 300 },
    );
  });

  test("for many rules about the same text, one behind the other", () => {
    const about = fc.tuple(fc.constantFrom("web", "db"), criterion, criterion);
    fc.assert(
      fc.property(fc.array(about, { minLength: 30, maxLength: 80 }), payload, (all, found) => {
        const rules = all.map(([role, first, second], i) =>
          rule(
            {
              "origin.labels.role": { type: "equals", pattern: role },
              "trigger.x": first,
              "trigger.x#2": second,
            },
            { name: `r${i}` },
          ),
        );
        expect(hits(rules, seen(found))).toEqual(hitsOneByOne(rules, seen(found)));
      }),
      { numRuns: 100 },
    );
  });
});

test.each([
  ["system.limit", "5"],
  ["st2kv.system.word", "srv"],
])("a key of the datastore can be the first that has to equal something: %s", (name, pattern) => {
  const rules = [rule({ [name]: { type: "equals", pattern } })];
  expect(hits(rules, seen({ x: 1 }))).toEqual([["r", null]]);
});

test("a payload that looks like a value of the engine's own hides nothing from other rules", () => {
  const rules = [
    rule({ "trigger.x": { type: "equals", pattern: "a" } }, { name: "filed" }),
    rule({}, { name: "all" }),
  ];
  expect(hits(rules, seen({ x: { toJSON: 1, value: 2 } }))).toEqual([["all", null]]);
});

test("a text that is too long to be searched is a failure of each pattern, whatever is in it", () => {
  const rules = Array.from({ length: 20 }, (_, n) =>
    rule({ "trigger.x": { type: "regex", pattern: `abc${n}` } }, { name: `r${n}` }),
  );
  const found = hits(rules, seen({ x: "x".repeat(1_000_001) }));
  expect(found).toEqual(
    rules.map(({ name }) => [name, "CRITERIA_REGEX: the value is too long to be searched"]),
  );
  expect(hits(rules, seen({ x: "x".repeat(1_000_000) }))).toEqual([]);
});

describe("what a pattern needs", () => {
  test.each<[string, string[][]]>([
    ["^/srv/app-1/.*", [["/srv/app-1/"]]],
    ["a(b)c", [["abc"]]],
    ["ab+c", [["a"], ["b"], ["c"]]],
    ["ab?c", [["a"], ["c"]]],
    ["x(foo|bar)y", [["x"], ["foo", "bar"], ["y"]]],
    ["x(foo|)y", [["x"], ["y"]]],
    ["(?:foo.|.bar)", [["foo", "bar"]]],
    ["[a]b", [["ab"]]],
    ["[^a]b", [["b"]]],
    ["(?i)abc", []],
    ["(?<!b)ab", [["ab"]]],
    [".*", []],
    // These may ask the slow engine.
    ["abc(?=d)", []],
    ["\\babc", []],
    ["(abc)\\1", []],
  ])("%s", (source, needs) => {
    expect(compilePattern(source).needs).toEqual(needs);
  });

  test("is in every text that it is found in", () => {
    const piece = fc.constantFrom("a", "b", ".", "[ab]", "(a|b)", "(?:ab|ba)", "a?", "b+", "(ab)*", "^", "$");
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 6 }),
        fc.string({ unit: fc.constantFrom("a", "b") }),
        (parts, text) => {
          const pattern = compilePattern(parts.join(""));
          if (!pattern.test(text, false, () => "unknown")) return;
          for (const clause of pattern.needs) expect(clause.some((one) => text.includes(one))).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("an index of texts", () => {
  test("finds each entry one of whose texts is there, and tells which are never looked for", () => {
    const index = new TextIndex([
      { item: "either", clauses: [["alpha", "omega"]] },
      { item: "rare", clauses: [["/srv/"], ["app-7"]] },
      { item: "short", clauses: [["ab"]] },
      { item: "half", clauses: [["abcd", "x"]] },
      { item: "other", clauses: [["/srv/"]] },
    ]);
    expect(index.unfiled).toEqual(["short", "half"]);
    expect(index.find("an omega")).toEqual(["either"]);
    expect(index.find("/srv/app-7/").toSorted()).toEqual(["other", "rare"]);
    expect(index.find("/srv/app-8/")).toEqual(["other"]);
    expect(index.find("")).toEqual([]);
  });

  test("never misses a text of any letters", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: "binary", minLength: 3, maxLength: 6 }), { minLength: 1, maxLength: 20 }),
        fc.nat(),
        fc.string({ unit: "binary" }),
        fc.string({ unit: "binary" }),
        (needed, which, before, after) => {
          const index = new TextIndex(needed.map((text) => ({ item: text, clauses: [[text]] })));
          const wanted = needed[which % needed.length] ?? "";
          expect([...index.find(before + wanted + after), ...index.unfiled]).toContain(wanted);
        },
      ),
    );
  });
});
