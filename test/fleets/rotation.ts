/** `npm run fleet:rotation [-- AGENTS]`: real agents, the fleet's keys and CA changed while one is off, all of them back. */
import { join } from "node:path";
import type { Execution } from "../../shared/model/execution.ts";
import { cleanedUpAfter } from "../support/at-end.ts";
import { agentIs, enrolledAgent, newToken } from "../support/enrolled-agent.ts";
import { createHub, type Daemon } from "../support/fleet.ts";
import { runPetrel } from "../support/run-petrel.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const count = Number(process.argv[2] ?? 20);
const patienceMs = 600_000;
const ownUser: Record<string, string> = process.getuid?.() === 0 ? { PETREL_AGENT_ACTIONS_USER: "root" } : {};
const begun = Date.now();
const say = (text: string) =>
  console.log(`${((Date.now() - begun) / 1_000).toFixed(1).padStart(6)} s  ${text}`);

await cleanedUpAfter(async () => {
  const hub = await createHub({ dev: false });
  await hub.start();
  const token = await newToken(hub, { uses: count });
  const agents = await Promise.all(
    Array.from({ length: count }, (_, i) => enrolledAgent(hub, `web-${i + 1}`)),
  );
  const daemons = new Map<string, Daemon>();
  for (const agent of agents) {
    const { code, stderr } = await agent.enroll(token);
    if (code !== 0) throw new Error(`${agent.id}: ${stderr}`);
    daemons.set(agent.id, agent.start(ownUser));
  }
  const online = async () => {
    const { items } = await hub.api<{ items: { id: string; online: boolean }[] }>("GET", "/v1/agents");
    return new Set(items.filter((agent) => agent.online).map(({ id }) => id));
  };
  const allBut = (away: number) =>
    waitUntil(
      `${count - away} agents online`,
      async () => (await online()).size === count - away,
      patienceMs,
    );
  await allBut(0);
  say(`${count} agents are enrolled and online`);
  const [off] = agents;
  if (off === undefined) throw new Error("no agents");
  await daemons.get(off.id)?.stop();
  await agentIs(hub, off.id, false);
  say(`${off.id} is off`);
  const root = join(await tempFolder("root"), "root.key");
  const petrel = async (...words: string[]) => {
    const { code, stderr } = await runPetrel(["hub", ...words, "--data", hub.data]);
    if (code !== 0) throw new Error(`petrel hub ${words.join(" ")}: ${stderr}`);
    say(`petrel hub ${words.slice(0, 2).join(" ")}${words.includes("--drop-old") ? " --drop-old" : ""}`);
  };
  await petrel("root", "export", root);
  await petrel("keys", "rotate", "--root", root);
  await petrel("ca", "rotate", "--root", root);
  await petrel("keys", "rotate", "--drop-old", "--root", root);
  // Those that were there have to connect to what is new as well.
  await hub.stop();
  await hub.start();
  off.start(ownUser);
  await allBut(0);
  say(`all ${count} are back`);
  for (const { id } of agents) {
    const { items } = await hub.api<{ items: readonly Execution[] }>("POST", "/v1/executions", {
      action: "core.local",
      parameters: { cmd: "echo here" },
      target: { host: id },
      user: "test",
    });
    await waitUntil(
      `an action on ${id}`,
      async () => (await hub.api<Execution>("GET", `/v1/executions/${items[0]?.id}`)).status === "succeeded",
      patienceMs,
    );
  }
  say(`each of the ${count} has run an action`);
});
