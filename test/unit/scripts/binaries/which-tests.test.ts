/** Which tests are run against the binaries: what a test imports says so. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { choices } from "../../../binaries/which-tests-fs.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

const files: Readonly<Record<string, string>> = {
  "test/support/command-path.ts": "",
  "test/support/fleet.ts": 'import { commandPath } from "./command-path.ts";\n',
  "test/integration/direct.test.ts": 'import {\n  commandPath,\n} from "../support/command-path.ts";\n',
  "test/fault/kills.test.ts": 'import { createHub } from "../support/fleet.ts";\n',
  "test/fault/older.test.ts":
    '/**\n * Two versions.\n * Not with the binaries: it is a checkout.\n */\nimport { createHub } from "../support/fleet.ts";\n',
  "test/contract/pure.test.ts": 'const text = `import { gone } from "./gone.ts"`;\n',
  "test/contract/own.test.ts": 'const program = "../fixtures/programs/writer-main.ts";\n',
};

test("those that reach the commands are run, the others are left out or named with their reason", async () => {
  const root = await tempFolder("suite");
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  expect(choices(root)).toEqual([
    {
      path: "test/contract/own.test.ts",
      reason: "starts writer-main.ts: a test's own, made of modules",
    },
    { path: "test/fault/kills.test.ts", reason: null },
    { path: "test/fault/older.test.ts", reason: "it is a checkout" },
    { path: "test/integration/direct.test.ts", reason: null },
  ]);
});
