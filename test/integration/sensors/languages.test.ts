/** Sensors in each language, as real processes on a real outbox. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startSensorBench, writeSensor } from "../../support/sensor-bench.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const typescript = `
import { appendFileSync } from "node:fs";
interface Config { readonly file: string }
export class TestSensor {
  private count = 0;
  private readonly service: any;
  private readonly config: Config;
  constructor(service: any, config: Config) { this.service = service; this.config = config; }
  async setup() {
    console.log("printed by the author");
    this.service.logger("setup").warn("set up");
    await this.service.setValue("cursor", "0");
    this.service.pollInterval = 0.01;
  }
  async poll() {
    if (this.count === 3) return;
    this.count += 1;
    await this.service.dispatch("bench.seen", { count: this.count }, { set: { cursor: this.count }, traceTag: "t" });
    const cursor = await this.service.getValue("cursor");
    appendFileSync(this.config.file, "cursor " + cursor + "\\n");
  }
  cleanup() { appendFileSync(this.config.file, "cleaned up\\n"); }
  addTrigger(trigger: { ref: string }) { appendFileSync(this.config.file, "trigger " + trigger.ref + "\\n"); }
}
`;

/** Written as published packs are: the old import names, keyword arguments, the underscored attributes. */
const python = `
import subprocess
from st2reactor.sensor.base import PollingSensor
from st2common import log as logging

LOG = logging.getLogger(__name__)


class TestSensor(PollingSensor):
    def __init__(self, sensor_service, config=None, poll_interval=5):
        super(TestSensor, self).__init__(sensor_service=sensor_service, config=config, poll_interval=poll_interval)
        self._logger = self._sensor_service.get_logger(__name__)
        self._count = 0

    def setup(self):
        import beside
        print("printed by the author")
        subprocess.check_call(["echo", "printed by a child"])
        LOG.info("module logger")
        self._logger.warning("set up")
        self.sensor_service.set_value(name="cursor", value=0)
        beside.note(self._config["file"], "names %s" % [kv.name for kv in self.sensor_service.list_values()])
        beside.note(self._config["file"], "interval %s" % self.get_poll_interval())
        self.set_poll_interval(0.01)

    def poll(self):
        if self._count == 3:
            return
        self._count += 1
        self._sensor_service.dispatch(trigger="bench.seen", payload={"count": self._count}, trace_tag="t")
        self._sensor_service.set_value("cursor", self._count)
        with open(self._config["file"], "a") as out:
            out.write("cursor %s\\n" % self._sensor_service.get_value("cursor"))

    def cleanup(self):
        with open(self._config["file"], "a") as out:
            out.write("cleaned up\\n")

    def add_trigger(self, trigger):
        with open(self._config["file"], "a") as out:
            out.write("trigger %s\\n" % trigger["ref"])

    def update_trigger(self, trigger):
        pass

    def remove_trigger(self, trigger):
        pass
`;

/** Knows nothing of Petrel but the documentation of the protocol. */
const shell = `#!/bin/sh
read -r start
file=$(printf '%s' "$start" | sed 's/.*"file":"\\([^"]*\\)".*/\\1/')
echo "printed by the author"
echo "to standard error" >&2
echo '{"op":"log","level":"warn","message":"set up"}'
echo '{"op":"ready"}'
for i in 1 2 3; do
  echo "{\\"op\\":\\"dispatch\\",\\"id\\":$i,\\"trigger\\":\\"bench.seen\\",\\"payload\\":{\\"count\\":$i},\\"set\\":{\\"cursor\\":\\"$i\\"}}"
done
while read -r line; do
  case "$line" in
    *'"op":"accepted"'*'"upTo":3'*) echo '{"op":"get_value","request":1,"name":"cursor"}' ;;
    *'"op":"value"'*) echo "$line" >> "$file" ;;
    *'"op":"stop"'*) break ;;
  esac
done
echo "cleaned up" >> "$file"
`;

const note = `
def note(path, text):
    with open(path, "a") as out:
        out.write(text + "\\n")
`;

describe.each([
  { language: "TypeScript", entryPoint: "test_sensor.ts", source: typescript, tag: "t" },
  { language: "Python", entryPoint: "test_sensor.py", source: python, tag: "t" },
  { language: "a shell script", entryPoint: "test_sensor", source: shell, tag: undefined },
])("a sensor in $language", ({ entryPoint, source, tag }) => {
  test("sees, keeps values, is heard, and cleans up when it is stopped", async () => {
    const folder = await tempFolder();
    const file = join(folder, "out");
    await writeFile(file, "");
    const bench = await startSensorBench({ data: folder });
    const pack = join(folder, "pack");
    const sensor = await writeSensor(pack, {
      entryPoint,
      source,
      config: { file },
      pollInterval: 4,
      files: { "lib/beside.py": note },
    });
    bench.host.apply([sensor]);

    const triggers = await waitUntil("three triggers in the outbox", async () => {
      const found = await bench.triggers();
      return found.length === 3 ? found : null;
    });
    expect(triggers).toMatchObject(
      [1, 2, 3].map((count) => ({
        kind: "trigger",
        trigger: "bench.seen",
        sensor: "bench.TestSensor",
        payload: { count },
      })),
    );
    expect(triggers.map((trigger) => trigger.trace_tag)).toEqual([tag, tag, tag]);
    const said = (text: string) => bench.lines.some(({ message }) => String(message).includes(text));
    await waitUntil("the author's output in the log", () => said("printed by the author") && said("set up"));
    await waitUntil("the cursor was read back", async () =>
      /(cursor |"value":")3/.test(await readFile(file, "utf8")),
    );
    expect(bench.host.statuses()).toMatchObject([{ state: "running", restarts: 0, last_error: null }]);

    await bench.close();
    expect(await readFile(file, "utf8")).toMatch(/cleaned up\n$/);
  });
});

test("a Python sensor gets its interval, its triggers, and modules of the pack's lib", async () => {
  const folder = await tempFolder();
  const file = join(folder, "out");
  await writeFile(file, "");
  const bench = await startSensorBench({ data: folder });
  const sensor = await writeSensor(join(folder, "pack"), {
    entryPoint: "test_sensor.py",
    source: python,
    config: { file },
    pollInterval: 7,
    files: { "lib/beside.py": note },
  });
  bench.host.apply([sensor]);
  await waitUntil("setup and the first trigger", async () =>
    (await readFile(file, "utf8")).includes("cursor 1"),
  );
  expect((await readFile(file, "utf8")).split("\n").slice(0, 3)).toEqual([
    "names ['bench.TestSensor:cursor']",
    "interval 7",
    "trigger bench.seen",
  ]);
});

/** Each waits for an answer about something far too long, and goes on with what it was told. */
const tooLong = {
  "sensor.mjs": `
export class TestSensor {
  constructor(service) { this.service = service; }
  async run() {
    const long = "x".repeat(2 * 1024 * 1024);
    const told = [
      await this.service.dispatch("bench.seen", { long }).catch((error) => error.code),
      await this.service.setValue("long", long).catch((error) => error.code),
    ];
    await this.service.dispatch("bench.seen", { told });
  }
}
`,
  "sensor.py": `
from st2reactor.sensor.base import Sensor
from st2reactor.container.sensor_wrapper import SensorRefused


class TestSensor(Sensor):
    def run(self):
        long = "x" * (2 * 1024 * 1024)
        told = []
        self.sensor_service.dispatch("bench.seen", {"long": long})
        told.append("SENSOR_PROTOCOL" if self.sensor_service.wait_accepted(60) else "nothing")
        try:
            self.sensor_service.set_value("long", long)
        except SensorRefused as error:
            told.append(error.code)
        self.sensor_service.dispatch("bench.seen", {"told": told})
        self.sensor_service.wait_accepted()
`,
};

test.for(Object.entries(tooLong))(
  "%s is told that a message was too long to be read",
  async ([entryPoint, source]) => {
    const folder = await tempFolder();
    const bench = await startSensorBench({ data: folder });
    bench.host.apply([await writeSensor(join(folder, "pack"), { entryPoint, source })]);
    const told = ["SENSOR_PROTOCOL", "SENSOR_PROTOCOL"];
    await waitUntil("the sensor has gone on", async () => (await bench.triggers()).length > 0);
    expect((await bench.triggers())[0]?.payload).toEqual({ told });
  },
);
