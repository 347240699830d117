/** A first start that dies between the file of a key and the database that is to know it: the next one goes on with it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { firstStartPoints as agentPoints } from "../../agent/kill-points.ts";
import type { KeyView } from "../../hub/datastore/key-view.ts";
import { firstStartPoints as hubPoints } from "../../hub/kill-points.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { agentReady, createAgent, createHub } from "../support/fleet.ts";
import { runPetrel } from "../support/run-petrel.ts";
import { waitUntil } from "../support/wait-until.ts";

test("an agent's key to its secrets is made once, whenever its first start is killed", async () => {
  const hub = await createHub();
  await hub.start();
  for (const point of agentPoints) {
    const agent = await createAgent(hub, point.replace("key-noted.", "web-"));
    const file = join(agent.data, "secrets.key");
    agent.start({ PETREL_KILL_AT: point });
    expect(await agent.daemon().ended(), point).toMatchObject({ signal: "SIGKILL" });
    const key = readFileSync(file, "utf8");
    agent.start();
    await agentReady(hub, agent.id);
    expect(readFileSync(file, "utf8"), point).toBe(key);
    const { items } = await hub.api<{ items: readonly Execution[] }>("POST", "/v1/executions", {
      action: "core.local",
      parameters: { cmd: "echo well" },
      target: { host: agent.id },
    });
    const ended = await waitUntil("the action to end", async () => {
      const execution = await hub.api<Execution>("GET", `/v1/executions/${items[0]?.id}`);
      return ["succeeded", "failed", "abandoned"].includes(execution.status) && execution;
    });
    expect(ended.result).toMatchObject({ stdout: "well" });
    // It reads its own secrets at each later start, too.
    await agent.kill();
    agent.start();
    await waitUntil("it to start again", () => agent.daemon().log().split("agent started").length > 2);
    await agent.stop();
  }
}, 120_000);

test("a hub's keys are made once, whenever its first start is killed", async () => {
  for (const point of hubPoints) {
    const hub = await createHub({ dev: false });
    const file = join(hub.data, "datastore.key");
    const root = join(hub.data, "keys/root.key");
    await expect(hub.start({ PETREL_KILL_AT: point }), point).rejects.toThrow(/^the hub ended/);
    expect(await hub.daemon().ended(), point).toMatchObject({ signal: "SIGKILL" });
    const kept = [file, root].map((path) => (existsSync(path) ? readFileSync(path, "utf8") : null));
    expect(kept.filter((text) => text !== null).length, point).toBeGreaterThan(0);
    await hub.start();
    for (const [n, path] of [file, root].entries())
      if (kept[n] != null) expect(readFileSync(path, "utf8"), `${point} ${path}`).toBe(kept[n]);
    const told = await runPetrel(["key", "set", "token", "planted", "--encrypt", "--data", hub.data]);
    expect(told, point).toMatchObject({ code: 0 });
    await hub.kill();
    await hub.start();
    const { value } = await hub.api<KeyView>("GET", "/v1/keys/token?decrypt=true");
    expect(value, point).toBe("planted");
    expect(hub.daemon().log(), point).not.toMatch(/KEY_FILE|IDENTITY_FILES|ERROR/);
    await hub.stop();
  }
}, 120_000);
