/** Source positions, several documents, limits: what the PyYAML table cannot show. */
import { describe, expect, test } from "vitest";
import { fileLimits, readYaml, yamlLimits } from "../../../../shared/yaml/read-yaml.ts";

const rule = `---
name: alert
criteria:
  trigger.path:
    type: startwith
    pattern: /etc

action:
  ref: core.echo
  parameters: {message: "{{ trigger.path }}"}
tags:
  - one
  - two: 2
`;

describe("positions", () => {
  const [document] = readYaml(rule, "rules/alert.yaml").documents;
  const places: readonly (readonly [readonly (string | number)[], string])[] = [
    [[], "rules/alert.yaml:2"],
    [["name"], "rules/alert.yaml:2 (name)"],
    [["criteria", "trigger.path", "type"], "rules/alert.yaml:5 (criteria.trigger.path.type)"],
    [["action", "parameters", "message"], "rules/alert.yaml:10 (action.parameters.message)"],
    [["tags", 1, "two"], "rules/alert.yaml:13 (tags.1.two)"],
    [["action", "target"], "rules/alert.yaml:8 (action.target)"],
  ];
  test.for(places)("%j is at %s", ([path, where]) => {
    expect(document?.at(path)).toBe(where);
  });

  test("a merged key is found where it was written", () => {
    const [merged] = readYaml("base: &b\n  x: 1\nover:\n  <<: *b\n  y: 2\n", "f.yaml").documents;
    expect(merged?.at(["over", "x"])).toBe("f.yaml:2 (over.x)");
    expect(merged?.at(["over", "y"])).toBe("f.yaml:5 (over.y)");
  });

  test("of a duplicate key the last one counts, in value and in position", () => {
    const [twice] = readYaml("a: 1\nb: 2\na: 3\n", "f.yaml").documents;
    expect(twice?.value).toEqual({ a: 3, b: 2 });
    expect(twice?.at(["a"])).toBe("f.yaml:3 (a)");
    expect(twice?.problems).toMatchObject([
      { severity: "warning", where: "f.yaml:3", message: expect.stringContaining("first in line 1") },
    ]);
  });

  test("a merged key, and the same key in another map, are no duplicates", () => {
    const text = "base: &b\n  x: 1\nover:\n  <<: *b\n  x: 2\n";
    expect(readYaml(text, "f.yaml").documents.flatMap(({ problems }) => problems)).toEqual([]);
  });
});

describe("several documents", () => {
  test("one that does not parse leaves the others readable", () => {
    const reading = readYaml("a: 1\n---\nb: [1, 2\n---\nc: 3\n", "f.yaml");
    expect(reading.documents.map(({ value }) => value)).toEqual([{ a: 1 }, null, { c: 3 }]);
    expect(reading.documents.map(({ problems }) => problems.length)).toEqual([0, 1, 0]);
    expect(reading.problems[0]?.code).toBe("YAML_SYNTAX");
    expect(reading.problems[0]?.where).toMatch(/^f\.yaml:[34]$/);
  });

  test("an empty file holds no document", () => {
    expect(readYaml("", "f.yaml").documents).toEqual([]);
    expect(readYaml("# nothing\n", "f.yaml").documents).toEqual([]);
  });
});

describe("what is refused says where and how to mend it", () => {
  const rows: readonly (readonly [string, string, string, RegExp, RegExp])[] = [
    ["tab", "a:\n\tb: 1\n", "f.yaml:2", /[Tt]ab/, /spaces/],
    ["colon in a value", "a: 1\nb: c: d\n", "f.yaml:2", /[Nn]ested mappings/, /quotes/],
    ["unquoted template", "a: 1\nb: {{ trigger.x }}\n", "f.yaml:2", /cannot be a key/, /quote a template/],
    ["python tag", "a: !!python/name:os.system\n", "f.yaml:1", /python\/name:os\.system/, /remove the tag/],
    ["infinity", "a: 1\nb: .inf\n", "f.yaml:2", /no place in JSON/, /finite/],
    ["control character", "a: 1\nb: \u0007\n", "f.yaml:2", /U\+0007/, /remove it/],
    ["unknown alias", "a: *x\n", "f.yaml:1", /no anchor &x/, /define it/],
  ];
  test.for(rows)("%s", ([, text, where, message, hint]) => {
    const { problems } = readYaml(text, "f.yaml");
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ code: "YAML_SYNTAX", severity: "error", where });
    expect(problems[0]?.message).toMatch(message);
    expect(problems[0]?.hint).toMatch(hint);
  });

  test("a number too large to be exact is read with a warning", () => {
    const reading = readYaml("id: 12345678901234567890\n", "f.yaml");
    expect(reading.documents[0]?.value).toEqual({ id: Number("12345678901234567890") });
    expect(reading.problems).toMatchObject([{ severity: "warning", where: "f.yaml:1" }]);
  });

  test("a key that YAML 1.1 takes for a boolean is read with a warning", () => {
    const reading = readYaml("on: push\n", "f.yaml");
    expect(reading.documents[0]?.value).toEqual({ true: "push" });
    expect(reading.problems).toMatchObject([{ severity: "warning", where: "f.yaml:1" }]);
    expect(reading.problems[0]?.message).toMatch(/boolean true/);
  });
});

describe("limits", () => {
  test("aliases that would write out millions of values are refused", () => {
    const levels = "bcdefghi".split("");
    let text = `a: &a [${"x,".repeat(9)}x]\n`;
    let above = "a";
    for (const level of levels) {
      text += `${level}: &${level} [${`*${above},`.repeat(9)}*${above}]\n`;
      above = level;
    }
    expect(readYaml(text, "f.yaml").problems).toMatchObject([{ code: "YAML_TOO_LARGE", severity: "error" }]);
  });

  test("ten thousand nested brackets are refused, not a crash", () => {
    const { problems } = readYaml("[".repeat(10_000) + "]".repeat(10_000), "f.yaml");
    expect(problems).toMatchObject([{ code: "YAML_TOO_LARGE" }]);
  });

  const brackets: readonly (readonly [string, string, string])[] = [
    ["lists", "a: 1\nb: [", "["],
    ["maps", "a: 1\nb: {", '{"a":'],
    ["both", "a: 1\nb: [", '{"a":['],
    ["items on a line", "a: 1\n", "- "],
    ["complex keys on a line", "a: 1\n", "? "],
  ];
  test.for(brackets)("a megabyte of open %s is refused where it gets too deep", ([, before, open]) => {
    const text = before + open.repeat(Math.floor(1_000_000 / open.length));
    const { problems, documents } = readYaml(text, "f.yaml", fileLimits);
    expect(documents).toEqual([]);
    expect(problems).toEqual([
      {
        code: "YAML_TOO_LARGE",
        severity: "error",
        message: "nested deeper than 64 levels",
        where: "f.yaml:2",
        hint: "flatten it",
      },
    ]);
  });

  test.for([
    ["in brackets", "[".repeat(65) + "]".repeat(65)],
    ["in text", `a: "${"[".repeat(100)}"\nb: |\n  ${"- [ {".repeat(100)}\nc: x[[[${"[".repeat(100)}\n`],
    ["line by line", "- [[1, 2], {a: [1]}]\n".repeat(100)],
    ["in documents", `--- [${"[".repeat(60)}${"]".repeat(60)}]\n`.repeat(5)],
  ] as const)("nesting that is within the limit, or none, is read: %s", ([, text]) => {
    expect(readYaml(text, "f.yaml").problems).toEqual([]);
  });

  test("more words and signs than are allowed are refused with the line of the first too many", () => {
    const text = "a: 1\n".repeat(10);
    const { problems } = readYaml(text, "f.yaml", { ...yamlLimits, tokens: 30 });
    expect(problems).toMatchObject([{ code: "YAML_TOO_LARGE", where: "f.yaml:5" }]);
  });

  test("rubbish without end is told of a few times", () => {
    for (const rubbish of ["]", "[] ", "{{ x }} ", "*a ", "a: b: c\n"]) {
      const { problems, documents } = readYaml(`a: ${rubbish.repeat(10_000)}`, "f.yaml");
      expect(problems.length).toBeGreaterThan(0);
      expect(problems.length).toBeLessThan(11);
      expect(problems.every(({ severity }) => severity === "error")).toBe(true);
      expect(documents.every(({ value }) => value === null)).toBe(true);
    }
  });

  test("errors made after a text was read still say where", () => {
    readYaml("[".repeat(100), "f.yaml");
    expect(new Error("x").stack).toContain("read-yaml.test.ts");
  });

  test("a document nested deeper than the limit is refused with its line", () => {
    const { problems } = readYaml("a:\n b:\n  c:\n   d: 1\n", "f.yaml", { ...yamlLimits, depth: 2 });
    expect(problems).toMatchObject([{ code: "YAML_TOO_LARGE", where: "f.yaml:3" }]);
  });

  test("a text longer than the limit is not parsed", () => {
    const { problems, documents } = readYaml("a: 1\n".repeat(10), "f.yaml", { ...yamlLimits, length: 20 });
    expect(documents).toEqual([]);
    expect(problems).toMatchObject([{ code: "YAML_TOO_LARGE" }]);
  });

  test("a key named __proto__ is an ordinary key", () => {
    const [document] = readYaml('"__proto__": {polluted: yes}\n', "f.yaml").documents;
    expect(Object.keys(document?.value ?? {})).toEqual(["__proto__"]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
