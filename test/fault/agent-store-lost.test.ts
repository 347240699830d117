/** An agent that comes back without its store: a disk that was replaced, a host set up anew. */
import { rm } from "node:fs/promises";
import { expect, test } from "vitest";
import type { Execution } from "../../shared/model/execution.ts";
import { agentReady, createAgent, createHub } from "../support/fleet.ts";
import { waitUntil } from "../support/wait-until.ts";

test("what was sent to a store that is lost is abandoned and never sent again; the agent works on at once", async () => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  await hub.start();
  agent.start();
  await agentReady(hub, "web-1");
  const run = async (cmd: string) => {
    const { items } = await hub.api<{ items: readonly Execution[] }>("POST", "/v1/executions", {
      action: "core.local",
      parameters: { cmd },
      target: { host: "web-1" },
    });
    return items[0]?.id ?? "";
  };
  const executionIs = (id: string, status: string) =>
    waitUntil(`${id} to be ${status}`, async () => {
      const execution = await hub.api<Execution>("GET", `/v1/executions/${id}`);
      return execution.status === status ? execution : false;
    });

  const running = await run("sleep 600");
  await executionIs(running, "running");
  await agent.kill();
  const unsent = [await run("echo one"), await run("echo two")];
  await rm(agent.data, { recursive: true });
  agent.start();
  for (const id of [running, ...unsent]) {
    expect((await executionIs(id, "abandoned")).reason).toBe("agent store lost");
  }
  await agentReady(hub, "web-1");
  const fresh = await run("echo fresh");
  expect((await executionIs(fresh, "succeeded")).result).toMatchObject({ stdout: "fresh" });
  expect(agent.daemon().log()).not.toContain(unsent[0]);
  expect([await agent.stop(), await hub.stop()]).toEqual([0, 0]);
});
