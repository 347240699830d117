/** A hub that stays away until its agent's outbox is full: sensors wait, results find room, and in the end all is there. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Execution } from "../../shared/model/execution.ts";
import { createAgent, createHub, type TestAgent } from "../support/fleet.ts";
import { runPetrel } from "../support/run-petrel.ts";
import {
  createStream,
  expectNothingSetAside,
  expectOneFamilyEach,
  settledHistory,
} from "../support/stream.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

/** What the agent says of itself on its host. */
interface Status {
  readonly degraded: string | null;
  readonly outbox: { readonly entries: number; readonly bytes: number };
  readonly actions: { readonly running: number };
}

async function statusOf(agent: TestAgent): Promise<Status> {
  const args = ["status", "--json", "--data", agent.data];
  const { code, stdout } = await runPetrel(args, { command: "petrel-agent" });
  if (code !== 0) throw new Error("the agent does not answer yet");
  return JSON.parse(stdout) as Status;
}

const mib = 1024 * 1024;
/** Of which 4 are for results and gaps. */
const outboxMib = 8;
const padding = 60_000;
const count = 120;

test("a full outbox loses nothing: the sensor waits, results go by the reserve, and afterwards all is there once", async () => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  const env = { PETREL_AGENT_OUTBOX_MIB: String(outboxMib) };
  const folder = await tempFolder("outbox-full");
  const go = join(folder, "go");
  await hub.start();
  agent.start(env);
  const stream = await createStream(hub, agent, { count, batch: 10, pause: 0, padding });
  const { items } = await hub.api<{ items: readonly Execution[] }>("POST", "/v1/executions", {
    action: "core.local",
    parameters: {
      cmd: `touch ${folder}/begun; until [ -e ${go} ]; do sleep 0.1; done; echo done`,
      timeout: 200,
    },
    target: { host: "web-1" },
  });
  await waitUntil("the action runs", () => existsSync(join(folder, "begun")));
  await hub.kill();

  stream.go();
  const full = await waitUntil("the outbox to be full", async () => {
    const status = await statusOf(agent);
    return status.degraded !== null && status;
  });
  expect(full.degraded).toContain("outbox");
  // More than fits was to be told; it was not taken, and so not promised.
  expect(full.outbox.bytes).toBeGreaterThan(3 * mib);
  expect(full.outbox.bytes).toBeLessThan((outboxMib - 4) * mib);
  expect(full.outbox.bytes).toBeLessThan(count * padding);

  writeFileSync(go, "");
  await waitUntil("the result is stored", async () => (await statusOf(agent)).actions.running === 0);
  const kept = await statusOf(agent);
  expect(kept.outbox.entries).toBeGreaterThan(full.outbox.entries);

  await agent.kill();
  agent.start(env);
  await waitUntil("the new life is full as well", async () => (await statusOf(agent)).degraded !== null);
  expect((await statusOf(agent)).outbox.entries).toBeGreaterThanOrEqual(kept.outbox.entries);

  await hub.start();
  await stream.told();
  const history = await settledHistory(hub, stream);
  const slow = await hub.api<Execution>("GET", `/v1/executions/${items[0]?.id}`);
  expect(slow).toMatchObject({ status: "succeeded", result: { stdout: "done" } });
  const ofStream = { ...history, executions: history.executions.filter(({ id }) => id !== slow.id) };
  expectOneFamilyEach(ofStream, stream);
  expect(new Set(ofStream.executions.map(({ status }) => status))).toEqual(new Set(["succeeded"]));
  expect(
    stream
      .lines("append")
      .map(({ number }) => number)
      .toSorted((a, b) => a - b),
  ).toEqual(Array.from({ length: count }, (_, i) => i + 1));
  await expectNothingSetAside(hub);
  await waitUntil("the agent is well again", async () => (await statusOf(agent)).degraded === null);
});
