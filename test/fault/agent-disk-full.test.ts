/** An agent whose disk is full for a while: it says so, refuses what it could not keep, and goes on by itself. */
import { spawnSync } from "node:child_process";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { createAgent, createHub, type TestHub } from "../support/fleet.ts";
import {
  createStream,
  expectNoOrphans,
  expectNothingSetAside,
  expectOneFamilyEach,
  linesByExecution,
  settledHistory,
} from "../support/stream.ts";
import { waitUntil } from "../support/wait-until.ts";

async function runNoop(hub: TestHub): Promise<Execution> {
  const { items } = await hub.api<{ items: readonly Execution[] }>("POST", "/v1/executions", {
    action: "core.noop",
    parameters: {},
    target: { host: "web-1" },
  });
  const id = items[0]?.id ?? "";
  return waitUntil("the execution to end", async () => {
    const execution = await hub.api<Execution>("GET", `/v1/executions/${id}`);
    return execution.end_timestamp !== null && execution;
  });
}

test("an agent on a full disk is degraded, not dead: no action is taken, none is lost, and all goes on by itself", async (context) => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  await mkdir(agent.data);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=80m,mode=700", "tmpfs", agent.data]);
  if (mounted.status !== 0) {
    console.warn("NOT TESTED: a full disk under the agent needs the right to mount a tmpfs");
    context.skip();
  }
  onTestFinished(() => void spawnSync("umount", ["-l", agent.data]));
  const filler = join(agent.data, "filler");
  const fillDisk = async () => {
    const file = await open(filler, "a");
    const piece = Buffer.alloc(64 * 1024);
    try {
      for (;;) await file.write(piece);
    } catch (error) {
      expect(error).toMatchObject({ code: "ENOSPC" });
    } finally {
      await file.close();
    }
  };
  const condition = async () => (await hub.api<AgentRecord>("GET", "/v1/agents/web-1")).degraded ?? null;
  await hub.start();
  agent.start();
  const stream = await createStream(hub, agent, { count: 300 });
  const { pid } = agent.daemon();
  stream.go();
  await stream.reached("append", 50);
  await fillDisk();
  await waitUntil("the agent to be degraded", condition);
  const refused = await runNoop(hub);
  expect(refused).toMatchObject({ status: "failed", result: { code: "AGENT_DEGRADED" } });
  expect(refused.reason).toMatch(/^AGENT_DEGRADED: the agent takes no action at present: its d/);

  await rm(filler);
  await waitUntil("the agent to be well again", async () => (await condition()) === null);
  expect((await runNoop(hub)).status).toBe("succeeded");
  const history = await settledHistory(hub, stream);
  const ofStream = {
    ...history,
    executions: history.executions.filter(({ action }) => action === "stream.append"),
  };
  expectOneFamilyEach(ofStream, stream);
  // Each that was taken ran once; each that was not says so, and has done nothing.
  const written = linesByExecution(stream, "append", ofStream);
  for (const { id, status } of ofStream.executions) {
    expect([id, status, written.get(id) ?? 0]).toEqual(
      status === "succeeded" ? [id, "succeeded", 1] : [id, "failed", 0],
    );
  }
  await expectNothingSetAside(hub);
  expect(agent.daemon().pid).toBe(pid);
  expect([await agent.stop(), await hub.stop()]).toEqual([0, 0]);
  await expectNoOrphans(agent.daemon(), hub.daemon());
});
