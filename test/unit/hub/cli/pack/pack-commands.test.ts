/** `pack check` and `pack create`, as a person or a program sees them. */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { packCheck } from "../../../../../hub/cli/pack/pack-check-cli.ts";
import { packCreate } from "../../../../../hub/cli/pack/pack-create-cli.ts";
import { skeletonLanguages } from "../../../../../shared/packs/skeleton-fs.ts";
import { tempFolder } from "../../../../support/temp-folder.ts";

const run = promisify(execFile);

function recorder() {
  const stdout: string[] = [];
  const stderr: string[] = [];
  return {
    stdout,
    stderr,
    output: {
      stdout: (line: string) => void stdout.push(line),
      stderr: (line: string) => void stderr.push(line),
    },
  };
}

describe("pack create", () => {
  test.for(skeletonLanguages)(
    "makes a %s pack under its own name that passes pack check",
    async (language) => {
      const dir = join(await tempFolder(), "packs");
      const create = recorder();
      expect(await packCreate({ name: "my_first", language, dir }, create.output)).toBe(0);
      expect(create.stdout.join("\n")).toContain("petrel pack check");
      expect(await readdir(dir)).toEqual(["my_first"]);

      const check = recorder();
      expect(await packCheck({ dir: join(dir, "my_first") }, check.output)).toBe(0);
      expect(check.stdout).toEqual([
        "my_first 0.1.0: 1 sensor, 1 trigger type, 1 action, 1 rule: 0 errors, 0 warnings",
      ]);
      const files = await readdir(join(dir, "my_first"), { recursive: true, withFileTypes: true });
      for (const file of files.filter((entry) => entry.isFile())) {
        const path = join(file.parentPath, file.name);
        expect(path + (await readFile(path, "utf8")), path).not.toContain("new_pack");
      }
    },
  );

  const tests = {
    ts: [process.execPath, "--test", "tests/my_first.test.ts"],
    python: ["python3", "-B", "-m", "unittest", "discover", "tests"],
    exec: ["sh", "tests/test.sh"],
  } as const;
  test.for(skeletonLanguages)("makes a %s pack whose own tests pass", async (language) => {
    const dir = await tempFolder();
    await packCreate({ name: "my_first", language, dir }, recorder().output);
    const [command, ...words] = tests[language];
    // The test runner around us must not be taken for the pack's.
    const env = { PATH: process.env.PATH };
    const { stdout, stderr } = await run(command, words, { cwd: join(dir, "my_first"), env });
    expect(stdout + stderr).toMatch(/ok|OK|pass/);
  });

  test("leaves what is there alone", async () => {
    const dir = await tempFolder();
    await mkdir(join(dir, "taken"));
    await writeFile(join(dir, "taken", "precious"), "x");
    const { output, stderr } = recorder();
    expect(await packCreate({ name: "taken", language: "ts", dir }, output)).toBe(1);
    expect(stderr.join("\n")).toMatch(/^ALREADY_EXISTS: .*taken exists already/);
    expect(await readdir(dir, { recursive: true })).toEqual(["taken", "taken/precious"]);
  });

  test.for([
    ["a name that is none", { name: "My-Pack", language: "ts" }, "PACK_REF"],
    ["a name that leads elsewhere", { name: "../up", language: "ts" }, "PACK_REF"],
    ["a language that is none", { name: "fine", language: "pyton" }, "CLI_USAGE"],
  ] as const)("refuses %s", async ([, options, code]) => {
    const dir = await tempFolder();
    const { output, stderr } = recorder();
    expect(await packCreate({ ...options, dir, json: true }, output)).toBe(2);
    expect(JSON.parse(stderr[0] ?? "")).toMatchObject({ error: { code } });
    expect(await readdir(dir)).toEqual([]);
  });
});

describe("pack check", () => {
  const invalid = join(import.meta.dirname, "../../../../fixtures/packs/invalid/rule_references");

  test("tells each error in three lines, and how many there are", async () => {
    const { output, stdout } = recorder();
    expect(await packCheck({ dir: invalid }, output)).toBe(2);
    expect(stdout[0]).toBe(
      [
        "RULE_TRIGGER_UNKNOWN: this pack has no trigger type rule_references.change_file",
        `  where: ${invalid}/rules/wrong.yaml:4 (trigger.type)`,
        "  fix:   write 'rule_references.changed_file'",
      ].join("\n"),
    );
    expect(stdout.at(-1)).toBe(`${invalid}: 2 errors, 0 warnings`);
  });

  test("says the same to programs", async () => {
    const { output, stdout, stderr } = recorder();
    expect(await packCheck({ dir: invalid, json: true }, output)).toBe(2);
    expect(stderr).toEqual([]);
    expect(JSON.parse(stdout.join(""))).toMatchObject({
      ok: false,
      pack: null,
      digest: null,
      problems: [
        { code: "RULE_TRIGGER_UNKNOWN", severity: "error", fix: "write 'rule_references.changed_file'" },
        { code: "RULE_ACTION_UNKNOWN" },
      ],
    });
  });

  test("of a folder that is no pack says so on stderr", async () => {
    const { output, stdout, stderr } = recorder();
    expect(await packCheck({ dir: await tempFolder() }, output)).toBe(2);
    expect(stdout).toEqual([]);
    expect(stderr[0]).toMatch(/^PACK_INVALID: .* has no pack\.yaml/);
  });

  test("shows no control characters of a stranger's pack", async () => {
    const dir = await tempFolder();
    await writeFile(
      join(dir, "pack.yaml"),
      'name: "\\e[2Jx"\ndescription: d\nversion: 1.0.0\nauthor: a\n"de\\escription": x\n',
    );
    const { output, stdout } = recorder();
    await packCheck({ dir }, output);
    expect(stdout.join("\n")).not.toContain("\u001b");
    expect(stdout.join("\n")).toContain("\\u001b");
  });
});
