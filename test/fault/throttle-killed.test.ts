/** A throttled rule past kill -9 of the hub: everything acts at once or is told by one digest, and nothing twice. */
import { expect, test } from "vitest";
import { digestPoints } from "../../hub/kill-points.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { Enforcement } from "../../shared/model/rule.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { agentReady, createHub } from "../support/fleet.ts";
import { userOf } from "../support/fleet-user.ts";
import { waitUntil } from "../support/wait-until.ts";

test("a hub that dies in a window, at its end, or while it is away at its end, tells of all once", async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  await agentReady(hub, "hub");
  const user = userOf(hub);
  await user.rule(`
name: tamed
enabled: true
trigger: {type: core.st2.webhook, parameters: {url: flood}}
throttle: {key: [trigger.body.key], every: 3, collect: 3}
action:
  ref: core.echo
  parameters:
    message: "{{ trigger.body.n }} of {{ throttle.key }}, and {{ throttle.count }}: {% for item in throttle.first %}{{ item.trigger.body.n }} {% endfor %}"
`);
  let told = 0;
  const flood = async (count: number) => {
    for (const key of ["x", "y"])
      for (let n = 0; n < count; n++, told++) await hub.api("POST", "/v1/webhooks/flood", { key, n: told });
  };
  const enforcements = () => hub.all<Enforcement>("/v1/rule-enforcements?rule=default.tamed");
  const digests = async () => (await enforcements()).filter(({ digest }) => digest !== undefined);

  await flood(5);
  await hub.kill();
  for (const point of digestPoints) {
    const before = told;
    // It may die before it is ready, or while it is asked: what was not answered may be there or not.
    await hub.start({ PETREL_KILL_AT: `${point}:1` }).catch(() => undefined);
    await flood(3).catch(() => undefined);
    expect(told).toBeGreaterThanOrEqual(before);
    await hub.daemon().ended();
  }
  await hub.start();
  await agentReady(hub, "hub");
  await flood(3);
  const held = (all: readonly Enforcement[]) => all.filter(({ status }) => status === "throttled");
  const all = await waitUntil("every digest", async () => {
    const found = await enforcements();
    const made = new Set(found.flatMap(({ id, digest }) => (digest === undefined ? [] : [id])));
    return held(found).every(({ throttle }) => throttle && made.has(throttle.digest)) && found;
  });
  const instances = await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=core.st2.webhook");
  expect(instances.length).toBeGreaterThanOrEqual(told);
  const direct = all.filter(({ status, digest }) => status === "succeeded" && digest === undefined);
  expect([...direct, ...held(all)].map((each) => each.trigger_instance).sort()).toEqual(
    instances.map(({ id }) => id).sort(),
  );
  for (const { id, digest } of await digests()) {
    const toldOf = held(all).filter(({ throttle }) => throttle?.digest === id);
    expect(digest).toMatchObject({ count: toldOf.length });
    expect(await hub.all<Enforcement>(`/v1/rule-enforcements?digest=${id}`)).toHaveLength(toldOf.length);
  }
  const acting = all.filter(({ status }) => status === "succeeded");
  const executions = await waitUntil("all to have run", async () => {
    const found = await hub.all<Execution>("/v1/executions?rule=default.tamed");
    return found.every(({ status }) => status === "succeeded") && found;
  });
  expect(executions.map(({ id }) => id).sort()).toEqual(acting.flatMap((each) => each.executions).sort());
  const said = executions.map(({ result }) => (result as { stdout: string }).stdout.trim());
  const counts = said.map((text) => Number(/, and (\d+):/.exec(text)?.[1]));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(held(all).length);
}, 240_000);
