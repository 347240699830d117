/** A hub that comes back with an empty store, while its agents never noticed: they tell what they are once more. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { agentReady, createAgent, createHub } from "../support/fleet.ts";
import { packsRunning, sensorsRun, userOf } from "../support/fleet-user.ts";
import { waitUntil } from "../support/wait-until.ts";

test("an agent tells a hub with a new store its labels and packs, and works for it", async () => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1", ["role=web"]);
  await hub.start();
  agent.start();
  const user = userOf(hub);
  await user.says("pack", "register", `${packsRunning}/chain`);
  await agentReady(hub, "web-1", ["core", "chain"]);
  await sensorsRun(hub, "chain.Spool");

  await hub.stop();
  await rm(join(hub.data, "store"), { recursive: true });
  await hub.start();
  await agentReady(hub, "web-1", ["core"]);
  const { labels, host } = await hub.api<AgentRecord>("GET", "/v1/agents/web-1");
  expect({ labels, host }).toEqual({ labels: { role: "web" }, host: expect.any(String) });

  const [made] = (
    await hub.api<{ items: readonly Execution[] }>("POST", "/v1/executions", {
      action: "core.local",
      parameters: { cmd: "echo again" },
      target: { labels: { role: "web" } },
    })
  ).items;
  const done = await waitUntil("the action to end", async () => {
    const execution = await hub.api<Execution>("GET", `/v1/executions/${made?.id}`);
    return execution.status === "succeeded" ? execution : false;
  });
  expect(done.result).toMatchObject({ stdout: "again" });
  expect([await agent.stop(), await hub.stop()]).toEqual([0, 0]);
});
