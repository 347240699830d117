/** How sensor processes start, crash, come back and end. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type SensorBench, startSensorBench, writeSensor } from "../../support/sensor-bench.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const stateOf = (bench: SensorBench, sensor = "bench.TestSensor") =>
  bench.host.statuses().find((status) => status.sensor === sensor);

const idle = (className: string) => `
export class ${className} {
  constructor(service) { this.service = service; }
  async run() { setInterval(() => {}, 1000); }
}
`;

describe("a sensor that crashes", () => {
  test.each([
    {
      how: "by an exception in poll",
      entryPoint: "test_sensor.ts",
      source: `export class TestSensor { poll() { throw new RangeError("no more disk") } }`,
      error: "SENSOR_EXITED: RangeError: no more disk",
    },
    {
      how: "by an unhandled rejection",
      entryPoint: "test_sensor.js",
      source: `export default class { run() { Promise.reject(new Error("left alone")); setInterval(() => {}, 1000) } }`,
      error: "SENSOR_EXITED: Error: left alone",
    },
    {
      how: "by an exception in Python",
      entryPoint: "test_sensor.py",
      source: `
from st2reactor.sensor.base import Sensor
class TestSensor(Sensor):
    def run(self):
        raise KeyError("token")
`,
      error: "SENSOR_EXITED: KeyError: 'token'",
    },
    {
      how: "by ending without an error",
      entryPoint: "test_sensor",
      source: `#!/bin/sh\necho '{"op":"ready"}'\necho so long >&2\n`,
      error: "SENSOR_EXITED: exit code 0; last output: so long",
      exitCode: 0,
    },
    {
      how: "by a signal",
      entryPoint: "test_sensor",
      source: `#!/bin/sh\necho '{"op":"ready"}'\nkill -9 $$\n`,
      error: "SENSOR_EXITED: killed by SIGKILL",
    },
  ])(
    "$how is started again and again, with its last error shown",
    async ({ entryPoint, source, error, ...exit }) => {
      const folder = await tempFolder();
      const bench = await startSensorBench({ data: folder });
      bench.host.apply([await writeSensor(join(folder, "pack"), { entryPoint, source, pollInterval: 4 })]);
      const status = await waitUntil("the fourth start", () => {
        const now = stateOf(bench);
        return now !== undefined && now.restarts >= 3 ? now : null;
      });
      expect(status.last_error).toBe(error);
      await waitUntil("the hub is told", async () => {
        const told = await bench.events();
        const ended = told.find((event) => event.state === "backing-off" && event.last_error === error);
        // A signal leaves no code; our runtimes end with 1.
        const code = error.includes("SIGKILL") ? undefined : (exit.exitCode ?? 1);
        if (ended !== undefined) expect(ended.exit_code).toBe(code);
        return ended !== undefined;
      });
    },
  );

  test("never disturbs another one", async () => {
    const folder = await tempFolder();
    const bench = await startSensorBench({ data: folder });
    const pack = join(folder, "pack");
    const crashing = await writeSensor(pack, {
      className: "Crashing",
      entryPoint: "crashing.ts",
      source: `export class Crashing { run() { process.kill(process.pid, "SIGSEGV") } }`,
    });
    const steady = await writeSensor(pack, {
      className: "Steady",
      entryPoint: "steady.ts",
      source: idle("Steady"),
    });
    bench.host.apply([crashing, steady]);
    const before = await waitUntil("the steady one runs", () => stateOf(bench, "bench.Steady")?.pid);
    await waitUntil("several crashes", () => (stateOf(bench, "bench.Crashing")?.restarts ?? 0) >= 3);
    expect(stateOf(bench, "bench.Steady")).toMatchObject({ state: "running", pid: before, restarts: 0 });
    expect(stateOf(bench, "bench.Steady")?.cmd).toMatch(/^\S+node\S* .*node-sensor-main\.ts/);
  });
});

describe("a sensor that cannot be started", () => {
  test.each([
    {
      why: "its file has a syntax error",
      entryPoint: "test_sensor.ts",
      source: "export class TestSensor {",
      error: /^SENSOR_INVALID: .*SyntaxError/,
    },
    {
      why: "its file has no such class",
      entryPoint: "test_sensor.ts",
      source: "export class Other { run() {} }",
      error: /^SENSOR_INVALID: TypeError: .*exports no class TestSensor; it exports Other/,
    },
    {
      why: "its Python file has no such class",
      entryPoint: "test_sensor.py",
      source: "class Other(object):\n    pass\n",
      error: /^SENSOR_INVALID: ImportError: .*defines no class TestSensor/,
    },
    {
      why: "its interpreter does not exist",
      entryPoint: "test_sensor",
      source: "#!/nonexistent/interpreter\n",
      error: /^SENSOR_INVALID: .*there is no such program; look at the file and at its #! line/,
    },
  ])("because $why is failed, and tried again from time to time", async ({ entryPoint, source, error }) => {
    const folder = await tempFolder();
    const bench = await startSensorBench({ data: folder });
    bench.host.apply([await writeSensor(join(folder, "pack"), { entryPoint, source })]);
    const told = await waitUntil("the hub is told", async () =>
      (await bench.events()).find((event) => event.state === "failed"),
    );
    expect(told.last_error).toMatch(error);
    await waitUntil("another attempt", () => (stateOf(bench)?.restarts ?? 0) >= 2);
  });

  test("for want of python3 says how to mend it, and runs once it is there", async () => {
    const folder = await tempFolder();
    const pack = join(folder, "pack");
    const bench = await startSensorBench({ data: folder, env: { PATH: join(folder, "bin") } });
    bench.host.apply([
      await writeSensor(pack, {
        entryPoint: "test_sensor.py",
        source: `
from st2reactor.sensor.base import Sensor
import threading
class TestSensor(Sensor):
    def run(self):
        threading.Event().wait()
`,
      }),
    ]);
    const failed = await waitUntil("failed", () =>
      stateOf(bench)?.state === "failed" ? stateOf(bench) : null,
    );
    expect(failed.last_error).toBe(
      "PYTHON_MISSING: python3 cannot be started: there is no such program; " +
        "install python3 on this host; it is looked for again from time to time",
    );
    // A virtualenv in the pack is looked for first: here it leads to the python3 that the test itself finds.
    const { execFileSync } = await import("node:child_process");
    const python = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], {
      encoding: "utf8",
    }).trim();
    const { mkdir, symlink } = await import("node:fs/promises");
    await mkdir(join(pack, "virtualenv/bin"), { recursive: true });
    await symlink(python, join(pack, "virtualenv/bin/python"));
    await waitUntil("running", () => stateOf(bench)?.state === "running");
  });
});

describe("stopping", () => {
  test.each([
    {
      what: "Python code that waits in a system call",
      entryPoint: "test_sensor.py",
      source: `
from st2reactor.sensor.base import Sensor
import time
class TestSensor(Sensor):
    def run(self):
        time.sleep(1000)
    def cleanup(self):
        self.sensor_service.set_value("last", "kept")
        open(self.config["file"], "a").write("cleaned up")
`,
    },
    {
      what: "Python code that waits for a lock",
      entryPoint: "test_sensor.py",
      source: `
from st2reactor.sensor.base import Sensor
import threading
class TestSensor(Sensor):
    def run(self):
        while True:
            try:
                threading.Event().wait()
            except Exception:
                pass
    def cleanup(self):
        open(self.config["file"], "a").write("cleaned up")
`,
    },
    {
      what: "a passive sensor in JavaScript",
      entryPoint: "test_sensor.mjs",
      source: `
import { appendFileSync } from "node:fs";
import { createServer } from "node:net";
export class TestSensor {
  constructor(service, config) { this.config = config }
  async run() { this.server = createServer().listen(0) }
  async cleanup() { this.server.close(); appendFileSync(this.config.file, "cleaned up") }
}
`,
    },
  ])("$what runs its cleanup", async ({ entryPoint, source }) => {
    const folder = await tempFolder();
    const file = join(folder, "out");
    const bench = await startSensorBench({ data: folder });
    bench.host.apply([await writeSensor(join(folder, "pack"), { entryPoint, source, config: { file } })]);
    const pid = await waitUntil("running", () => stateOf(bench)?.pid);
    bench.host.apply([]);
    await waitUntil("the hub is told", async () => (await bench.events()).at(-1)?.state === "stopped");
    expect(await readFile(file, "utf8")).toBe("cleaned up");
    expect(isAlive(pid)).toBe(false);
  });

  test("Python code whose setup fails is not made to look as if its cleanup had been at fault", async () => {
    const folder = await tempFolder();
    const source = `
from st2reactor.sensor.base import Sensor
class TestSensor(Sensor):
    def setup(self):
        self._sock = None
        self._sock = self.config["port"]
    def run(self):
        pass
    def cleanup(self):
        self._sock.close()
`;
    const bench = await startSensorBench({ data: folder });
    bench.host.apply([await writeSensor(join(folder, "pack"), { entryPoint: "test_sensor.py", source })]);
    const error = await waitUntil("the crash to be told", () => stateOf(bench)?.last_error);
    expect(JSON.stringify(error)).toContain("KeyError: 'port'");
  });

  test("ends a program that ignores every request, with all that it started", async () => {
    const folder = await tempFolder();
    const file = join(folder, "child");
    const bench = await startSensorBench({ data: folder, schedule: { graceMs: 50, killMs: 50 } });
    const source = `#!/bin/sh
trap '' TERM INT
sleep 1000 &
echo $! > ${file}
echo '{"op":"ready"}'
while :; do sleep 1000; done
`;
    bench.host.apply([await writeSensor(join(folder, "pack"), { entryPoint: "test_sensor", source })]);
    const pid = await waitUntil("running", () => stateOf(bench)?.pid);
    const child = Number(await readFile(file, "utf8"));
    await bench.host.close(1_000);
    expect(isAlive(pid)).toBe(false);
    await waitUntil("the child is gone", () => !isAlive(child));
  });

  test("what a crashed sensor started does not pile up", async () => {
    const folder = await tempFolder();
    const file = join(folder, "children");
    await writeFile(file, "");
    const bench = await startSensorBench({ data: folder });
    const source = `#!/bin/sh\nsleep 1000 &\necho $! >> ${file}\nexit 3\n`;
    bench.host.apply([await writeSensor(join(folder, "pack"), { entryPoint: "test_sensor", source })]);
    await waitUntil("three starts", () => (stateOf(bench)?.restarts ?? 0) >= 3);
    const children = (await readFile(file, "utf8")).trim().split("\n").map(Number);
    await waitUntil("the first ones are gone", () => children.slice(0, 2).every((pid) => !isAlive(pid)));
  });
});

describe("a change of assignments", () => {
  test("restarts the sensors whose code or configuration changed, and no others", async () => {
    const folder = await tempFolder();
    const bench = await startSensorBench({ data: folder });
    const write = (className: string) =>
      writeSensor(join(folder, "pack"), {
        className,
        entryPoint: `${className.toLowerCase()}.ts`,
        source: idle(className),
      });
    const [code, config, same] = [await write("Code"), await write("Config"), await write("Same")];
    bench.host.apply([code, config, same]);
    const pids = async () => {
      await waitUntil("all run", () => bench.host.statuses().every(({ state }) => state === "running"));
      return bench.host.statuses().map(({ pid }) => pid);
    };
    const before = await pids();
    const moved = { ...same, packFolder: join(folder, "pack"), codeDigest: same.codeDigest };
    bench.host.apply([{ ...code, codeDigest: "other" }, { ...config, config: { verbose: true } }, moved]);
    await waitUntil(
      "two restarts",
      () => bench.host.statuses().filter(({ restarts }) => restarts === 1).length === 2,
    );
    const after = await pids();
    expect(after.map((pid, at) => pid === before[at])).toEqual([false, false, true]);
  });

  test("a sensor that is taken away and given back runs once", async () => {
    const folder = await tempFolder();
    const bench = await startSensorBench({ data: folder });
    const file = join(folder, "out");
    await writeFile(file, "");
    const source = `
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
export class TestSensor {
  constructor(service, config) { this.file = config.file }
  async run() { appendFileSync(this.file, "begin "); setInterval(() => {}, 1000) }
  async cleanup() { await sleep(200); appendFileSync(this.file, "end ") }
}
`;
    const sensor = await writeSensor(join(folder, "pack"), {
      entryPoint: "test_sensor.js",
      source,
      config: { file },
    });
    bench.host.apply([sensor]);
    await waitUntil("running", () => stateOf(bench)?.state === "running");
    bench.host.apply([]);
    bench.host.apply([sensor]);
    await waitUntil("running again", () => stateOf(bench)?.state === "running");
    // It says that it is ready before it begins.
    const text = await waitUntil("it has begun again", async () => {
      const now = await readFile(file, "utf8");
      return now.endsWith("begin ") ? now : null;
    });
    expect(text).toBe("begin end begin ");
  });
});
