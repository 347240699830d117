/** What the hub tells of sensors' processes. */
import { expect, test } from "vitest";
import { OwnTriggers } from "../../../../hub/rules/own-triggers.ts";
import type { SensorRecord } from "../../../../shared/model/agent.ts";
import { anAgent, noon } from "../../../support/records.ts";

const sensor: SensorRecord = {
  ...{ agent: "web-1", sensor: "mypack.Probe", state: "running", pid: 7, restarts: 0, last_error: null },
  since: new Date(noon).toISOString(),
};

function teller(now = () => noon) {
  const own = new OwnTriggers();
  own.use({
    rules: {
      listens: (trigger) => trigger.startsWith("core.st2.sensor."),
      catalogue: () => {
        throw new Error("not asked for");
      },
    },
    registry: { get: () => anAgent({ labels: { role: "web" } }) },
    keys: { find: () => null },
    now,
  });
  return own;
}

test("told again, as a plan of the store that is tried again does, it is the same instance whatever the time is by then", () => {
  let ms = noon;
  const own = teller(() => ms++);
  const tell = () => own.tell({ type: "sensor-spawned", sensor })[0];
  const first = tell();
  expect(tell()).toEqual(first);
  const [other] = own.tell({ type: "sensor-spawned", sensor: { ...sensor, pid: 8 } });
  expect(other?.id).not.toBe(first?.id);
});

test.each([
  ["what it was started with", { cmd: "python3 probe.py" }, "python3 probe.py"],
  ["nothing of that, of an agent of before", {}, null],
])("a process that runs is told with %s", (_, more, cmd) => {
  const [told, ...others] = teller().tell({ type: "sensor-spawned", sensor: { ...sensor, ...more } });
  expect(others).toEqual([]);
  expect(told).toMatchObject({
    trigger: "core.st2.sensor.process_spawn",
    origin: { labels: { role: "web" } },
    payload: {
      ...{ id: "Probe", sensor: "mypack.Probe", agent: "web-1", host: "web-1.example" },
      ...{ timestamp: sensor.since, pid: 7, cmd },
    },
  });
});
