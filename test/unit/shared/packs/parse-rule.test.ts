/** Files of many rules: each document by itself, named as far as it can be read. */
import { describe, expect, test } from "vitest";
import { packOfRuleFile, parseRuleDocuments } from "../../../../shared/packs/parse-rule.ts";

const rule = (name: string, more = "") =>
  `---\nname: ${name}\ntrigger:\n  type: core.st2.sensor.process_exit\naction:\n  ref: core.noop\n${more}`;

describe("a file of rules", () => {
  test("gives one rule a document, and leaves empty documents out", () => {
    const { documents } = parseRuleDocuments(`${rule("a")}---\n# nothing\n${rule("b")}---\n`, "rules.yaml");
    expect(documents.map(({ ref }) => ref)).toEqual(["default.a", "default.b"]);
    expect(documents.every((document) => document.rule !== null)).toBe(true);
  });

  test("a wrong rule keeps its name and trigger type, and harms no other", () => {
    const text = `${rule("a")}${rule("bad", "enabled: maybe\n")}${rule("c")}`;
    const { documents } = parseRuleDocuments(text, "rules.yaml");
    expect(documents.map((document) => document.rule?.name ?? null)).toEqual(["a", null, "c"]);
    expect(documents[1]).toMatchObject({
      ref: "default.bad",
      triggerType: "core.st2.sensor.process_exit",
      problems: [{ code: "RULE_INVALID", where: "rules.yaml:13 (enabled)" }],
    });
  });

  test("a document that does not parse has no name, and harms no other", () => {
    const { documents } = parseRuleDocuments(`${rule("a")}---\nname: [b\n${rule("c")}`, "rules.yaml");
    expect(documents.map(({ ref }) => ref)).toEqual(["default.a", null, "default.c"]);
    expect(documents[1]?.problems).toMatchObject([{ code: "YAML_SYNTAX" }]);
  });

  test("a rule that is no map is told", () => {
    const { documents } = parseRuleDocuments("- a\n", "rules.yaml");
    expect(documents).toMatchObject([{ rule: null, ref: null, problems: [{ code: "RULE_INVALID" }] }]);
  });

  test("a rule may ask for each change of a burst; where no bursts come, that is a warning", () => {
    const of = (type: string, bursts: string) =>
      parseRuleDocuments(
        rule("a", `bursts: ${bursts}\n`).replace("core.st2.sensor.process_exit", type),
        "rules.yaml",
      ).documents[0];
    expect(of("watch.file_changed", "each")).toMatchObject({ rule: { bursts: "each" }, problems: [] });
    expect(of("watch.file_changed", "skip")?.rule).not.toHaveProperty("bursts");
    expect(of("watch.file_changed", "some")).toMatchObject({
      rule: null,
      problems: [{ code: "RULE_INVALID", where: "rules.yaml:7 (bursts)" }],
    });
    expect(of("watch.burst", "each")).toMatchObject({
      rule: { bursts: "each" },
      problems: [{ severity: "warning", message: "only triggers of type watch.file_changed come in bursts" }],
    });
  });

  test("a rule may have a throttle, with seconds or words of time", () => {
    const of = (throttle: string) =>
      parseRuleDocuments(rule("a", `throttle: ${throttle}\n`), "rules.yaml").documents[0];
    expect(of("{every: 5m}")).toMatchObject({
      rule: { throttle: { every: 300, max: 1, collect: 20 } },
      problems: [],
    });
    expect(of('{every: 1.5, max: 0, collect: 5, key: "{{ origin.agent }}"}')?.rule?.throttle).toEqual({
      every: 1.5,
      max: 0,
      collect: 5,
      key: "{{ origin.agent }}",
    });
    expect(of("{every: 1d, key: [origin.agent, trigger.path]}")?.rule?.throttle).toMatchObject({
      every: 86_400,
      key: ["origin.agent", "trigger.path"],
    });
  });

  test.each([
    ["5m", "throttle", "RULE_INVALID", "'throttle' must be a map; it is the string \"5m\""],
    ["{}", "throttle", "RULE_INVALID", "'every' is missing"],
    ["{every: soon}", "throttle.every", "RULE_INVALID", "'every' may not be \"soon\""],
    ["{every: 0.5}", "throttle.every", "RULE_INVALID", "'every' may not be 0.5"],
    ["{every: 2w}", "throttle.every", "RULE_INVALID", "'every' may not be \"2w\""],
    ["{every: 1m, max: -1}", "throttle.max", "RULE_INVALID", "'max' must be >= 0; it is -1"],
    ["{every: 1m, collect: 101}", "throttle.collect", "RULE_INVALID", "'collect' must be <= 100; it is 101"],
    ["{every: 1m, per: host}", "throttle.per", "RULE_INVALID", "unknown field 'per'"],
    [
      "{every: 1m, key: []}",
      "throttle.key",
      "RULE_INVALID",
      "'key' must NOT have fewer than 1 items; it is []",
    ],
    ["{every: 1m, key: [host]}", "throttle.key", "RULE_INVALID", "the field 'host' finds nothing"],
    ["{every: 1m, key: ['trigger.[']}", "throttle.key", "CRITERIA_KEY", /./],
    ["{every: 1m, key: '{{ trigger.'}", "throttle.key", "EXPRESSION_SYNTAX", /./],
    [
      "{every: 1m, key: '{{ st2kv.system.a | decrypt_kv }}'}",
      "throttle.key",
      "RULE_INVALID",
      "a key is shown to everybody, and may open no secret",
    ],
  ])("a throttle of %s is refused", (throttle, place, code, message) => {
    const text = rule("a", `throttle: ${throttle}\n`);
    const [document] = parseRuleDocuments(text, "rules.yaml").documents;
    expect(document?.rule).toBeNull();
    expect(document?.problems).toMatchObject([
      {
        code,
        where: `rules.yaml:7 (${place})`,
        message: typeof message === "string" ? message : expect.stringMatching(message),
        hint: expect.stringMatching(/./),
      },
    ]);
  });

  test("JSON is read too", () => {
    const json = JSON.stringify({ name: "j", trigger: { type: "a.b" }, action: { ref: "c.d" } });
    expect(parseRuleDocuments(json, "rule.json").documents).toMatchObject([
      { ref: "default.j", triggerType: "a.b" },
    ]);
  });

  test("a rule may name its pack", () => {
    const { documents } = parseRuleDocuments(rule("a", "pack: mine\n"), "rules.yaml");
    expect(documents).toMatchObject([{ ref: "mine.a", rule: { ref: "mine.a", pack: "mine" } }]);
  });

  test("a text that is too large is refused as a whole", () => {
    const { documents, problems } = parseRuleDocuments("a".repeat(33 * 1024 * 1024), "rules.yaml");
    expect(documents).toEqual([]);
    expect(problems).toMatchObject([{ code: "YAML_TOO_LARGE" }]);
  });
});

describe("what a rule does not say", () => {
  const [document] = parseRuleDocuments(rule("a"), "rules.yaml").documents;
  test("is StackStorm's default, and ours for our own fields", () => {
    expect(document?.rule).toEqual({
      ref: "default.a",
      pack: "default",
      name: "a",
      description: "",
      enabled: false,
      type: "standard",
      trigger: { type: "core.st2.sensor.process_exit", parameters: {} },
      criteria: {},
      action: { ref: "core.noop", parameters: {} },
      mode: "live",
      expires: 3600,
      origins: null,
      tags: [],
    });
  });
});

describe("targets", () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ["origin", "origin"],
    ["hub", "hub"],
    ["{host: web1}", { host: "web1" }],
    ["{host: '{{ trigger.host }}'}", { host: "{{ trigger.host }}" }],
    ["{labels: {role: web}}", { labels: { role: "web" } }],
    ["{labels: {role: web}, mode: any, limit: 3}", { labels: { role: "web" }, mode: "any", limit: 3 }],
  ];
  test.for(rows)("%s", ([text, target]) => {
    const [document] = parseRuleDocuments(rule("a", `  target: ${text}\n`), "rules.yaml").documents;
    expect(document?.problems).toEqual([]);
    expect(document?.rule?.action.target).toEqual(target);
  });
});

test.for([
  ["packs/mine/rules/a.yaml", "mine"],
  ["/srv/My-Pack/rules/a.yaml", "default"],
  ["rules/a.yaml", "default"],
  ["a.yaml", "default"],
] as const)("a rule in %s belongs to %s unless it says otherwise", ([file, pack]) => {
  expect(packOfRuleFile(file)).toBe(pack);
});
