/** Packs on disk, valid and invalid, against what is said about them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parsePack } from "../../../../shared/packs/parse-pack.ts";
import { readPackFolder } from "../../../../shared/packs/read-pack-fs.ts";
import { formatProblem } from "../../../../shared/problem.ts";

const fixtures = join(import.meta.dirname, "../../../fixtures/packs");
const root = join(import.meta.dirname, "../../../..");

async function parseFixture(kind: string, name: string) {
  return parsePack(await readPackFolder(join(fixtures, kind, name)), { folder: name });
}

function expected(kind: string, name: string): string {
  return readFileSync(join(fixtures, kind, name, "expected.txt"), "utf8").trim();
}

describe("every error of an invalid pack is told at once, with file, line and fix", () => {
  test.for(readdirSync(join(fixtures, "invalid")))("%s", async (name) => {
    const { pack, problems } = await parseFixture("invalid", name);
    expect(problems.map(formatProblem).join("\n")).toBe(expected("invalid", name));
    expect(pack).toBeNull();
  });
});

test("operators, patterns, keys and templates of rules are told at their lines, beside all else", async () => {
  const { pack, problems } = await parseFixture("meaningless", "rule_meaning");
  expect(pack).toBeNull();
  const [operators, templates] = ["rule_meaning/rules/operators.yaml", "rule_meaning/rules/templates.yaml"];
  // How they are worded is a matter of shared/rules.
  expect(problems.map(({ code, where }) => `${code} ${where}`)).toEqual([
    `RULE_INVALID ${operators}:26 (action.ref)`,
    `CRITERIA_OPERATOR ${operators}:7 (criteria.trigger.body.path.type)`,
    `CRITERIA_OPERATOR ${operators}:10 (criteria.trigger.body.name.type)`,
    `CRITERIA_REGEX ${operators}:14 (criteria.trigger.body.text.pattern)`,
    `CRITERIA_OPERATOR ${operators}:20 (criteria.trigger.body.list.pattern.item.name.type)`,
    `CRITERIA_KEY ${operators}:22 (criteria.trigger.body[)`,
    `RULE_INVALID ${templates}:3 (enabled)`,
    `EXPRESSION_SYNTAX ${templates}:9 (criteria.trigger.body.size.pattern)`,
    `EXPRESSION_SYNTAX ${templates}:13 (action.parameters.cmd)`,
    `EXPRESSION_SYNTAX ${templates}:15 (action.parameters.env.PATH)`,
    `EXPRESSION_SYNTAX ${templates}:16 (action.parameters.env.LIST.1)`,
  ]);
});

describe("a pack that StackStorm would take is taken, with warnings where Petrel differs", () => {
  test.for(readdirSync(join(fixtures, "valid")))("%s", async (name) => {
    const { pack, problems } = await parseFixture("valid", name);
    expect(problems.map(formatProblem).join("\n")).toBe(expected("valid", name));
    expect(pack).not.toBeNull();
  });

  test("a pack of 2016 means what it meant", async () => {
    const { pack } = await parseFixture("valid", "legacy_2016");
    expect(pack?.manifest).toMatchObject({ ref: "legacy_2016", version: "0.1.0" });
    expect(pack?.sensors).toMatchObject([
      {
        ref: "legacy_2016.DirectorySensor",
        poll_interval: 30,
        enabled: true,
        language: "python",
        trigger_types: ["legacy_2016.changed_file"],
      },
    ]);
    const runners = Object.fromEntries(pack?.actions.map((a) => [a.name, a.runner_type]) ?? []);
    expect(runners).toEqual({
      chained: "action-chain",
      fetch: "http-request",
      flow: "orquesta",
      local: "local-shell-cmd",
      output_context: "python-script",
      script: "local-shell-script",
    });
    expect(pack?.rules).toMatchObject([{ ref: "legacy_2016.on_change", enabled: false, criteria: {} }]);
    expect(pack?.legacy_config).toEqual({
      sensor: { directories: ["/opt/example"] },
      log: "/tmp/example.log",
    });
  });

  test("every field reaches the definitions", async () => {
    const { pack } = await parseFixture("valid", "every_field");
    expect(pack).toMatchObject({
      manifest: {
        ref: "every_field",
        name: "Every field",
        version: "1.0.0-rc.1+build.5",
        python_versions: ["2", "3"],
      },
      trigger_types: [
        { ref: "every_field.seen", payload_validation: "drop", parameters_schema: { type: "object" } },
      ],
      sensors: [{ class_name: "Passive", enabled: false, poll_interval: null, language: "node" }],
      actions: [{ ref: "every_field.note", enabled: false, idempotent: true, entry_point: "lib/note.ts" }],
      rules: [
        {
          enabled: true,
          type: "backstop",
          mode: "shadow",
          expires: 60,
          origins: { stage: "canary" },
          action: { target: { labels: { role: "web" }, mode: "any", limit: 2 } },
        },
      ],
    });
    expect(pack?.trigger_types).toHaveLength(1);
    expect(Object.entries(pack?.rules[0]?.criteria ?? {})).toEqual([
      ["trigger.what", { type: "startswith", pattern: "/etc" }],
      ["trigger.what#2", { type: "nexists", pattern: null }],
    ]);
  });
});

describe("the packs that come with Petrel", () => {
  const folders = ["core", "mypack", "mypack_python", "skeletons/ts", "skeletons/python", "skeletons/exec"];
  test.for(folders)("packs/%s has nothing to complain about", async (folder) => {
    const { pack, problems } = parsePack(await readPackFolder(join(root, "packs", folder)), { folder });
    expect(problems).toEqual([]);
    expect(pack?.manifest.ref).toBe(folder.startsWith("skeletons") ? "new_pack" : folder);
    expect(readFileSync(join(root, "packs", folder, "README.md"), "utf8")).not.toBe("");
  });

  test("the types for pack authors are the same in each TypeScript pack", () => {
    const types = (pack: string) => readFileSync(join(root, "packs", pack, "types/petrel.d.ts"), "utf8");
    expect(types("mypack")).toBe(types("skeletons/ts"));
  });
});

describe("the pack's ref", () => {
  const manifest = (fields: string) => ({
    path: "pack.yaml",
    mode: 0o644,
    content: Buffer.from(`${fields}\ndescription: d\nversion: 1.0.0\nauthor: a\n`),
  });
  const rows: readonly (readonly [string, string, string | undefined, string | null])[] = [
    ["ref comes first", "ref: one\nname: two", "/srv/three", "one"],
    ["then the name, as when StackStorm installs a pack", "name: two", "/srv/three/", "two"],
    ["the folder, when the name is no pack name", "name: Two Two", "/srv/three/", "three"],
    ["no folder need be known", "name: two", undefined, "two"],
    ["nothing usable", "name: Two Two", "/srv/Three-3", null],
  ];
  test.for(rows)("%s", ([, fields, folder, ref]) => {
    const { pack, problems } = parsePack([manifest(fields)], { folder });
    expect(pack?.manifest.ref ?? null).toBe(ref);
    expect(problems.map(({ code }) => code)).toEqual(ref === null ? ["PACK_REF"] : []);
  });

  test.for([
    [
      "actions/a.yaml",
      "name: a\nrunner_type: noop\nparameters:\n  one:\n  two: {type: string, position: 0}\n",
      "4",
    ],
    ["config.schema.yaml", "two: {type: string}\none:\n", "2"],
  ] as const)("a parameter of %s without a schema is told of with its line", ([path, text, line]) => {
    const manifest = "ref: p\nname: p\ndescription: d\nversion: 1.0.0\nauthor: a\nemail: a@b.example\n";
    const files = { "pack.yaml": manifest, [path]: text };
    const { pack, problems } = parsePack(
      Object.entries(files).map(([path, content]) => ({ path, mode: 0o644, content: Buffer.from(content) })),
      { folder: "p" },
    );
    expect(pack).toBeNull();
    expect(problems).toMatchObject([
      {
        code: "PACK_PARAMETER",
        severity: "error",
        message: "'one' has no schema",
        where: expect.stringContaining(`${path}:${line} `),
      },
    ]);
  });

  test("files without a manifest are no pack", () => {
    expect(parsePack([])).toMatchObject({ pack: null, problems: [{ code: "PACK_INVALID" }] });
  });

  test("a file that is not UTF-8 is told, not guessed at", () => {
    const latin1 = { path: "rules/a.yaml", mode: 0o644, content: Buffer.from([0x6e, 0xe9]) };
    const { problems } = parsePack([manifest("name: two"), latin1]);
    expect(problems).toMatchObject([{ code: "YAML_SYNTAX", where: "rules/a.yaml:1" }]);
  });
});
