/** The datastore as sensors see it, in TypeScript and in Python: their own values, and those of the whole fleet. */
import { expect, test } from "vitest";
import type { TriggerInstance } from "../../../shared/model/trigger.ts";
import { createHub, type TestHub } from "../../support/fleet.ts";
import { packsRunning, userOf } from "../../support/fleet-user.ts";
import { waitUntil } from "../../support/wait-until.ts";

interface Found {
  readonly by: string;
  readonly life: string;
  readonly own: string | null;
  readonly shared: Readonly<Record<string, string>>;
  readonly secrets: readonly (readonly [sealed: string, plain: string])[];
}

async function found(
  hub: TestHub,
  life: string,
): Promise<ReadonlyMap<string, Found & { tag: string | null }>> {
  return waitUntil(`both sensors in their ${life} life`, async () => {
    const instances = await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=sensor_keys.found");
    const told = instances
      .map(({ payload, trace_tag }) => ({ ...(payload as unknown as Found), tag: trace_tag }))
      .filter((each) => each.life === life);
    return told.length === 2 ? new Map(told.map((each) => [each.by, each])) : null;
  });
}

test("values outlive the sensor's process: local ones are its own, the others everybody's", async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  const user = userOf(hub);
  await user.says("pack", "register", `${packsRunning}/sensor_keys`);
  const first = await found(hub, "first");
  expect(first.get("node")).toMatchObject({ own: null, shared: { "sensor_keys.node": "first" }, tag: null });
  expect(first.get("python")).toMatchObject({
    own: null,
    shared: { "sensor_keys.python": "first" },
    tag: "of first",
  });
  for (const [by, local, shared] of [
    ["node", "true", "false"],
    ["python", "True", "False"],
  ] as const) {
    const sealed = expect.stringMatching(/^petrel-sealed:1:/);
    expect(first.get(by)?.secrets).toEqual([
      [sealed, `hidden by ${by} ${local}`],
      [sealed, `hidden by ${by} ${shared}`],
    ]);
  }

  await user.says("pack", "config", "sensor_keys", "--set", "life=second");
  const second = await found(hub, "second");
  expect(second.get("node")).toMatchObject({
    own: "node first",
    shared: { "sensor_keys.node": "second", "sensor_keys.python": expect.stringMatching(/first|second/) },
  });
  expect(second.get("python")).toMatchObject({
    own: "python first",
    shared: { "sensor_keys.python": "second", "sensor_keys.node": expect.stringMatching(/first|second/) },
    tag: "of second",
  });
});
