/** Hub, agent and watching sensor, with a rule that answers each new file with an action that does nothing. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startAgentProcess } from "./agent-process.ts";
import { startHub } from "./hub-process.ts";
import type { TouchedSide } from "./touched.ts";

const concurrency = 32;
const patienceMs = 60_000;

function pack(watched: string) {
  const files = {
    "pack.yaml": {
      ref: "touched",
      name: "touched",
      version: "1.0.0",
      description: "Touched",
      author: "Petrel",
    },
    "actions/ran.yaml": {
      name: "ran",
      runner_type: "noop",
      enabled: true,
      parameters: { path: { type: "string", required: true } },
    },
    "rules/touched.yaml": {
      name: "touched",
      enabled: true,
      trigger: { type: "watch.file_changed" },
      criteria: {
        "trigger.path": { type: "startswith", pattern: `${watched}/` },
        "trigger.status": { type: "equals", pattern: "created" },
      },
      action: { ref: "touched.ran", parameters: { path: "{{ trigger.path }}" } },
      // More than a hundred a second are a burst, which rules leave alone.
      bursts: "each",
    },
  };
  return Object.entries(files).map(([path, value]) => ({
    path,
    content: Buffer.from(JSON.stringify(value)).toString("base64"),
  }));
}

interface Ended {
  readonly parameters: { readonly path: string };
  readonly status: string;
  readonly end_timestamp: string | null;
}

export async function startFleet(
  folder: string,
  watched: string,
  settings: Readonly<Record<string, number>>,
): Promise<TouchedSide> {
  const own = mkdtempSync(join(folder, "fleet-"));
  const hub = await startHub({ folder: own, brokerUrl: null, env: {}, execArgv: [] });
  const agent = startAgentProcess({ folder: own, hub: hub.mqtt, id: "web-1", concurrency, execArgv: [] });
  const lines = async <T>(path: string): Promise<readonly T[]> => {
    const text = await (await hub.ask(path)).text();
    return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as T]));
  };
  const until = async (what: string, isSo: () => Promise<boolean>) => {
    const began = performance.now();
    while (!(await isSo())) {
      if (performance.now() - began > patienceMs) throw new Error(`${what}: not within ${patienceMs} ms`);
      await sleep(100);
    }
  };
  await hub.ask("/v1/packs", { files: pack(watched) });
  const assigned = await fetch(`${hub.url}/v1/packs/watch/assignment`, {
    method: "PUT",
    headers: { authorization: `Bearer ${hub.key}`, "content-type": "application/json" },
    body: JSON.stringify({ to: "all", config: { ...settings, paths: [{ path: watched }] } }),
  });
  if (!assigned.ok) throw new Error(`watch could not be assigned: ${await assigned.text()}`);
  await until("the sensor runs", async () =>
    (await lines<{ sensor: string; state: string }>("/v1/sensors")).some(
      ({ sensor, state }) => sensor === "watch.FileWatch" && state === "running",
    ),
  );
  await until("the agent has the pack", async () =>
    (await lines<{ packs: object }>("/v1/agents")).some(({ packs }) => Object.hasOwn(packs, "touched")),
  );
  return {
    // The list of them would cost the hub more than they did.
    async count() {
      const text = await (await hub.ask("/metrics")).text();
      const counted = text.matchAll(/^petrel_executions_ended_total(?:\{[^}]*\})? (\d+)$/gm);
      return [...counted].reduce((sum, [, value]) => sum + Number(value), 0);
    },
    ran: async () =>
      (await lines<Ended>("/v1/executions?action=touched.ran"))
        .filter(({ status }) => status === "succeeded")
        // By the agent's clock, which is this machine's.
        .map(({ parameters, end_timestamp: at }) => ({ path: parameters.path, at: Date.parse(at ?? "") })),
    async stop() {
      await agent.stop();
      await hub.stop();
      rmSync(own, { recursive: true });
    },
  };
}
