/** One action on fifty simulated agents: one execution for each, once, however it is asked for. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fleetPack } from "../../../bench/fleet-pack.ts";
import { startSimulatedAgent } from "../../../bench/simulated-agent.ts";
import { silentLogger } from "../../../shared/log.ts";
import type { AgentRecord } from "../../../shared/model/agent.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { atEnd, sharedByFile } from "../../support/at-end.ts";
import { createHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const count = 50;
const agents = Array.from({ length: count }, (_, n) => `load-${String(n).padStart(3, "0")}`);
const words = ["load.touch", "seq=1", "--labels", "fleet=load"];

async function fleet() {
  const hub = await createHub();
  await hub.start();
  await hub.api("POST", "/v1/packs", { files: fleetPack() });
  const folder = await tempFolder("many");
  const start = async (id: string) => {
    const agent = await startSimulatedAgent({
      ...{ id, folder: join(folder, id), hub: hub.mqtt, log: silentLogger },
      labels: { fleet: "load" },
      ended: () => {},
    });
    atEnd(() => agent.stop());
  };
  await Promise.all(agents.map(start));
  // Labels come with the inventory, which no start waits for.
  await waitUntil("all agents with their labels", async () => {
    const all = await hub.all<AgentRecord>("/v1/agents?limit=100");
    return all.filter(({ labels, online }) => online && labels.fleet === "load").length === count;
  });
  return { hub, user: userOf(hub) };
}

const shared = sharedByFile(fleet);
const agentsOf = (executions: readonly Execution[]) => executions.map(({ agent }) => agent).sort();

describe("one action on fifty agents", () => {
  test.each([
    [["--batch", "7"], 1],
    [["--max-failures", "0"], 0],
  ])("with %j has an execution on each, and one over them", async (options, canary) => {
    const { hub, user } = shared();
    const parent = await user.json<Execution & { children: readonly Execution[] }>(
      "run",
      ...words,
      ...options,
    );
    expect(parent).toMatchObject({
      status: "succeeded",
      fan_out: { agents, canary, started: count, succeeded: count, failed: 0 },
      result: { succeeded: count, failed: 0, not_started: 0 },
    });
    expect(parent.children.map(({ agent, status }) => [agent, status])).toEqual(
      agents.map((agent) => [agent, "succeeded"]),
    );
    const all = await hub.all<Execution>(`/v1/executions?parent=${parent.id}`);
    expect(agentsOf(all)).toEqual(agents);
    const page = await user.run("execution", "list", "--parent", parent.id, "--json", "-n", "30");
    const [, cursor = ""] = /--cursor '(.+)'/.exec(page.stderr) ?? [];
    const rest = await user.json<Execution[]>("execution", "list", "--parent", parent.id, "--cursor", cursor);
    expect(agentsOf([...JSON.parse(page.stdout), ...rest])).toEqual(agents);
  });

  test("without one over them is a list of them", async () => {
    const { user } = shared();
    const made = await user.json<Execution[]>("run", ...words);
    expect(agentsOf(made)).toEqual(agents);
    expect(made.every(({ status }) => status === "succeeded")).toBe(true);
  });
});
