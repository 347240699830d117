import { expect, test } from "vitest";
import { codeDigest } from "../../../../agent/packs/code-digest.ts";

const file = (path: string, text = "x", mode = 0o644) => ({ path, mode, content: Buffer.from(text) });
const before = [file("pack.yaml"), file("sensors/a.py"), file("lib/b.py")];

test.each([
  ["a sensor's code", file("sensors/a.py", "y")],
  ["a sensor's executable bit", file("sensors/a.py", "x", 0o755)],
  ["a module in lib", file("lib/b.py", "y")],
  ["a new module beside a sensor", file("sensors/deep/c.ts")],
  ["code beside actions, which a sensor may share", file("actions/lib/d.py")],
  ["data at the top", file("hosts.json")],
  ["the dependencies", file("requirements.txt")],
])("changes with %s", (_, changed) => {
  const after = [...before.filter(({ path }) => path !== changed.path), changed];
  expect(codeDigest(after)).not.toBe(codeDigest(before));
});

test.each([
  ["the manifest", file("pack.yaml", "version: 2")],
  ["a sensor's metadata, which is compared by itself", file("sensors/a.yaml")],
  ["an action's metadata", file("actions/e.yaml")],
  ["a rule", file("rules/r.yaml")],
  ["the schema of the configuration", file("config.schema.yaml")],
  ["the texts for people", file("README.md")],
  ["a test", file("tests/test_a.py")],
])("stays with %s", (_, changed) => {
  const after = [...before.filter(({ path }) => path !== changed.path), changed];
  expect(codeDigest(after)).toBe(codeDigest(before));
});

test("does not depend on the order of files", () => {
  expect(codeDigest(before.toReversed())).toBe(codeDigest(before));
});
