/** What is in the environment for some other Node has no effect on a binary. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createAgent, createHub } from "../support/fleet.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const bare = { PATH: "/usr/bin:/bin" };

test("Node's own variables are gone from a running agent, those for packs are not", async () => {
  const hub = await createHub();
  await hub.start(bare);
  const agent = await createAgent(hub, "web-1");
  const folder = await tempFolder("foreign");
  agent.start({
    ...bare,
    NODE_OPTIONS: "--no-such-option",
    NODE_TLS_REJECT_UNAUTHORIZED: "0",
    NODE_DEBUG: "net,tls",
    OPENSSL_CONF: join(folder, "openssl.cnf"),
    NODE_EXTRA_CA_CERTS: join(folder, "ca.pem"),
    LANG: "C.UTF-8",
  });
  await waitUntil("the agent to be started", () => agent.daemon().log().includes("agent started"));
  const names = readFileSync(`/proc/${agent.daemon().pid}/environ`, "utf8")
    .split("\0")
    .map((line) => line.split("=")[0] ?? "");
  expect(names.filter((name) => /^(NODE|OPENSSL)_/.test(name))).toEqual(["NODE_EXTRA_CA_CERTS"]);
  expect(names).toEqual(expect.arrayContaining(["PATH", "LANG"]));
  await agent.stop();
  // What NODE_DEBUG would have had it log.
  expect(agent.daemon().log()).not.toMatch(/^(?:NET|TLS) \d+/m);
});
