/** A hub whose database is put back to an old copy, behind the backs of its agents. */
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { agentReady, createAgent, createHub } from "../support/fleet.ts";
import { runPetrel } from "../support/run-petrel.ts";
import {
  createStream,
  expectNothingSetAside,
  expectOneFamilyEach,
  settledHistory,
  shown,
} from "../support/stream.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

test("a hub restored from a copy that is 200 chains old has all of them again, and none runs twice", async () => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  await hub.start();
  agent.start();
  const stream = await createStream(hub, agent, { count: 300, batch: 20 });
  stream.go();
  await stream.reached("append", 40);
  const folder = join(await tempFolder("backup"), "copy");
  expect(await runPetrel(["backup", folder, "--data", hub.data])).toMatchObject({ code: 0 });
  // By hand, and by a pack that the copy does not know: no trigger asks for it again.
  const late = await tempFolder("late");
  const { stdout } = await runPetrel(["pack", "create", "late", "--dir", late, "--json"]);
  const made = await runPetrel(["pack", "register", JSON.parse(stdout).folder, "--data", hub.data]);
  expect(made).toMatchObject({ code: 0 });
  await agentReady(hub, agent.id, ["core", "stream", "late"]);
  const ran = await runPetrel([
    "run",
    "core.local",
    "echo done",
    "--host",
    "web-1",
    "--data",
    hub.data,
    "--json",
  ]);
  expect(ran).toMatchObject({ code: 0 });
  const byHand: Execution = JSON.parse(ran.stdout);
  await settledHistory(hub, stream);
  expect(stream.lines("append")).toHaveLength(300);
  await hub.kill();
  expect(await runPetrel(["restore", folder, "--data", hub.data, "--force"])).toMatchObject({ code: 0 });
  await hub.start();
  const after = await settledHistory(hub, stream);
  const ofStream = after.executions.filter(({ rule }) => rule !== null);
  expectOneFamilyEach({ ...after, executions: ofStream }, stream);
  expect(ofStream.filter(({ status }) => status !== "succeeded").map(shown)).toEqual([]);
  const again = await waitUntil("the agent to have had every request", async () => {
    const { items } = await hub.api<{ items: readonly AgentRecord[] }>("GET", "/v1/agents");
    if (items.some(({ packs }) => "late" in packs)) throw new Error(JSON.stringify(items));
    return true;
  });
  expect(again).toBe(true);
  const numbers = stream.lines("append").map(({ number }) => number);
  expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
  expect(await hub.api<Execution>("GET", `/v1/executions/${byHand.id}`)).toMatchObject({
    action: "core.local",
    agent: "web-1",
    status: "succeeded",
    result: byHand.result,
    log: [{ reason: expect.stringContaining("recovered") }, {}, {}],
  });
  await expectNothingSetAside(hub);

  // And it works on.
  const next = await runPetrel(["run", "core.local", "echo on", "--host", "web-1", "--data", hub.data]);
  expect(next).toMatchObject({ code: 0 });
});
