/** A hub whose database is put back to an old copy, behind the backs of its agents. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { fakeClock, hasFakeClock } from "../support/fake-clock.ts";
import { agentReady, createAgent, createHub } from "../support/fleet.ts";
import { runPetrel } from "../support/run-petrel.ts";
import {
  createStream,
  expectNothingSetAside,
  expectOneFamilyEach,
  settledHistory,
  shown,
  streamLength,
} from "../support/stream.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

test("a hub restored from a copy that is hundreds of chains old has all of them again, and none runs twice", async () => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  await hub.start();
  agent.start();
  const stream = await createStream(hub, agent, { count: streamLength });
  stream.go();
  await stream.reached("append", 40);
  const folder = join(await tempFolder("backup"), "copy");
  expect(await runPetrel(["backup", folder, "--data", hub.data])).toMatchObject({ code: 0 });
  await settledHistory(hub, stream);
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
  expect(stream.lines("append")).toHaveLength(stream.count);
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
  expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: stream.count }, (_, i) => i + 1));
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

test("triggers of one agent whose actions ran on another come back as they were, whoever tells first", async () => {
  const hub = await createHub();
  const [origin, target] = [await createAgent(hub, "web-1"), await createAgent(hub, "web-2")];
  await hub.start();
  origin.start();
  target.start();
  await agentReady(hub, target.id);
  const stream = await createStream(hub, origin, { count: 50, batch: 20, actions: [] });
  // Both agents run the sensor.
  const both = { ...stream, count: 100, actions: ["append"] as const };
  await agentReady(hub, target.id, ["core", "stream"]);
  await hub.api("POST", "/v1/rules", {
    name: "elsewhere",
    pack: "default",
    enabled: true,
    trigger: { type: "stream.number" },
    action: {
      ref: "stream.append",
      parameters: { number: "{{ trigger.number }}" },
      target: { host: "web-2" },
    },
  });
  const lines = () => stream.lines("append").map(({ number }) => number);
  const copy = join(await tempFolder("backup"), "copy");
  expect(await runPetrel(["backup", copy, "--data", hub.data])).toMatchObject({ code: 0 });
  stream.go();
  await stream.reached("append", 100);
  await settledHistory(hub, both);
  // The one that ran them comes back first: the hub hears how they ended before it knows of what.
  await origin.stop();
  await hub.kill();
  expect(await runPetrel(["restore", copy, "--data", hub.data, "--force"])).toMatchObject({ code: 0 });
  await hub.start();
  await agentReady(hub, target.id);
  origin.start();
  const { instances, executions } = await settledHistory(hub, both);
  expect(executions.map(({ trigger_instance }) => trigger_instance).sort()).toEqual(
    instances.map(({ id }) => id).sort(),
  );
  expect(executions.filter(({ status }) => status !== "succeeded").map(shown)).toEqual([]);
  expect(lines().sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => Math.floor(i / 2) + 1));
  await expectNothingSetAside(hub);
});

test.skipIf(!hasFakeClock)(
  "what agents have deleted since the copy is a gap, and what was open gets its end",
  async () => {
    const hub = await createHub();
    const agent = await createAgent(hub, "web-1");
    const clock = await fakeClock("+0");
    await hub.start();
    agent.start({ ...clock.env });
    await agentReady(hub, agent.id);
    const file = join(await tempFolder("lines"), "lines");
    const run = async (cmd: string) => {
      const { items } = await hub.api<{ items: readonly Execution[] }>("POST", "/v1/executions", {
        action: "core.local",
        parameters: { cmd: `echo x >> ${file}; ${cmd}` },
        target: { host: "web-1" },
      });
      return items[0]?.id ?? "";
    };
    const succeeded = (id: string) =>
      waitUntil(`${id} succeeded`, async () => {
        const execution = await hub.api<Execution>("GET", `/v1/executions/${id}`);
        if (execution.status !== "succeeded") throw new Error(shown(execution));
        return execution;
      });
    const open = await run(`until [ -e ${file}.go ]; do sleep 0.1; done; echo the end`);
    await waitUntil("it runs", () => existsSync(file));
    const copy = join(await tempFolder("backup"), "copy");
    expect(await runPetrel(["backup", copy, "--data", hub.data])).toMatchObject({ code: 0 });
    writeFileSync(`${file}.go`, "");
    await succeeded(open);
    for (let i = 0; i < 5; i++) await succeeded(await run("true"));
    // What was receipted a day ago goes with what is written next.
    clock.set("+2d");
    for (let i = 0; i < 5; i++) await succeeded(await run("true"));
    await hub.kill();
    expect(await runPetrel(["restore", copy, "--data", hub.data, "--force"])).toMatchObject({ code: 0 });
    await hub.start();
    const ended = await succeeded(open);
    expect(ended.result).toMatchObject({ stdout: "the end" });
    expect(await hub.all("/v1/gaps")).toContainEqual(
      expect.objectContaining({
        agent: "web-1",
        direction: "up",
        reason: expect.stringContaining("deleted"),
      }),
    );
    expect(readFileSync(file, "utf8")).toBe("x\n".repeat(11));
    await succeeded(await run("true"));
  },
);
