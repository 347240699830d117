/** Timers and webhooks as a user meets them: rules, the action beside the hub, and the command line. */
import { expect, test } from "vitest";
import { readApiFile } from "../../../hub/http/api-file-fs.ts";
import type { TimerView } from "../../../hub/timers/timer-book.ts";
import type { WebhookView } from "../../../hub/webhooks/webhook-desk.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { executionsOf, packsRunning, userOf } from "../../support/fleet-user.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { waitUntil } from "../../support/wait-until.ts";

test("rules of timers, webhooks and sensors' processes act beside the hub, and the command line shows them", async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  await agentReady(hub, "hub");
  const user = userOf(hub);
  const refused = await user.run("timer", "get", "default.soon");
  expect(refused).toMatchObject({ code: 1 });

  const soon = new Date(Date.now() + 3_000).toISOString();
  await user.rule(`
name: soon
enabled: true
trigger: {type: core.st2.DateTimer, parameters: {date: "${soon}"}}
action: {ref: core.echo, parameters: {message: "{{ trigger.scheduled_at }} {{ trigger.schedule.date }}"}}
`);
  const [timer] = await user.json<readonly TimerView[]>("timer", "list", "--rule", "default.soon");
  expect(timer).toMatchObject({ type: "core.st2.DateTimer", rules: ["default.soon"], next_fire: soon });
  const [execution] = await executionsOf(hub, "default.soon");
  expect(execution).toMatchObject({
    agent: "hub",
    status: "succeeded",
    result: { stdout: `${soon} ${soon}` },
  });
  const after = await user.json<TimerView>("timer", "get", "default.soon");
  expect(after).toMatchObject({ id: timer?.id, next_fire: null, last_scheduled: soon });
  expect(await user.says("timer", "list")).toContain("never: none of its times is to come");

  await user.rule(`
name: on_deploy
enabled: true
trigger: {type: core.st2.webhook, parameters: {url: deployed}}
criteria:
  trigger.body.stage: {type: equals, pattern: live}
  trigger.headers_lower.x-from: {type: equals, pattern: ci}
action: {ref: core.echo, parameters: {message: "version {{ trigger.body.version }}"}}
`);
  const key = (await readApiFile(hub.data))?.key ?? "";
  const post = (stage: string) =>
    fetch(`${hub.url}/v1/webhooks/deployed/?st2-api-key=${key}`, {
      method: "POST",
      headers: { "content-type": "application/json", "X-From": "ci", "St2-Trace-Tag": `deploy-${stage}` },
      body: JSON.stringify({ stage, version: 7 }),
    });
  expect((await post("test")).status).toBe(202);
  const answer = await post("live");
  expect(answer.status).toBe(202);
  const { trigger_instances } = (await answer.json()) as { trigger_instances: { id: string }[] };
  const [deployed] = await executionsOf(hub, "default.on_deploy");
  expect(deployed).toMatchObject({
    agent: "hub",
    trace_tag: "deploy-live",
    trigger_instance: trigger_instances[0]?.id,
    result: { stdout: "version 7" },
  });
  expect(await user.json<readonly WebhookView[]>("webhook", "list")).toEqual([
    { url: "deployed", rules: ["default.on_deploy"], enabled: true },
  ]);
  expect(await user.says("webhook", "get", "deployed")).toContain("default.on_deploy");
  expect(hub.daemon().log()).not.toContain(key);
  expect(await hub.all("/v1/executions?rule=default.on_deploy")).toHaveLength(1);

  for (const what of ["spawn", "exit"]) {
    await user.rule(`
name: sensor_${what}
enabled: true
trigger: {type: core.st2.sensor.process_${what}}
action: {ref: core.echo, parameters: {message: "{{ trigger.agent }} {{ trigger.id }}${what === "exit" ? " {{ trigger.exit_code }}" : ""}"}}
`);
  }
  await user.says("pack", "register", `${packsRunning}/chain`);
  const agent = await createAgent(hub, "web-1");
  agent.start();
  const said = async (rule: string) =>
    (await hub.all<Execution>(`/v1/executions?rule=${rule}`)).map(
      ({ result }) => (result as { stdout: string } | null)?.stdout,
    );
  await waitUntil("the sensor's process to be told", async () =>
    (await said("default.sensor_spawn")).includes("web-1 Spool"),
  );
  await agent.stop();
  await waitUntil("its end to be told", async () =>
    (await said("default.sensor_exit")).includes("web-1 Spool 0"),
  );

  // A rule that could never fire is refused, with the place.
  const wrong =
    "name: x\ntrigger: {type: core.st2.CronTimer, parameters: {hour: 25}}\naction: {ref: core.noop}\n";
  const answered = await runPetrel(["rule", "create", "-", "--data", hub.data], { input: wrong });
  expect(answered.code).toBe(2);
  expect(answered.stderr).toContain("the field hour goes from 0 to 23");
  expect(answered.stderr).toContain("where: rule:2");
  const past =
    "name: y\ntrigger: {type: core.st2.DateTimer, parameters: {date: '2001-01-01'}}\naction: {ref: core.noop}\n";
  const warned = await runPetrel(["rule", "create", "-", "--data", hub.data], { input: past });
  expect(warned).toMatchObject({ code: 0, stderr: expect.stringContaining("have passed: it never fires") });
  expect(await hub.all("/v1/trigger-instances?trigger=core.st2.DateTimer")).toHaveLength(1);
}, 240_000);
