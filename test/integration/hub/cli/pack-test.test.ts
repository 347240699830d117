/** `pack test`: a pack's own tests, written as StackStorm's packs have them, for Node, and for sh. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { readTap, testSuites } from "../../../../hub/cli/pack/test-suite.ts";
import { pathWithout } from "../../../support/path-without.ts";
import { runPetrel } from "../../../support/run-petrel.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

async function packWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await tempFolder("pack");
  const manifest = "name: p\ndescription: d\nversion: 1.0.0\nauthor: a\n";
  for (const [path, text] of Object.entries({ "pack.yaml": manifest, ...files })) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

const run = async (folder: string, ...more: readonly string[]) => {
  const { code, stdout, stderr } = await runPetrel(["pack", "test", folder, "--json", ...more]);
  return { code, report: stdout === "" ? null : JSON.parse(stdout), stderr };
};

const action = `
from st2common.runners.base_action import Action
from mine import twice

class Double(Action):
    def run(self, number):
        self.logger.info("doubling")
        self.action_service.set_value("last", number)
        return (True, twice(number) + self.config.get("more", 0))
`;
const sensor = `
from st2reactor.sensor.base import PollingSensor
from shared_words import WORD

class Seer(PollingSensor):
    def setup(self):
        self._logger = self.sensor_service.get_logger("seer")
    def poll(self):
        self._logger.info("seen %s", WORD)
        self.sensor_service.set_value("seen", "1")
        self.sensor_service.dispatch(trigger="p.seen", payload={"word": WORD}, trace_tag="t")
`;
const pythonTests = {
  "actions/double.py": action,
  "actions/lib/mine.py": "def twice(n):\n    return 2 * n\n",
  "lib/shared_words.py": "WORD = 'hello'\n",
  "sensors/seer.py": sensor,
  "tests/fixtures/a.txt": "größe\n",
  "tests/test_action_double.py": `
import mock
from st2tests.base import BaseActionTestCase
from double import Double

class DoubleTest(BaseActionTestCase):
    action_cls = Double

    def test_run(self):
        action = self.get_action_instance({"more": 1})
        self.assertEqual(action.run(number=2), (True, 5))
        self.assertEqual(self.action_service.get_value("last"), 2)
        self.assertEqual([pair.name for pair in self.action_service.list_values()], ["tests.Double:last"])

    @mock.patch("double.twice", mock.Mock(return_value=7))
    def test_patched(self):
        self.assertEqual(self.get_action_instance().run(number=2)[1], 7)

    def test_fixture(self):
        self.assertEqual(self.get_fixture_content("a.txt"), u"größe\\n")
`,
  "tests/test_sensor_seer.py": `
from st2tests.base import BaseSensorTestCase
from st2tests.mocks.sensor import MockSensorService
from seer import Seer

class SeerTest(BaseSensorTestCase):
    sensor_cls = Seer

    def test_poll(self):
        sensor = self.get_sensor_instance(config={"a": 1}, poll_interval=3)
        sensor.setup()
        self.assertEqual(self.get_dispatched_triggers(), [])
        sensor.poll()
        self.assertTriggerDispatched(trigger="p.seen")
        self.assertTriggerDispatched("p.seen", payload={"word": "hello"}, trace_context={"trace_tag": "t"})
        self.assertEqual(self.get_last_dispatched_trigger()["payload"], {"word": "hello"})
        self.assertEqual(sensor.get_poll_interval(), 3)
        self.assertIsInstance(self.sensor_service, MockSensorService)
        sensor.sensor_service.get_logger("seer").info.assert_called_with("seen %s", "hello")
        with self.assertRaises(AssertionError):
            self.assertTriggerDispatched("p.other")
        with self.assertRaises(AssertionError):
            self.assertTriggerDispatched("p.seen", payload={"word": "other"})
`,
  "tests/test_action_aliases.py": `
from st2tests.base import BaseActionAliasTestCase

class AliasTest(BaseActionAliasTestCase):
    action_alias_name = "double"
    def test_alias(self):
        self.fail("not matched")
`,
};

describe("StackStorm's tests", () => {
  test("run with the base classes that they import; those of aliases are skipped", async () => {
    const { code, report, stderr } = await run(await packWith(pythonTests));
    expect(report, stderr).toEqual({
      ok: true,
      tests: 5,
      failed: 0,
      skipped: 1,
      suites: [{ language: "python", tests: 5, failed: 0, skipped: 1, failures: [] }],
    });
    expect(code).toBe(0);
  });

  test.for([
    ["a failure", "self.assertEqual(1, 2)", "AssertionError: 1 != 2"],
    ["an error", "import not_there", "ModuleNotFoundError: No module named 'not_there'"],
    ["an end", "import os; os._exit(0)", "it ended with exit code 0"],
    ["a signal", "import os; os.kill(os.getpid(), 9)", "it ended with signal SIGKILL"],
  ] as const)("%s is told, and is exit code 1", async ([, line, message]) => {
    const folder = await packWith({
      "tests/test_a.py": `import unittest\nclass A(unittest.TestCase):\n    def test_b(self):\n        ${line}\n`,
    });
    const { code, report } = await run(folder);
    expect(code).toBe(1);
    expect(report).toMatchObject({ ok: false, failed: 1, suites: [{ failures: [{ message }] }] });
  });

  test("a file that cannot be loaded fails, and the others run", async () => {
    const folder = await packWith({ ...pythonTests, "tests/test_broken.py": "import not_there\n" });
    const { report } = await run(folder);
    expect(report).toMatchObject({ ok: false, tests: 6, failed: 1, skipped: 1 });
  });

  test("need a python3, and say so", async () => {
    const folder = await packWith(pythonTests);
    const env = { PATH: await pathWithout("python", "pypy") };
    const { code, stderr } = await runPetrel(["pack", "test", folder], { env });
    expect([code, stderr.split("\n")[0]]).toEqual([1, expect.stringMatching(/^PYTHON_MISSING: /)]);
    expect((await run(folder, "--python", "python3")).code).toBe(0);
  });
});

test("Node's and sh's run beside them, and people read what failed", async () => {
  const folder = await packWith({
    "tests/a.test.ts": `import { test } from "node:test";\nconst fine: boolean = true;\ntest("fine", () => void fine);\ntest("not fine", () => { throw new Error("no"); });\n`,
    "tests/b.test.mjs": `import { test } from "node:test";\ntest("fine, too", () => {});\ntest("later", { skip: true }, () => {});\n`,
    "tests/test.sh": "exit 3\n",
  });
  const { code, stdout } = await runPetrel(["pack", "test", folder]);
  expect(code).toBe(1);
  expect(stdout.trimEnd().split("\n").slice(-4)).toEqual([
    "Node: 4 tests, 1 failed, 1 skipped",
    "  not fine",
    "sh: 1 test, 1 failed",
    "  tests/test.sh: exit code 3",
  ]);
});

test("a pack without tests says so", async () => {
  const { code, stderr } = await runPetrel(["pack", "test", await packWith({ "tests/README.md": "" })]);
  expect([code, stderr.split("\n")[0]]).toEqual([
    1,
    expect.stringMatching(/^PACK_UNTESTED: .* has no tests$/),
  ]);
});

test("suites are told by the names of files", () => {
  const paths = [
    "tests/test_b.py",
    "tests/unit/test_a.py",
    "tests/a_test.py",
    "actions/test_c.py",
    "tests/x.test.js",
    "tests/fixtures/test.sh",
  ];
  expect(testSuites(paths)).toEqual([
    { language: "python", files: ["tests/test_b.py"] },
    { language: "node", files: ["tests/x.test.js"] },
  ]);
});

test("a TAP that was cut short is none", () => {
  expect(readTap("TAP version 13\nok 1 - a\n")).toBeNull();
});
