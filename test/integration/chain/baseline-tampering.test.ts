/** Somebody who owns a host changes a file and what the agent remembers of it while the agent is stopped: the hub hears of it. */
import { cp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { expect, test } from "vitest";
import type { JsonObject } from "../../../shared/json.ts";
import type { TriggerInstance } from "../../../shared/model/trigger.ts";
import { bytePath } from "../../../shared/watch/paths.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { processesAtHome } from "../../support/home-processes.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

test("an edited record, and a data folder that was put back as a whole, are told", async () => {
  const hub = await createHub();
  await hub.start();
  const agent = await createAgent(hub, "web-1", ["role=web"]);
  agent.start();
  await agentReady(hub, agent.id);
  const watched = await tempFolder("watched");
  const file = join(watched, "passwd");
  await writeFile(file, "root");
  const sets = ["--set", `paths=[{path: ${watched}}]`, "--set", "who=off"];
  await userOf(hub).says("pack", "assign", "watch", "--labels", "role=web", ...sets, "--wait");
  const told = (name: string) => hub.all<TriggerInstance>(`/v1/trigger-instances?trigger=watch.${name}`);
  const checks = async (number: number) =>
    waitUntil(`check ${number} is told`, async () => {
      const sweeps = (await told("baseline_anchor")).map(({ payload }) => (payload as JsonObject).sweep);
      return sweeps.includes(number);
    });
  const tampered = async () =>
    (await told("baseline_tampered")).map(({ payload }) => {
      const { cause, path = null } = payload as { readonly cause: string; readonly path?: string };
      return { cause, path };
    });
  await checks(1);
  await agent.stop();
  expect(await tampered()).toEqual([]);
  const copy = join(await tempFolder("copy"), "data");
  await cp(agent.data, copy, { recursive: true });

  const level = new ClassicLevel<Buffer, Buffer>(join(agent.data, "sensors/watch.FileWatch/baseline"), {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
  });
  const key = Buffer.from(`b${bytePath(file).replaceAll("/", "\0")}`, "latin1");
  const row = await level.get(key);
  if (row === undefined) throw new Error("the file has no record");
  row[70] = (row[70] ?? 0) ^ 1;
  await level.put(key, row);
  await level.close();
  agent.start();
  await checks(2);
  expect(await tampered()).toEqual([{ cause: "edited", path: file }]);
  await agent.stop();

  await rm(agent.data, { recursive: true });
  await cp(copy, agent.data, { recursive: true });
  agent.start();
  await waitUntil("it is told", async () => (await tampered()).length >= 2);
  // Twice where the copy still held an anchor that was not yet told: both are behind what the hub knows.
  const [, ...others] = await tampered();
  expect(new Set(others.map((one) => JSON.stringify(one)))).toEqual(
    new Set([JSON.stringify({ cause: "rolled-back", path: null })]),
  );
});

test("a data folder put back to a moment after the last that was told of the baseline is found by what was told since", async () => {
  const hub = await createHub();
  await hub.start();
  const agent = await createAgent(hub, "web-1", ["role=web"]);
  agent.start();
  await agentReady(hub, agent.id);
  const watched = await tempFolder("watched");
  const file = join(watched, "passwd");
  await writeFile(file, "root");
  const sets = ["--set", `paths=[{path: ${watched}}]`, "--set", "who=off"];
  await userOf(hub).says("pack", "assign", "watch", "--labels", "role=web", ...sets, "--wait");
  const told = (name: string) => hub.all<TriggerInstance>(`/v1/trigger-instances?trigger=watch.${name}`);
  await waitUntil("the baseline is told", async () => (await told("baseline_anchor")).length === 1);
  // As a snapshot of the disk takes it.
  const all = processesAtHome(agent.daemon().home);
  for (const { pid } of all) process.kill(pid, "SIGSTOP");
  const copy = join(await tempFolder("copy"), "data");
  await cp(agent.data, copy, { recursive: true, filter: (path) => !path.endsWith(".sock") });
  for (const { pid } of all) process.kill(pid, "SIGCONT");
  await writeFile(file, "root, and another");
  await waitUntil("the change is told", async () => (await told("file_changed")).length === 1);
  // Killed, it says no more of its baseline.
  for (const { pid } of processesAtHome(agent.daemon().home)) process.kill(pid, "SIGKILL");
  await agent.daemon().ended();
  await rm(agent.data, { recursive: true });
  await cp(copy, agent.data, { recursive: true });
  await writeFile(file, "root");
  agent.start();
  await waitUntil("it is told", async () => (await told("baseline_tampered")).length === 1);
  const [tampered] = await told("baseline_tampered");
  expect(tampered?.payload).toMatchObject({
    cause: "rolled-back",
    detail: "the agent's data was set back: it had told 1 changes, and knows of 0",
  });
});
