import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type RuleTestOptions, ruleTest } from "../../../../hub/cli/rule/rule-test-cli.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly lines: readonly Record<string, unknown>[];
}
async function run(options: RuleTestOptions): Promise<Ran> {
  let out = "";
  let err = "";
  const code = await ruleTest(options, {
    out: async (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    now: () => Date.UTC(2024, 4, 15),
    columns: undefined,
  });
  const json = options.json === true ? out.split("\n").filter((line) => line !== "") : [];
  return { code, out, err, lines: json.map((line) => JSON.parse(line) as Record<string, unknown>) };
}
async function files(contents: Record<string, string>): Promise<string> {
  const folder = await tempFolder();
  for (const [name, content] of Object.entries(contents)) {
    await mkdir(join(folder, name, ".."), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

const rules = `---
name: matching
pack: p
enabled: false
trigger: {type: p.t}
criteria:
  trigger.path: {type: regex, pattern: '^/etc/(?!nginx)'}
  trigger.n: {type: greaterthan, pattern: '{{ trigger.m }}'}
action: {ref: core.local, parameters: {cmd: "echo {{ trigger.path }} {{ st2kv.system.a.b }}"}}
---
name: unknown_operator
pack: p
trigger: {type: p.t}
criteria:
  trigger.path: {type: equlas, pattern: x}
action: {ref: core.noop}
---
name: bad_parameter
pack: p
trigger: {type: p.t}
action: {ref: core.echo, parameters: {message: "{{ trigger.nope }}"}}
---
name: unknown_action
pack: p
trigger: {type: p.t}
action: {ref: nobody.knows}
---
name: other_type
pack: p
trigger: {type: p.u}
action: {ref: core.noop}
---
name: backstop
pack: p
type: {ref: backstop}
trigger: {type: p.t}
action: {ref: core.noop}
`;
const triggers = [
  {
    trigger: "p.t",
    payload: { path: "/etc/hosts", n: 5, m: 3 },
    origin: { agent: "a", labels: { role: "web" } },
  },
  { trigger: "p.t", payload: { path: "/etc/nginx", n: "5", m: 3 } },
];
const ndjson = `${triggers.map((line) => JSON.stringify(line)).join("\n\n")}\n`;

test("every pair of the same trigger type gives one line, in order of triggers and then of rules", async () => {
  const folder = await files({ "rules.yaml": rules, "t.ndjson": ndjson, "keys.json": '{"a.b": "KEY"}' });
  const { code, lines, err } = await run({
    rules: join(folder, "rules.yaml"),
    triggers: join(folder, "t.ndjson"),
    keys: join(folder, "keys.json"),
    json: true,
  });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const names = ["matching", "unknown_operator", "bad_parameter", "unknown_action", "backstop"];
  expect(lines.map(({ rule, line }) => `${rule} ${line}`)).toEqual(
    [1, 3].flatMap((n) => names.map((name) => `p.${name} ${n}`)),
  );
  expect(lines[0]).toEqual({
    rule: "p.matching",
    line: 1,
    matched: true,
    error: null,
    criteria: [
      {
        key: "trigger.path",
        operator: "regex",
        pattern: "^/etc/(?!nginx)",
        value: "/etc/hosts",
        result: true,
      },
      { key: "trigger.n", operator: "greaterthan", pattern: 3, value: 5, result: true },
    ],
    action: { ref: "core.local", parameters: { cmd: "echo /etc/hosts KEY" } },
  });
  expect(lines[1]).toEqual({
    rule: "p.unknown_operator",
    line: 1,
    matched: false,
    error: expect.stringMatching(/^(?:CRITERIA_OPERATOR|PACK_RULE_OPERATOR): /),
    criteria: [],
    action: null,
  });
  expect(lines[2]).toMatchObject({
    matched: true,
    action: null,
    error: expect.stringMatching(/^EXPRESSION_UNDEFINED: /),
  });
  expect(lines[3]).toMatchObject({
    matched: true,
    action: null,
    error: expect.stringMatching(/^ACTION_UNKNOWN: /),
  });
  expect(lines[4]).toMatchObject({
    rule: "p.backstop",
    matched: true,
    action: { ref: "core.noop", parameters: {} },
  });
  // A failure after the first criterion that does not hold does not count.
  expect(lines[5]).toMatchObject({
    matched: false,
    error: null,
    criteria: [{ result: false }, { result: null }],
  });
});

test("numbers come back as they were written", async () => {
  const rule =
    "name: r\npack: p\ntrigger: {type: p.t}\ncriteria: {trigger.f: {type: exists}}\naction: {ref: core.echo, parameters: {message: '{{ trigger.f }} {{ trigger.i }}'}}\n";
  const folder = await files({
    "r.yaml": rule,
    "t.ndjson": '{"trigger": "p.t", "payload": {"f": 1.0, "i": 12345678901234567890}}\n',
  });
  const { out } = await run({
    rules: join(folder, "r.yaml"),
    triggers: join(folder, "t.ndjson"),
    json: true,
  });
  expect(out).toContain('"value":1.0');
  expect(out).toContain('"message":"1.0 12345678901234567890"');
});

test("packs give definitions of actions, and their configuration", async () => {
  const folder = await files({
    "r.yaml":
      "name: r\npack: p\ntrigger: {type: p.t}\naction: {ref: mine.act, parameters: {n: '{{ trigger.n }}', l: ['{{ trigger.n }}']}}\n",
    "t.ndjson": '{"trigger": "p.t", "payload": {"n": 5}}\n',
    "packs/mine/pack.yaml":
      "ref: mine\nname: mine\ndescription: d\nversion: 1.0.0\nauthor: a\nemail: a@b.c\n",
    "packs/mine/config.schema.yaml": "region: {type: string, default: eu}\n",
    "packs/mine/actions/act.yaml":
      "name: act\nrunner_type: noop\nparameters:\n  n: {type: integer}\n  l: {type: array}\n  r: {type: string, default: '{{ config_context.region }}'}\n",
  });
  const { code, lines, err } = await run({
    rules: join(folder, "r.yaml"),
    triggers: join(folder, "t.ndjson"),
    packs: join(folder, "packs"),
    json: true,
  });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(lines[0]).toMatchObject({
    matched: true,
    error: null,
    action: { ref: "mine.act", parameters: { n: 5, l: [5], r: "eu" } },
  });
});

test("a folder of rules is read in order; of a pack only its rules", async () => {
  const rule = (name: string) => `name: ${name}\ntrigger: {type: p.t}\naction: {ref: core.noop}\n`;
  const folder = await files({
    "all/b.yaml": rule("b"),
    "all/a.yml": rule("a"),
    "all/note.txt": "no rule",
    "all/pk/pack.yaml": "ref: pk\n",
    "all/pk/actions/x.yaml": "name: x\n",
    "all/pk/rules/c.yaml": rule("c"),
    "t.ndjson": '{"trigger": "p.t", "payload": {}}\n',
  });
  const { lines } = await run({ rules: join(folder, "all"), triggers: join(folder, "t.ndjson"), json: true });
  expect(lines.map(({ rule: ref }) => ref)).toEqual(["default.a", "default.b", "pk.c"]);
});

test.each([
  ["a missing file of rules", { "t.ndjson": "" }, "FILE_UNREADABLE", "r.yaml"],
  ["a missing file of triggers", { "r.yaml": "" }, "FILE_UNREADABLE", "t.ndjson"],
  [
    "a broken line",
    { "r.yaml": "", "t.ndjson": '{"trigger": "p.t"}\n{"trigger"\n' },
    "JSON_SYNTAX",
    "t.ndjson:2",
  ],
  ["a line that is no trigger", { "r.yaml": "", "t.ndjson": "[]\n" }, "JSON_SYNTAX", "t.ndjson:1"],
])("%s ends with 2 and says where", async (_name, contents, code, where) => {
  const folder = await files(contents);
  const ran = await run({ rules: join(folder, "r.yaml"), triggers: join(folder, "t.ndjson"), json: true });
  expect(ran.code).toBe(2);
  expect(ran.err).toContain(code);
  expect(ran.err).toContain(where);
});

test("wrong flags end with 2", async () => {
  expect(await run({ rules: "x" })).toMatchObject({ code: 2, err: expect.stringContaining("CLI_USAGE") });
});

test("one rule and one trigger, for people", async () => {
  const folder = await files({
    "r.yaml": rules,
    "t.json": JSON.stringify({ id: "01", status: "processed", ...triggers[0] }),
  });
  const { code, out } = await run({ rule: join(folder, "r.yaml"), trigger: join(folder, "t.json") });
  expect(code).toBe(0);
  expect(out).toContain("p.matching matches\n");
  expect(out).toMatch(/trigger\.n +greaterthan +3 +5 +yes/);
  expect(out).toContain('would run core.local\n  cmd: "echo /etc/hosts "\n');
  expect(out).toContain("p.other_type does not match\nerror: TRIGGER_UNKNOWN: the rule waits for 'p.u'");
});

test("one rule and one trigger as JSON", async () => {
  const folder = await files({ "r.yaml": rules, "t.json": JSON.stringify(triggers[0], null, 2) });
  const { lines } = await run({ rule: join(folder, "r.yaml"), trigger: join(folder, "t.json"), json: true });
  expect(lines.map(({ matched }) => matched)).toEqual([true, false, true, true, false, true]);
});

test("a change that is part of a burst is skipped by rules that do not ask for each, and that is said", async () => {
  const rule = (name: string, more: string) =>
    `---\nname: ${name}\npack: p\ntrigger: {type: watch.file_changed}\naction: {ref: core.noop}\n${more}`;
  const folder = await files({
    "rules.yaml": rule("usual", "") + rule("each", "bursts: each\n"),
    "t.json": JSON.stringify({ trigger: "watch.file_changed", payload: { path: "/a", burst: "B1" } }),
  });
  const [rules, trigger] = [join(folder, "rules.yaml"), join(folder, "t.json")];
  const { lines } = await run({ rules, triggers: trigger, json: true });
  expect(lines).toMatchObject([
    { rule: "p.usual", matched: false, error: null, skipped: "part of a burst", action: null },
    { rule: "p.each", matched: true },
  ]);
  expect(lines[1]).not.toHaveProperty("skipped");
  expect((await run({ rule: rules, trigger })).out).toMatch(
    /^p\.usual does not match\nskipped: part of a burst\np\.each matches\n/,
  );
});
