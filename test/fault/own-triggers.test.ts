/** Rules on the ends of executions, and on agents: exactly once past kill -9 of the hub, and never round in a circle. */
import { expect, test } from "vitest";
import type { Execution } from "../../shared/model/execution.ts";
import type { Enforcement } from "../../shared/model/rule.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { agentReady, createAgent, createHub } from "../support/fleet.ts";
import { executionsOf, userOf } from "../support/fleet-user.ts";
import { waitUntil } from "../support/wait-until.ts";

const ends = "core.st2.generic.actiontrigger";

test("a rule reacts once to each end of an execution, though the hub is killed meanwhile; what it does calls it no more", async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  await agentReady(hub, "hub");
  const user = userOf(hub);
  await user.rule(`
name: after_end
enabled: true
trigger: {type: ${ends}}
criteria:
  trigger.status: {type: equals, pattern: succeeded}
action:
  ref: core.echo
  parameters: {message: "{{ trigger.action_ref }} {{ trigger.agent }} {{ trigger.execution_id }}"}
`);
  const run = () => user.json<Execution>("run", "core.noop", "--async");
  const made = [await run()];
  // Settled from the start: those that fail at once do so before anybody asks.
  const begun = Promise.allSettled(Array.from({ length: 8 }, run));
  await executionsOf(hub, "default.after_end", 1);
  await hub.kill();
  for (const ended of await begun) {
    if (ended.status === "fulfilled") made.push(ended.value);
  }
  await hub.start();
  await agentReady(hub, "hub");
  made.push(await run());
  const all = () => hub.all<Execution>("/v1/executions?action=core.noop");
  await waitUntil("all to have ended", async () =>
    (await all()).every(({ status }) => status === "succeeded"),
  );
  const wanted = await all();
  expect(wanted.length).toBeGreaterThanOrEqual(made.length);
  const followed = await executionsOf(hub, "default.after_end", wanted.length);
  const said = followed.map(({ result }) => (result as { stdout: string }).stdout.trim()).sort();
  expect(said).toEqual(wanted.map(({ id }) => `core.noop hub ${id}`).sort());

  // The echoes have ended, too: the rule is stopped at each of them, and says so.
  const stopped = await waitUntil("the loop guard", async () => {
    const found = await hub.all<Enforcement>("/v1/rule-enforcements?rule=default.after_end");
    const failed = found.filter(({ status }) => status === "failed");
    return failed.length >= wanted.length && failed;
  });
  expect(stopped).toHaveLength(wanted.length);
  for (const { failure_reason } of stopped) expect(failure_reason).toContain("LOOP_GUARD");
  expect(await hub.all<Execution>("/v1/executions?action=core.echo")).toHaveLength(wanted.length);
});

test("an agent that stays away is told as lost once, and as back when it comes", async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start({ PETREL_AGENTS_LOST_AFTER: "1" });
  await agentReady(hub, "hub");
  const agent = await createAgent(hub, "web-1", ["role=web"]);
  agent.start();
  await agentReady(hub, "web-1");
  const user = userOf(hub);
  for (const what of ["agent_lost", "agent_back"]) {
    await user.rule(`
name: ${what}
enabled: true
trigger: {type: petrel.${what}}
origins: {labels: {role: web}}
action: {ref: core.echo, parameters: {message: "{{ trigger.agent }} ${what}"}}
`);
  }
  await agent.kill();
  const [lost] = await executionsOf(hub, "default.agent_lost");
  expect(lost).toMatchObject({ agent: "hub", result: { stdout: "web-1 agent_lost" } });
  agent.start();
  const [back] = await executionsOf(hub, "default.agent_back");
  expect(back).toMatchObject({ agent: "hub", result: { stdout: "web-1 agent_back" } });
  const told = await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=petrel.agent_lost");
  expect(told).toHaveLength(1);
});
