/** A hub and its agents as a user meets them: the command line on one side, files that sensors see on the other. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { expect } from "vitest";
import type { SensorRecord } from "../../shared/model/agent.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { TestAgent, TestHub } from "./fleet.ts";
import { petrelHere } from "./petrel-here.ts";
import type { Ended } from "./run-petrel.ts";
import { tempFolder } from "./temp-folder.ts";
import { waitUntil } from "./wait-until.ts";

/** Packs that only tests run. */
export const packsRunning = resolve(import.meta.dirname, "../fixtures/packs-running");

export interface HubUser {
  run(...args: readonly string[]): Promise<Ended>;
  /** What it prints; the command must succeed. */
  says(...args: readonly string[]): Promise<string>;
  /** With `--json`, read; the command must succeed. */
  json<T>(...args: readonly string[]): Promise<T>;
  /** Makes a rule from its text. */
  rule(yaml: string): Promise<void>;
}

export function userOf(hub: Pick<TestHub, "data">): HubUser {
  const run = (...args: readonly string[]) => petrelHere([...args, "--data", hub.data]);
  const says = async (...args: readonly string[]) => {
    const ended = await run(...args);
    expect({ args, code: ended.code, stderr: ended.stderr }).toMatchObject({ code: 0 });
    return ended.stdout;
  };
  return {
    run,
    says,
    json: async <T>(...args: readonly string[]) => JSON.parse(await says(...args, "--json")) as T,
    async rule(yaml) {
      const file = join(await tempFolder("rule"), "rule.yaml");
      await writeFile(file, yaml);
      expect(await run("rule", "create", file)).toMatchObject({ code: 0, stderr: "" });
    },
  };
}

/** The home of an agent and its children: where sensor `chain.Spool` looks. */
const homeOf = (agent: Pick<TestAgent, "data">) => dirname(agent.data);

let told = 0;

/** Has sensor `chain.Spool` of this agent tell a trigger; it need not be running yet. */
export async function tell(
  agent: Pick<TestAgent, "data">,
  payload: object,
  { trigger = "chain.event", traceTag }: { trigger?: string; traceTag?: string } = {},
): Promise<void> {
  const folder = join(homeOf(agent), "spool");
  await mkdir(folder, { recursive: true });
  const file = join(folder, String(++told).padStart(6, "0"));
  await writeFile(file, JSON.stringify({ trigger, payload, traceTag }));
  await rename(file, `${file}.json`);
}

const ended = new Set(["succeeded", "failed", "timeout", "canceled", "abandoned"]);

/** Every execution that this rule asked for, in their order, once there are `count` and all have ended. */
export function executionsOf(hub: TestHub, rule: string, count = 1): Promise<readonly Execution[]> {
  return waitUntil(`${count} ended executions of rule ${rule}`, async () => {
    const found = await hub.all<Execution>(`/v1/executions?rule=${rule}`);
    if (found.length < count || !found.every(({ status }) => ended.has(status)))
      throw new Error(JSON.stringify(found.map(({ agent, status, reason }) => ({ agent, status, reason }))));
    return found;
  });
}

/** Waits until every sensor named runs, on whichever agent. */
export function sensorsRun(hub: TestHub, ...names: readonly string[]): Promise<unknown> {
  return waitUntil(`${names.join(", ")} to run`, async () => {
    const sensors = await hub.all<SensorRecord>("/v1/sensors");
    const running = sensors.filter(({ state }) => state === "running").map(({ sensor }) => sensor);
    if (!names.every((name) => running.includes(name))) throw new Error(JSON.stringify(sensors));
    return true;
  });
}
