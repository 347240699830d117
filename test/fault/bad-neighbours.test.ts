/** A frozen, a flooding and a garbage-sending agent beside fifty healthy ones, which come to no harm. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { fleetPack, triggerOf } from "../../bench/fleet-pack.ts";
import { type BadNeighbour, startNeighbour } from "../../bench/neighbours.ts";
import { type SimulatedAgent, startSimulatedAgent } from "../../bench/simulated-agent.ts";
import { readApiFile } from "../../hub/http/api-file-fs.ts";
import { silentLogger } from "../../shared/log.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { atEnd } from "../support/at-end.ts";
import { createHub, type TestHub } from "../support/fleet.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const healthy = 50;
const rounds = 8;
const mib = 1024 * 1024;

async function metric(hub: TestHub, name: string): Promise<number> {
  const authorization = `Bearer ${(await readApiFile(hub.data))?.key}`;
  const text = await (await fetch(`${hub.url}/metrics`, { headers: { authorization } })).text();
  const value = new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1];
  if (value === undefined) throw new Error(`no metric ${name}`);
  return Number(value);
}

/** The most that a figure ever was, until it is stopped. */
function watchMetric(hub: TestHub, name: string): () => Promise<number> {
  let most = 0;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      most = Math.max(most, await metric(hub, name));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  return async () => {
    isOver = true;
    await watching;
    return most;
  };
}

test("beside them each chain of the healthy ones completes, once, and the hub keeps to its budget", async () => {
  const hub = await createHub();
  await hub.start();
  const files = fleetPack();
  await hub.api("POST", "/v1/packs", { files });
  const folder = await tempFolder("neighbours");
  const ended = new Map<number, number>();
  const agents: SimulatedAgent[] = [];
  for (let n = 0; n < healthy; n++) {
    const agent = await startSimulatedAgent({
      id: `healthy-${n}`,
      folder: join(folder, `healthy-${n}`),
      hub: hub.mqtt,
      log: silentLogger,
      ended: (seq) => ended.set(seq, (ended.get(seq) ?? 0) + 1),
    });
    atEnd(() => agent.stop());
    agents.push(agent);
  }
  const neighbours: BadNeighbour[] = [];
  for (const role of ["frozen", "flooding", "garbage"] as const) {
    const neighbour = await startNeighbour(role, hub.mqtt, folder);
    atEnd(() => neighbour.stop());
    neighbours.push(neighbour);
  }
  const [, flooding, garbage] = neighbours;
  const intake = watchMetric(hub, "petrel_intake_bytes");
  const resident = watchMetric(hub, "process_resident_memory_bytes");

  for (let round = 0; round < rounds; round++) {
    const first = 1 + round * healthy;
    await Promise.all(
      agents.map((agent, n) => {
        const { trigger, payload } = triggerOf(first + n);
        return agent.trigger(trigger, payload);
      }),
    );
    await waitUntil("the chains of this round", () => ended.size === first + healthy - 1, 120_000);
  }
  await waitUntil(
    "the bad ones have done their worst",
    async () => {
      const flood = (await flooding?.said())?.bytes ?? 0;
      const noise = (await garbage?.said())?.messages ?? 0;
      return flood > 8 * mib && noise > 200;
    },
    120_000,
  );

  expect([...ended.values()].filter((times) => times !== 1)).toEqual([]);
  const isHealthy = (agent: string | null) => agent?.startsWith("healthy-") === true;
  const instances = (await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=load.changed_1")).filter(
    ({ origin }) => isHealthy(origin.agent),
  );
  expect(instances).toHaveLength((healthy * rounds) / 20);
  const executions = (await hub.all<Execution>("/v1/executions")).filter(({ agent }) => isHealthy(agent));
  expect(executions.map(({ status }) => status)).toEqual(Array(healthy * rounds).fill("succeeded"));
  expect(new Set(executions.map(({ parameters }) => parameters.seq)).size).toBe(healthy * rounds);
  expect(await intake()).toBeLessThanOrEqual(64 * mib);
  // Far above what it needs, far below what it was sent and would have had to keep.
  expect(await resident()).toBeLessThan(640 * mib);
  expect(await metric(hub, "petrel_link_entries_received_total")).toBeGreaterThan(healthy * rounds);
  const { items } = await hub.api<{ items: readonly { readonly id: string; readonly online: boolean }[] }>(
    "GET",
    "/v1/agents?limit=100",
  );
  expect(items.filter(({ id, online }) => isHealthy(id) && online)).toHaveLength(healthy);
});
