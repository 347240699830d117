/** A hub is put back to a copy that is older than a rotation of its keys: its agents refuse it, and both sides say so. */
import { cp, rename } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AgentRecord } from "../../shared/model/agent.ts";
import { agentIs, enrolledAgent, newToken } from "../support/enrolled-agent.ts";
import { createHub } from "../support/fleet.ts";
import { runPetrel } from "../support/run-petrel.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

test("agents that have seen newer keys of a hub refuse it, and both doctors and the hub's log say so", async () => {
  const hub = await createHub({ dev: false });
  await hub.start();
  const agent = await enrolledAgent(hub, "web-1");
  await agent.enroll(await newToken(hub));
  agent.start();
  await agentIs(hub, "web-1", true);
  await hub.stop();
  const copy = join(await tempFolder("copy"), "data");
  await cp(hub.data, copy, { recursive: true });
  await hub.start();
  const seen = async () => (await hub.api<AgentRecord>("GET", "/v1/agents/web-1")).hub_keys_serial ?? 0;
  const rotate = () => runPetrel(["hub", "keys", "rotate", "--data", hub.data]);
  expect(await rotate()).toMatchObject({ code: 0 });
  await waitUntil("it to have seen the new keys", async () => (await seen()) > 1);
  await hub.stop();
  await rename(hub.data, `${hub.data}.newer`);
  await cp(copy, hub.data, { recursive: true });
  await hub.start();

  const looked = async (command: "petrel" | "petrel-agent", check: string) => {
    const data = command === "petrel" ? hub.data : agent.data;
    const run = await runPetrel(["doctor", "--check", check, "--json", "--data", data], { command });
    return (JSON.parse(run.stdout) as { findings: { level: string; what: string; fix: string | null }[] })
      .findings;
  };
  const fault = (what: RegExp) => [
    expect.objectContaining({
      level: "fault",
      what: expect.stringMatching(what),
      fix: expect.stringContaining("petrel hub keys rotate"),
    }),
  ];
  await waitUntil("the hub to know", async () => (await seen()) > 1);
  expect(await looked("petrel", "hub-keys-older")).toEqual(
    fault(/it refuses this hub: the hub's keys \(1\)/),
  );
  expect(await looked("petrel-agent", "link")).toEqual(fault(/does not trust the hub: IDENTITY_HUB_KEYS/));
  expect(hub.daemon().log()).toMatch(/an agent refuses this hub.*agent=web-1/);
  await agentIs(hub, "web-1", false);

  expect(await rotate()).toMatchObject({ code: 0 });
  await agentIs(hub, "web-1", true);
  expect(await looked("petrel", "hub-keys-older")).toMatchObject([{ level: "ok" }]);
  // What it refused meanwhile it goes on to count, as a warning.
  await waitUntil("the agent to trust it again", async () => {
    const found = await looked("petrel-agent", "link");
    return found.every(({ level }) => level !== "fault");
  });
});
