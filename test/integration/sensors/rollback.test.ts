/** A version or configuration with which a sensor cannot start leaves it running as it did before. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { SensorAssignment } from "../../../agent/sensors/desired-sensor.ts";
import { type SensorBench, startSensorBench, writeSensor } from "../../support/sensor-bench.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

/** Needs the file that its configuration names. */
const source = `
import { readFileSync } from "node:fs";
export class TestSensor {
  constructor(service, config) { this.service = service; this.config = config; }
  setup() { if (this.config.needs) readFileSync(this.config.needs); }
  run() { this.service.dispatch("bench.seen", this.config); setInterval(() => {}, 1000); }
}
`;

const statusOf = (bench: SensorBench) => bench.host.statuses()[0];

async function until(bench: SensorBench, fingerprint: string, isGoingOn: boolean) {
  return waitUntil(`running under ${fingerprint}`, () => {
    const status = statusOf(bench);
    const fits =
      status?.state === "running" &&
      status.fingerprint === fingerprint &&
      (status.problem !== null) === isGoingOn;
    return fits ? status : null;
  });
}

const seen = async (bench: SensorBench) =>
  (await bench.triggers()).map(({ payload }) => (payload as { readonly as: string }).as);

test("a configuration with which the sensor cannot start is told, and the one before goes on until it can", async () => {
  const folder = await tempFolder();
  const needs = join(folder, "needed");
  const written = await writeSensor(join(folder, "pack"), { entryPoint: "test_sensor.ts", source });
  const as = (name: string, more: object = {}): SensorAssignment => ({
    ...written,
    config: { as: name, ...more },
    fingerprint: name,
  });
  const bench = await startSensorBench({ data: folder, schedule: { retryMs: 600_000 } });
  bench.host.apply([as("old")]);
  await until(bench, "old", false);

  bench.host.apply([as("new", { needs })]);
  const { problem, last_error, restarts } = await until(bench, "new", true);
  expect(problem).toMatch(/^SENSOR_EXITED: Error: ENOENT.*needed/);
  expect([last_error, restarts]).toEqual([problem, 2]);
  await waitUntil("the hub to be told", async () =>
    (await bench.events()).some((event) => event.problem === problem && event.fingerprint === "new"),
  );

  // Once more the same is not tried again, what runs stays.
  bench.host.apply([{ ...as("new", { needs }), fingerprint: "same" }]);
  expect(statusOf(bench)).toMatchObject({ state: "running", fingerprint: "same", problem, restarts });
  bench.host.apply([as("old")]);
  expect(statusOf(bench)).toMatchObject({ state: "running", fingerprint: "old", problem: null, restarts });

  bench.host.apply([as("new", { needs })]);
  await until(bench, "new", true);
  await waitUntil("three lives as before", async () => (await seen(bench)).length === 3);
  await bench.close();

  // The next life of the agent knows the way back too, and takes what is assigned as soon as it can be started.
  const next = await startSensorBench({ data: folder, schedule: { retryMs: 50 } });
  const [row] = await next.proven.all();
  expect(row).toMatchObject({ sensor: "bench.TestSensor", pack: "bench", config: { as: "old" } });
  next.host.apply([{ ...as("new", { needs }), proven: { ...as("old"), config: row?.config ?? {} } }]);
  expect((await until(next, "new", true)).problem).toMatch(/ENOENT/);
  await waitUntil("more than one attempt", () => (statusOf(next)?.restarts ?? 0) >= 3);
  await writeFile(needs, "");
  expect((await until(next, "new", false)).last_error).toMatch(/ENOENT/);
  await waitUntil("what is on disk", async () => {
    const [now] = await next.proven.all();
    return now?.config.as === "new";
  });
  await waitUntil("a trigger of the new one", async () => (await seen(next)).at(-1) === "new");
  expect(new Set((await seen(next)).slice(0, -1))).toEqual(new Set(["old"]));
});

test("a configuration with which the sensor hangs is given up when it has been silent for too long, not while it speaks", async () => {
  const folder = await tempFolder();
  const written = await writeSensor(join(folder, "pack"), {
    entryPoint: "test_sensor.ts",
    source: `
export class TestSensor {
  constructor(service, config) { this.service = service; this.config = config; }
  async setup() {
    const { hangs, speaks } = this.config;
    if (hangs === "busy") for (;;);
    if (hangs) await new Promise(() => setInterval(() => {}, 1000));
    for (let n = 0; n < (speaks ?? 0); n++) {
      this.service.logger("x").info("still at work");
      await new Promise((done) => setTimeout(done, 300));
    }
  }
  run() { setInterval(() => {}, 1000); }
}
`,
  });
  const as = (name: string, more: object = {}): SensorAssignment => ({
    ...written,
    config: { as: name, ...more },
    fingerprint: name,
  });
  const schedule = { retryMs: 600_000, readyMs: 1_500, graceMs: 100, killMs: 100 };
  const bench = await startSensorBench({ data: folder, schedule });
  bench.host.apply([as("old")]);
  await until(bench, "old", false);
  for (const hangs of ["idle", "busy"]) {
    bench.host.apply([as(hangs, { hangs })]);
    const { problem } = await until(bench, hangs, true);
    expect(problem).toBe("SENSOR_NOT_READY: it is not ready, and has said nothing for 1.5 s");
  }
  bench.host.apply([as("slow", { speaks: 8 })]);
  await until(bench, "slow", false);
});
