/** Runs that go from agent to agent, that start later, that are held, and that are made again: real agents, a real hub. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Execution } from "../../../shared/model/execution.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const agents = ["web-1", "web-2", "web-3"];

async function fleet() {
  const hub = await createHub();
  await hub.start();
  for (const id of agents) (await createAgent(hub, id, ["role=web"])).start();
  for (const id of agents) await agentReady(hub, id, ["core"]);
  return { hub, user: userOf(hub) };
}

const shared = sharedByFile(fleet);
const labels = ["--labels", "role=web"];

type WithChildren = Execution & { readonly children: readonly Execution[] };

function until(id: string, wanted: string, { hub } = shared()): Promise<Execution> {
  return waitUntil(`execution ${id} to be ${wanted}`, async () => {
    const found = await hub.api<Execution>("GET", `/v1/executions/${id}`);
    if (found.status !== wanted) throw new Error(JSON.stringify(found));
    return found;
  });
}

const childrenOf = async (id: string, { hub } = shared()) =>
  (await hub.api<{ items: readonly Execution[] }>("GET", `/v1/executions/${id}/children`)).items;

const statuses = (children: readonly Execution[]) => children.map(({ agent, status }) => [agent, status]);
const on = (status: string) => agents.map((agent) => [agent, status]);

describe("a run that goes from agent to agent", () => {
  test("has one execution over those of the agents, and tells how far it is", async () => {
    const { user } = shared();
    const ran = await user.run("run", "core.local", "cmd=echo done", ...labels, "--batch", "2", "--json");
    expect(ran).toMatchObject({ code: 0 });
    const parent = JSON.parse(ran.stdout) as WithChildren;
    expect(parent).toMatchObject({
      agent: "*",
      status: "succeeded",
      fan_out: { agents, batch: 2, canary: 1, started: 3, succeeded: 3, failed: 0 },
      result: { succeeded: 3, failed: 0, not_started: 0 },
    });
    expect(statuses(parent.children)).toEqual(on("succeeded"));
    expect(parent.children.map((child) => child.parent)).toEqual(Array(3).fill(parent.id));
    expect(ran.stderr).toContain("[####################] 3 of 3 ended, 0 under way");
    const shown = await user.says("execution", "get", parent.id);
    for (const agent of agents) expect(shown).toContain(`agent: ${agent}`);
  });

  test("starts later when it is to, or is canceled before", async () => {
    const { hub, user } = shared();
    const words = ["core.local", "cmd=echo later", ...labels, "--batch", "3"];
    const later = await user.json<Execution>("run", ...words, "--delay", "2", "--async");
    expect(later).toMatchObject({ status: "delayed", fan_out: { started: 0 } });
    expect(await hub.api("GET", `/v1/executions/${later.id}/children`)).toEqual({ items: [] });
    expect(await until(later.id, "succeeded")).toMatchObject({ fan_out: { succeeded: 3 } });
    const never = await user.json<Execution>("run", ...words, "--delay", "3600", "--async");
    expect(await user.json("execution", "cancel", never.id)).toMatchObject({ status: "canceled" });
  });

  test("stops at a canary that fails", async () => {
    const { user } = shared();
    const ran = await user.run("run", "core.local", "cmd=exit 3", ...labels, "--batch", "2", "--json");
    expect(ran.code).toBe(1);
    const parent = JSON.parse(ran.stdout) as WithChildren;
    expect(parent).toMatchObject({
      status: "failed",
      reason: "1 of 3 did not succeed; 2 not started: a canary did not succeed",
      result: { succeeded: 0, failed: 1, not_started: 2 },
    });
    expect(statuses(parent.children)).toEqual([["web-1", "failed"]]);
  });

  test("stops when more have failed than may", async () => {
    const options = ["--batch", "1", "--canary", "0", "--max-failures", "1", "--json"];
    const ran = await shared().user.run("run", "core.local", "cmd=exit 3", ...labels, ...options);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      status: "failed",
      reason: "2 of 3 did not succeed; 1 not started: more than 1 failed",
    });
  });

  test("is tailed with the agents' names before the lines", async () => {
    const { user } = shared();
    const ran = await user.run("run", "core.local", "cmd=echo on", ...labels, "--batch", "1", "--tail");
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    // Each is looked at for itself: whose line comes first is open.
    const lines = ["", ...agents.map((agent) => `${agent} | on`)];
    expect(ran.stdout.split("\n").sort()).toEqual(lines);
    const [parent] = await user.json<Execution[]>("execution", "list", "--agent", "*", "-n", "1");
    expect((await user.says("execution", "tail", parent?.id ?? "")).split("\n").sort()).toEqual(lines);
    const failed = await user.run("run", "core.local", "exit 3", ...labels, "--batch", "1", "--tail");
    expect(failed).toMatchObject({ code: 1, stdout: "" });
  });

  test("is canceled with all that it has started", async () => {
    const { user } = shared();
    const started = await user.json<Execution>(
      "run",
      "core.local",
      "cmd=sleep 600",
      "timeout=900",
      ...labels,
      "--batch",
      "2",
      "--canary",
      "0",
      "--async",
    );
    await waitUntil("two to run", async () => {
      const children = await childrenOf(started.id);
      if (children.filter(({ status }) => status === "running").length !== 2)
        throw new Error(JSON.stringify(statuses(children)));
      return children;
    });
    expect(await user.json("execution", "cancel", started.id)).toMatchObject({ status: "canceling" });
    expect((await until(started.id, "canceled")).result).toMatchObject({ not_started: 1 });
    expect(statuses(await childrenOf(started.id))).toEqual([
      ["web-1", "canceled"],
      ["web-2", "canceled"],
    ]);
  });

  test("goes on where it was when the hub was killed", async () => {
    const own = await fleet();
    const file = join(await tempFolder(), "go");
    const cmd = `cmd=while [ ! -e ${file} ]; do sleep 0.05; done`;
    const parent = await own.user.json<Execution>("run", "core.local", cmd, ...labels, "--batch", "1", "-a");
    await waitUntil("the first to run", async () => {
      const [first] = await childrenOf(parent.id, own);
      if (first?.status !== "running") throw new Error(JSON.stringify(first));
      return first;
    });
    await own.hub.kill();
    await writeFile(file, "");
    await own.hub.start();
    await until(parent.id, "succeeded", own);
    const all = await own.hub.all<Execution>("/v1/executions?action=core.local");
    expect(all).toHaveLength(4);
    expect(statuses(await childrenOf(parent.id, own))).toEqual(on("succeeded"));
  });
});

describe("a run", () => {
  test("starts when its time has come", async () => {
    const { user } = shared();
    const words = ["core.local", "cmd=echo late", "--host", "web-1"];
    const later = await user.json<Execution>("run", ...words, "--delay", "3", "--async");
    expect(later).toMatchObject({ status: "delayed", reason: `starts at ${later.start_at}` });
    const ended = await until(later.id, "succeeded");
    expect(Date.parse(ended.start_timestamp ?? "")).toBeGreaterThanOrEqual(Date.parse(later.start_at ?? ""));
    const never = await user.json<Execution>("run", ...words, "--start-at", "2099-01-01T00:00:00Z", "-a");
    expect(await user.json("execution", "cancel", never.id)).toMatchObject({ status: "canceled" });
  });

  test("is shown before it is made", async () => {
    const { hub, user } = shared();
    const before = await hub.all<Execution>("/v1/executions");
    const preview = await user.json("run", "core.local", "cmd=rm -rf /tmp/x", ...labels, "--dry-run");
    expect(preview).toMatchObject({
      agents,
      command: "rm -rf /tmp/x",
      runner: "local-shell-cmd",
      timeout: 60,
      parameters: { cmd: "rm -rf /tmp/x", sudo: false },
    });
    expect(await hub.all<Execution>("/v1/executions")).toHaveLength(before.length);
  });

  test("is paused and resumed; what does not run cannot be", async () => {
    const { user } = shared();
    const file = join(await tempFolder(), "go");
    const cmd = `cmd=while [ ! -e ${file} ]; do sleep 0.05; done`;
    const { id } = await user.json<Execution>("run", "core.local", cmd, "--host", "web-1", "--async");
    await until(id, "running");
    await user.says("execution", "pause", id);
    await until(id, "paused");
    await writeFile(file, "");
    expect((await user.run("execution", "pause", id)).stderr).toContain("EXECUTION_STATE");
    await user.says("execution", "resume", id);
    await until(id, "succeeded");
    expect((await user.run("execution", "resume", id)).stderr).toContain("EXECUTION_FINAL");
  });

  test("is made again with other parameters", async () => {
    const { user } = shared();
    const words = ["core.local", "cmd=echo $A$B", "env=A=1,B=2", "--host", "web-2"];
    const first = await user.json<Execution>("run", ...words);
    const again = await user.json<Execution>("execution", "re-run", first.id, "env=A=5");
    expect(again).toMatchObject({
      agent: "web-2",
      status: "succeeded",
      rerun_of: first.id,
      result: { stdout: 5 },
    });
  });
});
