/** How people and Prometheus learn how agents and hub are: the agent's socket, the hub's metrics, one look at all. */
import { existsSync, statSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { expect, test } from "vitest";
import { askCoverage, askStatus } from "../../../agent/status/ask-http.ts";
import type { Top } from "../../../hub/figures/figures.ts";
import { readApiFile } from "../../../hub/http/api-file-fs.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { waitUntil } from "../../support/wait-until.ts";

function ask(socketPath: string, path: string): Promise<{ code: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({ code: response.statusCode, body: Buffer.concat(chunks).toString("utf8") }),
      );
    });
    asked.on("error", reject);
    asked.end();
  });
}

test("an agent and its hub say how they are, also when the other one is away", async () => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  const status = () => runPetrel(["status", "--data", agent.data], { command: "petrel-agent" });
  const socket = join(agent.data, "agent.sock");
  await expect(askStatus(socket)).rejects.toMatchObject({ code: "AGENT_UNREACHABLE" });
  await hub.start();
  agent.start();
  await agentReady(hub, "web-1");
  const run = () =>
    hub.api("POST", "/v1/executions", { action: "core.noop", parameters: {}, target: { host: "web-1" } });
  await run();

  expect(statSync(socket).mode & 0o777).toBe(0o600);
  expect((await status()).stdout).toMatch(/^agent +web-1,/);
  const said = await askStatus(socket);
  expect(said).toMatchObject({ id: "web-1", link_up: true, packs: { core: expect.any(String) } });
  expect(said.link.entriesSent).toBeGreaterThan(0);
  expect(await ask(socket, "/healthz")).toEqual({
    code: 200,
    body: '{"ok":true,"store":"ok","link":"up"}\n',
  });
  expect((await ask(socket, "/metrics")).body).toContain("\npetrel_agent_link_up 1\n");
  expect((await ask(socket, "/else")).code).toBe(404);
  expect(said).toMatchObject({
    pid: agent.daemon().pid,
    hub_version: said.version,
    skew_ms: expect.any(Number),
  });
  expect(JSON.parse((await ask(socket, "/recent")).body)).toEqual(expect.any(Array));
  expect(await ask(socket, "/coverage")).toMatchObject({ code: 503 });
  await expect(askCoverage(socket)).rejects.toMatchObject({
    code: "SENSOR_NOT_RUNNING",
    hint: /petrel pack assign watch/,
  });

  const top = () => hub.api<Top>("GET", "/v1/top");
  const all = await waitUntil("the execution among the chains", async () => {
    const seen = await top();
    return seen.chains.some((chain) => chain.status === "succeeded") ? seen : null;
  });
  expect(all.hub.totals).toMatchObject({ executions: 1, ended: { succeeded: 1 } });
  expect(all.agents).toMatchObject([{ id: "web-1", state: "online", backlog: 0, undelivered: 0 }]);
  const once = await runPetrel(["top", "--once", "--data", hub.data]);
  expect(once.stdout).toMatch(/web-1 +online/);
  expect(once.stdout).toContain("core.noop");
  const metrics = await fetch(`${hub.url}/metrics`, {
    headers: { authorization: `Bearer ${(await readApiFile(hub.data))?.key}` },
  });
  expect(await metrics.text()).toMatch(/\npetrel_store_commit_seconds_count [1-9]/);

  // Killed, it leaves its socket behind, which the next life replaces; with its hub away it is well all the same.
  await agent.kill();
  await waitUntil("the hub to see it", async () => (await top()).agents[0]?.state === "away");
  expect(await run()).toMatchObject({ items: [{ status: "scheduled" }] });
  expect((await top()).agents).toMatchObject([{ state: "away", backlog: null, undelivered: 1 }]);
  await hub.stop();
  expect(existsSync(socket)).toBe(true);
  agent.start();
  const health = await waitUntil("the new life answers", async () => (await ask(socket, "/healthz")).body);
  expect(JSON.parse(health)).toEqual({ ok: true, store: "ok", link: "away" });
});
