/** An agent that is flooded until it grants no more credit: what would mend that reaches it all the same. */
import { expect, test } from "vitest";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { agentReady, createAgent, createHub, type TestAgent, type TestHub } from "../support/fleet.ts";
import { runPetrel } from "../support/run-petrel.ts";
import { expectNothingSetAside } from "../support/stream.ts";
import { waitUntil } from "../support/wait-until.ts";

const maxOpen = 40;
const small = { PETREL_AGENT_ACTIONS_MAX_OPEN: String(maxOpen), PETREL_AGENT_ACTIONS_CONCURRENCY: "4" };
const count = 80;
/** Requests on their way to the hub at once. */
const posters = 8;

interface Figures {
  readonly waiting: number;
  readonly running: number;
}

async function figures(agent: TestAgent): Promise<Figures> {
  const args = ["status", "--json", "--data", agent.data];
  const { code, stdout } = await runPetrel(args, { command: "petrel-agent" });
  if (code !== 0) throw new Error("the agent does not answer yet");
  return (JSON.parse(stdout) as { readonly actions: Figures }).actions;
}

async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: posters }, worker));
}

/** Ids of the executions, oldest first. */
async function flood(hub: TestHub): Promise<readonly string[]> {
  const ids: string[] = [];
  await eachOf([...Array(count).keys()], async (n) => {
    const cmd = `exec sleep 1000 # ${n}`;
    const { items } = await hub.api<{ items: readonly Execution[] }>("POST", "/v1/executions", {
      action: "core.local",
      parameters: { cmd, timeout: 2_000 },
      target: { host: "web-1" },
    });
    ids.push(...items.map(({ id }) => id));
  });
  return ids.toSorted();
}

/** Resolves once the agent has no room for more, while more is to be had. */
function full(agent: TestAgent): Promise<unknown> {
  return waitUntil("the agent's queue to be full", async () => {
    const now = await figures(agent);
    return now.waiting + now.running === maxOpen;
  });
}

const status = async (hub: TestHub, id: string) =>
  (await hub.api<Execution>("GET", `/v1/executions/${id}`)).status;

async function registerPack(hub: TestHub, name: string, version: string): Promise<string> {
  const fields = {
    ref: name,
    name,
    description: "Comes later.",
    version,
    author: "test",
    email: "t@example.org",
  };
  const manifest = Object.entries(fields).map(([field, value]) => `${field}: ${value}`);
  const files = [{ path: "pack.yaml", content: Buffer.from(manifest.join("\n")).toString("base64") }];
  return (await hub.api<{ digest: string }>("POST", "/v1/packs", { files })).digest;
}

async function heldBy(hub: TestHub): Promise<AgentRecord["packs"]> {
  const { items } = await hub.api<{ items: readonly AgentRecord[] }>("GET", "/v1/agents");
  return items[0]?.packs ?? {};
}

test("a full agent is told to cancel and which packs to run, past kill -9 of both; what was flooded comes to its end", async () => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  await hub.start();
  agent.start(small);
  await agentReady(hub, "web-1");
  const ids = await flood(hub);
  await full(agent);

  // A version of a pack comes, although nothing in the queue moves.
  const first = await registerPack(hub, "later", "1.0.0");
  await waitUntil("the pack", async () => (await heldBy(hub)).later === first);

  const runs = await waitUntil("one that runs", async () => {
    const { items } = await hub.api<{ items: readonly Execution[] }>(
      "GET",
      "/v1/executions?status=running&limit=1",
    );
    return items[0]?.id;
  });
  // What the agent holds is the oldest: one in the middle waits there, the last one has not got so far.
  const waits = ids[maxOpen / 2] ?? "";
  const unsent = ids.at(-1) ?? "";
  expect(await status(hub, waits)).toBe("scheduled");
  for (const id of [runs, waits, unsent]) await hub.api("DELETE", `/v1/executions/${id}`);
  await hub.kill();
  await hub.start();
  for (const id of [runs, waits])
    await waitUntil("a cancel to arrive", async () => (await status(hub, id)) === "canceled");

  await full(agent);
  await agent.kill();
  agent.start(small);
  const second = await registerPack(hub, "later", "1.0.1");
  await waitUntil("the next version", async () => (await heldBy(hub)).later === second);

  await eachOf(ids, async (id) => {
    if (["scheduled", "running"].includes(await status(hub, id)))
      await hub.api("DELETE", `/v1/executions/${id}`);
  });
  await waitUntil("the queue is empty", async () => {
    const now = await figures(agent);
    return now.waiting + now.running === 0;
  });
  for (const id of ids)
    await waitUntil(`${id} to end`, async () => /^(canceled|abandoned)$/.test(await status(hub, id)));
  expect(await status(hub, unsent)).toBe("canceled");
  // It is as good as new.
  const { items } = await hub.api<{ items: readonly Execution[] }>("POST", "/v1/executions", {
    action: "core.local",
    parameters: { cmd: "echo well" },
    target: { host: "web-1" },
  });
  const last = items[0]?.id ?? "";
  await waitUntil("a run after all that", async () => (await status(hub, last)) === "succeeded");
  await expectNothingSetAside(hub);
});
