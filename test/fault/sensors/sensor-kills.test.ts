/** kill -9 of sensors and of the agent above them: every occurrence is in the outbox exactly once. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { type SensorBench, startSensorBench, writeSensor } from "../../support/sensor-bench.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const total = 2_000;
const expected = Array.from({ length: total }, (_, at) => at + 1);

/** Cursor in the datastore, written with each trigger. */
const byCursor = `
export class TestSensor {
  constructor(service) { this.service = service; }
  async run() {
    let n = Number((await this.service.getValue("cursor")) ?? 0);
    const waiting = [];
    while (n < ${total}) {
      n += 1;
      waiting.push(this.service.dispatch("bench.seen", { n }, { set: { cursor: n } }));
      if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(waiting);
    setInterval(() => {}, 1000);
  }
}
`;

/** Cursor in a file of its own, written after acceptance; the key makes the repetition harmless. */
const byKey = `
import json, os, time
from st2reactor.sensor.base import Sensor


class TestSensor(Sensor):
    def run(self):
        path = self.config["file"]
        n = int(open(path).read() or 0) if os.path.exists(path) else 0
        first = n
        while n < ${total}:
            last = min(n + 100, ${total})
            for m in range(n + 1, last + 1):
                number = self.sensor_service.dispatch("bench.seen", {"n": m}, key="occurrence %d" % m)
            self.sensor_service.wait_accepted()
            with open(path + ".new", "w") as out:
                out.write(str(last))
            os.rename(path + ".new", path)
            self.sensor_service.checkpoint(number)
            n = last
            time.sleep(0.02)
        while True:
            time.sleep(1)
`;

const variants = [
  { how: "with its cursor in the same write (TypeScript)", entryPoint: "test_sensor.ts", source: byCursor },
  { how: "with keys and checkpoints (Python)", entryPoint: "test_sensor.py", source: byKey },
];

const numbers = async (bench: SensorBench) =>
  (await bench.triggers()).map(({ payload }) => (payload as { n: number }).n);

describe.each(variants)("a sensor $how", ({ entryPoint, source }) => {
  test("that is killed again and again loses and doubles nothing", async () => {
    const folder = await tempFolder();
    const bench = await startSensorBench({ data: folder });
    const config = { file: join(folder, "cursor") };
    bench.host.apply([await writeSensor(join(folder, "pack"), { entryPoint, source, config })]);
    for (let seen = 0, kills = 0; kills < 6; kills++) {
      await waitUntil("some progress", async () => (await numbers(bench)).length > seen);
      seen = (await numbers(bench)).length;
      const pid = await waitUntil("a living process", () => bench.host.statuses()[0]?.pid);
      process.kill(pid, "SIGKILL");
      await waitUntil("the next life", () => (bench.host.statuses()[0]?.restarts ?? 0) > kills);
      if (seen === total) break;
    }
    await waitUntil("all of them", async () => (await numbers(bench)).length >= total);
    expect(await numbers(bench)).toEqual(expected);
  });

  test("whose agent is killed again and again ends each time, and loses and doubles nothing", async () => {
    const folder = await tempFolder();
    const desired = join(folder, "desired.json");
    const config = { file: join(folder, "cursor") };
    const sensor = await writeSensor(join(folder, "pack"), { entryPoint, source, config });
    await writeFile(desired, JSON.stringify([sensor]));
    let progress = 0;
    for (let kills = 0; kills < 4; kills++) {
      const agent = startAgent(folder, desired);
      const pid = await waitUntil("a running sensor", () => agent.sensorPid());
      const wanted = progress + 100 * (kills + 1);
      await waitUntil("some time to work", () => readProgress(folder, entryPoint, wanted));
      agent.child.kill("SIGKILL");
      await waitUntil("the sensor ends by itself", () => !isAlive(pid));
      progress = wanted;
    }
    const bench = await startSensorBench({ data: folder });
    bench.host.apply([sensor]);
    await waitUntil("all of them", async () => (await numbers(bench)).length >= total);
    expect(await numbers(bench)).toEqual(expected);
  });
});

test.each([
  {
    what: "JavaScript with timers and a server",
    entryPoint: "test_sensor.js",
    source: `
import { createServer } from "node:net";
export class TestSensor { run() { createServer().listen(0); setInterval(() => {}, 1000) } }
`,
  },
  {
    what: "Python that waits for a lock, with a thread of its own",
    entryPoint: "test_sensor.py",
    source: `
import threading, time
from st2reactor.sensor.base import Sensor
class TestSensor(Sensor):
    def run(self):
        threading.Thread(target=lambda: time.sleep(1000)).start()
        threading.Lock().acquire()
        threading.Event().wait()
`,
  },
  {
    what: "Python that catches every signal of its end",
    entryPoint: "test_sensor.py",
    source: `
import time
from st2reactor.sensor.base import Sensor
class TestSensor(Sensor):
    def run(self):
        while True:
            try:
                time.sleep(1000)
            except BaseException:
                pass
`,
  },
])("a sensor in $what ends soon after its agent was killed", async ({ entryPoint, source }) => {
  const folder = await tempFolder();
  const desired = join(folder, "desired.json");
  await writeFile(desired, JSON.stringify([await writeSensor(join(folder, "pack"), { entryPoint, source })]));
  const agent = startAgent(folder, desired);
  const pid = await waitUntil("a running sensor", () => agent.sensorPid());
  agent.child.kill("SIGKILL");
  await waitUntil("the sensor is gone", () => !isAlive(pid));
});

test("a program that does not notice the death of its agent is ended by the next one", async () => {
  const folder = await tempFolder();
  const desired = join(folder, "desired.json");
  const source = `#!/bin/sh\ntrap '' TERM PIPE HUP\necho '{"op":"ready"}'\nwhile :; do sleep 1; done\n`;
  const sensor = await writeSensor(join(folder, "pack"), { entryPoint: "test_sensor", source });
  await writeFile(desired, JSON.stringify([sensor]));
  const agent = startAgent(folder, desired);
  const pid = await waitUntil("a running sensor", () => agent.sensorPid());
  agent.child.kill("SIGKILL");
  await waitUntil("the agent is gone", () => agent.child.signalCode);
  expect(isAlive(pid)).toBe(true);
  const next = await startSensorBench({ data: folder });
  expect(isAlive(pid)).toBe(false);
  expect(next.lines.some(({ message }) => String(message).includes("previous agent process"))).toBe(true);
});

interface AgentProgram {
  readonly child: ChildProcess;
  sensorPid(): number | null;
}

function startAgent(folder: string, desired: string): AgentProgram {
  const program = fileURLToPath(new URL("../../fixtures/programs/sensor-side-main.ts", import.meta.url));
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, folder, desired], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let text = "";
  child.stdout.on("data", (chunk) => {
    text = (text + chunk).slice(-10_000);
  });
  return {
    child,
    sensorPid: () => {
      const line = text.split("\n").at(-2) ?? "[]";
      const [status] = JSON.parse(line) as { pid: number | null }[];
      return status?.pid ?? null;
    },
  };
}

/** Zombies whose new parent does not look count as gone. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Only the Python variant shows from outside how far it is; the other is killed as soon as it runs. */
async function readProgress(folder: string, entryPoint: string, wanted: number): Promise<boolean> {
  if (!entryPoint.endsWith(".py")) return true;
  return Number(await readFile(join(folder, "cursor"), "utf8")) >= Math.min(wanted, total);
}
