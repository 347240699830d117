/** Timers and webhooks past kill -9 of the hub: each occurrence once, each webhook that was answered there. */
import { expect, test } from "vitest";
import { tellingPoints } from "../../hub/kill-points.ts";
import type { TimerView } from "../../hub/timers/timer-book.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { agentReady, createHub, type TestHub } from "../support/fleet.ts";
import { userOf } from "../support/fleet-user.ts";
import { waitUntil } from "../support/wait-until.ts";

const instancesOf = (hub: TestHub, type: string) =>
  hub.all<TriggerInstance>(`/v1/trigger-instances?trigger=core.st2.${type}`);

const times = (instances: readonly TriggerInstance[]) =>
  instances
    .map(({ payload }) => Date.parse(String((payload as JsonObject).scheduled_at)))
    .sort((a, b) => a - b);

test("a hub that dies before or after it has told an occurrence, or anywhere, fires each one once", async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  const env = { PETREL_TIMERS_CATCH_UP: "all" };
  await hub.start(env);
  await agentReady(hub, "hub");
  const user = userOf(hub);
  await user.rule(`
name: often
enabled: true
trigger: {type: core.st2.IntervalTimer, parameters: {unit: seconds, delta: 2}}
action: {ref: core.echo, parameters: {message: "{{ trigger.scheduled_at }}"}}
`);
  const fired = () => instancesOf(hub, "IntervalTimer");
  await waitUntil("the first occurrence", async () => (await fired()).length > 0);
  await hub.kill();
  for (const point of tellingPoints) {
    const started = hub.start({ ...env, PETREL_KILL_AT: `${point}:2` });
    // It may have died before anybody saw that it was ready.
    await started.catch((error: Error) => expect(error.message).toMatch(/^the hub ended/));
    await hub.daemon().ended();
  }
  await hub.start(env);
  await agentReady(hub, "hub");
  const before = (await fired()).length;
  await waitUntil("it to go on", async () => (await fired()).length > before + 1);
  await user.says("rule", "disable", "default.often");

  const occurred = times(await fired());
  const [first = 0, last = 0] = [occurred[0], occurred.at(-1)];
  // None is missing, none is there twice, none has drifted.
  const wanted = Array.from({ length: (last - first) / 2000 + 1 }, (_, n) => first + n * 2000);
  expect(occurred).toEqual(wanted);
  const executions = await waitUntil("all to have run", async () => {
    const found = await hub.all<Execution>("/v1/executions?rule=default.often");
    return found.length >= wanted.length && found.every(({ status }) => status === "succeeded") && found;
  });
  const said = executions.map(({ result }) => Date.parse((result as { stdout: string }).stdout.trim()));
  expect(said.sort((a, b) => a - b)).toEqual(wanted);
}, 240_000);

test("what was missed is made up for once, and a webhook that was answered is there", async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  await agentReady(hub, "hub");
  const user = userOf(hub);
  await user.rule(`
name: each_second
enabled: true
trigger: {type: core.st2.CronTimer, parameters: {second: "*"}}
action: {ref: core.noop}
`);
  await user.rule(`
name: hook
enabled: true
trigger: {type: core.st2.webhook, parameters: {url: deployed}}
action: {ref: core.echo, parameters: {message: "{{ trigger.body.version }}"}}
`);
  await waitUntil("an occurrence", async () => (await instancesOf(hub, "CronTimer")).length > 0);
  const answered: string[] = [];
  let isOver = false;
  const posting = (async () => {
    for (let version = 1; !isOver; version++) {
      const asked = hub.api<{ trigger_instances: { id: string }[] }>("POST", "/v1/webhooks/deployed", {
        version,
      });
      const id = await asked.then(
        (reply) => reply.trigger_instances[0]?.id,
        () => undefined,
      );
      if (id === undefined) return;
      answered.push(id);
    }
  })();
  await waitUntil("some webhooks", () => answered.length > 20);
  await hub.kill();
  isOver = true;
  await posting;

  // Away for so long that what was due is late.
  const killedAt = Date.now();
  await waitUntil("eleven seconds and more", () => Date.now() - killedAt > 12_000, 60_000);
  await hub.start();
  await agentReady(hub, "hub");
  const late = await waitUntil("one that makes up for the others", async () => {
    const found = (await instancesOf(hub, "CronTimer")).filter(
      ({ occurrence_time }) => Date.parse(occurrence_time) > killedAt,
    );
    return found.length >= 3 && found;
  });
  const gone = times(late);
  expect((gone[0] ?? 0) - killedAt).toBeGreaterThan(10_000);
  const hooks = (await instancesOf(hub, "webhook")).map(({ id }) => id);
  expect(hooks).toEqual(expect.arrayContaining(answered));
  await user.says("rule", "disable", "default.each_second");
  await waitUntil("all to have run", async () => {
    const found = await hub.all<Execution>("/v1/executions?rule=default.hook");
    return found.length === hooks.length && found.every(({ status }) => status === "succeeded");
  });
  const timers = await user.json<readonly TimerView[]>("timer", "list");
  expect(timers).toMatchObject([{ rules: ["default.each_second"], enabled: false, next_fire: null }]);
}, 240_000);
