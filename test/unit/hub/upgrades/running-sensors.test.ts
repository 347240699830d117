/** Sensors that run, as rollouts know them: what is heard while they are read is newer than what is read. */
import { expect, test } from "vitest";
import { RunningSensors } from "../../../../hub/upgrades/running-sensors.ts";
import type { SensorRecord } from "../../../../shared/model/agent.ts";

const aSensor = (sensor: string, state: SensorRecord["state"]): SensorRecord => ({
  agent: "web-1",
  sensor,
  state,
  pid: null,
  restarts: 0,
  last_error: null,
  since: "2026-11-22T12:00:00.000Z",
});

test("what is heard while they are read holds, and what is heard before is in what is read", async () => {
  const sensors = new RunningSensors();
  sensors.note("web-1", "mypack.before", true);
  await sensors.load({
    sensors: async () => {
      sensors.note("web-1", "mypack.ended", false);
      sensors.note("web-1", "mypack.begun", true);
      return [aSensor("mypack.ended", "running"), aSensor("mypack.down", "stopped")];
    },
  });
  expect(sensors.of("web-1")).toEqual(["mypack.begun"]);
  sensors.note("web-1", "mypack.also", true);
  expect(sensors.of("web-1")).toEqual(["mypack.also", "mypack.begun"]);
});

test("a reading that failed is made again, and one that was made is not until they are forgotten", async () => {
  const sensors = new RunningSensors();
  const failing = { sensors: () => Promise.reject(new Error("STORE_WRITE")) };
  await expect(sensors.load(failing)).rejects.toThrow("STORE_WRITE");
  await sensors.load({ sensors: async () => [aSensor("mypack.one", "running")] });
  await sensors.load(failing);
  expect(sensors.of("web-1")).toEqual(["mypack.one"]);
  sensors.forget();
  expect(sensors.of("web-1")).toEqual([]);
  await expect(sensors.load(failing)).rejects.toThrow("STORE_WRITE");
});
