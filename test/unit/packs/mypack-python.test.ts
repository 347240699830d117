/** The sample pack in Python: its sensor and actions, run by python3 with the base classes of the agent. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { tempFolder } from "../../support/temp-folder.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../../..");

/** Runs `program` with the pack's code importable; returns what it prints, as JSON. */
async function python(program: string, ...words: readonly string[]): Promise<unknown> {
  const folders = ["agent/python", "packs/mypack_python/sensors", "packs/mypack_python/actions"];
  const env = { PATH: process.env.PATH, PYTHONPATH: folders.map((folder) => join(root, folder)).join(":") };
  const { stdout } = await run("python3", ["-B", "-c", program, ...words], { env });
  return JSON.parse(stdout);
}

const sensorProgram = `
import json, logging, os, sys
from directory_sensor import DirectorySensor

class Service(object):
    told = []
    def get_logger(self, name):
        return logging.getLogger(name)
    def dispatch(self, trigger, payload):
        self.told.append([trigger, payload["status"], os.path.basename(payload["path"]), type(payload["time"]).__name__])

folder = sys.argv[1]
def write(name, text):
    with open(os.path.join(folder, name), "a") as file:
        file.write(text)

missing = os.path.join(folder, "missing")
write("kept", "1")
write("gone", "1")
sensor = DirectorySensor(Service(), config={"sensor": {"directories": [folder, missing]}})
sensor.setup()
sensor.poll()
write("new", "1")
write("kept", "2")
os.utime(os.path.join(folder, "kept"), (1, 1))
os.remove(os.path.join(folder, "gone"))
sensor.poll()
sensor.poll()
sensor.cleanup()
print(json.dumps(Service.told))
`;

test("the sensor tells what came, changed and went, with the time as a number", async () => {
  const trigger = "mypack_python.changed_file";
  expect(await python(sensorProgram, await tempFolder())).toEqual([
    [trigger, "deleted", "gone", "float"],
    [trigger, "created", "new", "float"],
    [trigger, "modified", "kept", "float"],
  ]);
});

const actionProgram = `
import json, sys
from output_context import OutputContext
from count_lines import CountLines

config = {"log": sys.argv[1]}
results = [
    OutputContext(config=config).run(context="one"),
    OutputContext(config=config).run(context="two"),
    CountLines(config=config).run(),
    OutputContext(config={"log": "/nowhere/at/all"}).run(context="three"),
    OutputContext(config={}).run(context="four"),
]
print(json.dumps(results))
`;

test("the actions add lines and count them", async () => {
  const log = join(await tempFolder(), "output");
  const results = await python(actionProgram, log);
  expect(results).toMatchObject([
    [true, expect.any(String)],
    [true, expect.any(String)],
    { log, lines: 2 },
    [false, expect.stringContaining("/nowhere/at/all")],
    [false, expect.stringContaining("log")],
  ]);
  expect(await readFile(log, "utf8")).toBe("one\ntwo\n");
});
