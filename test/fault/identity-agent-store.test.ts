/** An agent whose store is not the one it had: wiped, damaged, or put back to an older copy. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { agentReady, createAgent, createHub, type TestAgent, type TestHub } from "../support/fleet.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

/** A hub and an agent with a first execution done and a second one that runs; each writes a line when it starts. */
async function fleetAtWork() {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  const file = join(await tempFolder("lines"), "lines");
  await hub.start();
  agent.start();
  await agentReady(hub, agent.id);
  const run = async (name: string, more = "") => {
    const { items } = await hub.api<{ items: Execution[] }>("POST", "/v1/executions", {
      action: "core.local",
      parameters: { cmd: `echo ${name} >> ${file}${more}` },
      target: { host: agent.id },
    });
    return items[0]?.id ?? "";
  };
  const lines = () => (existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : []);
  const get = (id: string) => hub.api<Execution>("GET", `/v1/executions/${id}`);
  const reaches = (id: string, status: Execution["status"]) =>
    waitUntil(`execution ${id} ${status}`, async () => {
      const execution = await get(id);
      if (execution.status !== status) throw new Error(`${execution.status}: ${execution.reason}`);
      return execution;
    });
  return { hub, agent, run, lines, get, reaches };
}

const recordOf = async (hub: TestHub, { id }: TestAgent) => {
  const { items } = await hub.api<{ items: readonly AgentRecord[] }>("GET", "/v1/agents");
  return items.find((each) => each.id === id);
};

/** What LevelDB itself takes for damage: its list of files is cut in the middle. */
function damage(agent: TestAgent): void {
  const store = join(agent.data, "store");
  const list = readdirSync(store).find((name) => name.startsWith("MANIFEST")) ?? "";
  writeFileSync(join(store, list), "x".repeat(100));
}

describe("an agent whose store is", () => {
  test.each([
    ["wiped", (agent: TestAgent) => rmSync(join(agent.data, "store"), { recursive: true })],
    ["damaged", damage],
  ])(
    "%s is a new one to the hub: what was open is abandoned, never sent again, and work goes on",
    async (what, lose) => {
      const { hub, agent, run, lines, get, reaches } = await fleetAtWork();
      const done = await run("done");
      await reaches(done, "succeeded");
      const open = await run("open", "; sleep 60");
      await reaches(open, "running");
      await waitUntil("both lines", () => lines().length === 2);
      const before = await recordOf(hub, agent);
      await agent.kill();
      const queued = await run("queued");
      lose(agent);
      agent.start();
      const abandoned = await reaches(open, "abandoned");
      expect(abandoned.reason).toBe("agent store lost");
      expect(await reaches(queued, "abandoned")).toMatchObject({ reason: "agent store lost" });
      await agentReady(hub, agent.id);
      expect((await recordOf(hub, agent))?.incarnation).not.toBe(before?.incarnation);
      await reaches(await run("after"), "succeeded");
      expect(lines()).toEqual(["done", "open", "after"]);
      expect((await get(done)).status).toBe("succeeded");
      const aside = readdirSync(agent.data).filter((name) => name.startsWith("store.damaged-"));
      expect(aside).toHaveLength(what === "damaged" ? 1 : 0);
      if (what === "damaged") expect(agent.daemon().log()).toContain("moved aside");
    },
  );

  test("rolled back, and then overtakes what it had been: no entry is taken for another, nothing runs twice", async () => {
    const { hub, agent, run, lines, reaches } = await fleetAtWork();
    await reaches(await run("first"), "succeeded");
    await agent.stop();
    const store = join(agent.data, "store");
    const copy = join(await tempFolder("copy"), "store");
    cpSync(store, copy, { recursive: true });
    agent.start();
    const lost = await Promise.all(Array.from({ length: 20 }, (_, i) => run(`lost-${i}`)));
    for (const id of lost) await reaches(id, "succeeded");
    // The hub has its receipt; the copy has never heard of it.
    const open = await run("open", "; sleep 60");
    await reaches(open, "running");
    await agent.kill();
    rmSync(store, { recursive: true });
    cpSync(copy, store, { recursive: true });
    agent.start();
    const later = await Promise.all(Array.from({ length: 40 }, (_, i) => run(`later-${i}`)));
    for (const id of later) await reaches(id, "succeeded");
    const forgotten = await reaches(open, "abandoned");
    expect(forgotten.reason).toContain("rolled back");
    expect(lines().sort()).toEqual(
      ["first", "open", ...lost.map((_, i) => `lost-${i}`), ...later.map((_, i) => `later-${i}`)].sort(),
    );
    expect(await hub.all("/v1/dead-letters")).toEqual([]);
    const all = await hub.all<Execution>("/v1/executions");
    expect(all).toHaveLength(62);
    expect(all.filter(({ status }) => status !== "succeeded").map(({ id }) => id)).toEqual([open]);
  });
});
