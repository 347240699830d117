/** From what happens to what people are told: a real hub, its agent, and servers that take the alerts. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { packsRunning, sensorsRun, tell, userOf } from "../../support/fleet-user.ts";
import { waitUntil } from "../../support/wait-until.ts";

interface Told {
  readonly title: string;
  readonly host: string;
  readonly event: Record<string, unknown>;
}

async function sink() {
  const told: Told[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    told.push(JSON.parse(body) as Told);
    response.end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { told, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/s3cret` };
}

test("alerts are tried, and told of changed files and lost agents by the sample rules", async () => {
  const { told, url } = await sink();
  const hub = await createHub({ args: ["--with-agent"] });
  const env = { PETREL_AGENTS_LOST_AFTER: "2" };
  await hub.start(env);
  const agent = await createAgent(hub, "web-1");
  agent.start();
  const user = userOf(hub);
  await user.says("pack", "register", `${packsRunning}/chain`);
  await agentReady(hub, "hub", ["alert", "core"]);
  await agentReady(hub, "web-1", ["chain", "core"]);

  const unset = await user.run("alert", "test", "webhook");
  expect(unset).toMatchObject({ code: 1 });
  expect(unset.stderr).toContain("has no 'webhook.url'");
  await user.says("pack", "config", "alert", "--set", `webhook.url=${url}`);
  expect(await user.says("pack", "config", "alert")).not.toContain("s3cret");
  await waitUntil("the configuration to be there", async () => {
    return (await user.run("alert", "test", "webhook")).code === 0;
  });
  expect(told[0]).toMatchObject({ title: "A test by `petrel alert test`" });

  await user.says("rule", "enable", "alert.file_changed_webhook");
  await user.says("rule", "enable", "alert.agent_lost_webhook");
  // What an operator has switched on stays on, though the pack comes again with the hub.
  await hub.stop();
  await hub.start(env);
  await agentReady(hub, "hub", ["alert"]);
  await agentReady(hub, "web-1", ["chain"]);
  await sensorsRun(hub, "chain.Spool");
  const payload = { path: "/etc/passwd", status: "modified", actor: { pid: 7, user: "root" } };
  await tell(agent, payload, { trigger: "watch.file_changed" });
  const change = await waitUntil("the change to be told", async () =>
    told.find(({ title }) => title === "/etc/passwd modified"),
  );
  expect(change.event).toMatchObject(payload);
  expect(change.host).not.toBe("");
  await agent.kill();
  const lost = await waitUntil("the lost agent to be told", async () =>
    told.find(({ title }) => title === "agent web-1 is lost"),
  );
  expect(lost.event).toMatchObject({ agent: "web-1" });
  const seen = await user.says("execution", "list", "--action", "alert.webhook", "--json");
  expect(seen).not.toContain("s3cret");
}, 180_000);
