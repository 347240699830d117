/** An agent that becomes the next version of itself (SIGUSR2): its process stays, and its running actions run on. */

import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { askStatus } from "../../../agent/status/ask-http.ts";
import type { JsonObject } from "../../../shared/json.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { atEnd, sharedByFile } from "../../support/at-end.ts";
import { withBinaries } from "../../support/command-path.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { waitingPack } from "../../support/script-pack.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const bench = sharedByFile(async () => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  await hub.start();
  agent.start({ PETREL_AGENT_ACTIONS_DRAIN_SECONDS: "600" });
  await agentReady(hub, "web-1");
  const start = async (action: string, parameters: JsonObject) => {
    const body = { action, parameters, target: { host: "web-1" } };
    const { items } = await hub.api<{ items: Execution[] }>("POST", "/v1/executions", body);
    return items[0]?.id ?? "";
  };
  const execution = (id: string) => hub.api<Execution>("GET", `/v1/executions/${id}`);
  const run = (ids: readonly string[]) =>
    waitUntil("all of them run", async () => {
      const all = await Promise.all(ids.map(execution));
      return all.every(({ status }) => status === "running");
    });
  const settled = (id: string) =>
    waitUntil(`execution ${id} to end`, async () => {
      const found = await execution(id);
      if (found.end_timestamp === null) throw new Error(found.status);
      return found;
    });
  return { hub, agent, start, execution, run, settled };
});

test("running shell actions keep their processes, their output and their exit codes; timeouts and cancels reach them", async () => {
  const { hub, agent, start: startAction, run, settled } = bench();
  const folder = await tempFolder("renewed");
  const start = (cmd: string, timeout = 120) => startAction("core.local", { cmd, timeout });
  const go = join(folder, "go");
  const talks = `echo $$ > ${folder}/pid; n=0; until [ -e ${go} ]; do n=$((n+1)); echo line $n; echo err $n >&2; sleep 0.02; done; echo lines $n; exit 7`;
  const talking = await start(talks);
  // The character is cut in two by the hand-over.
  const cut = await start(`printf 'a\\303'; until [ -e ${go} ]; do sleep 0.05; done; printf '\\244b'`);
  const slow = await start("sleep 600", 3);
  const canceled = await start("sleep 601");
  await run([talking, cut, slow, canceled]);

  const status = () => askStatus(join(agent.data, "agent.sock"));
  const { pid } = agent.daemon();
  let before = (await status()).started_at;
  for (let renewals = 0; renewals < 2; renewals++) {
    process.kill(pid, "SIGUSR2");
    before = await waitUntil("the next agent answers", async () => {
      const { started_at, link_up } = await status();
      return link_up && started_at !== before && started_at;
    });
  }
  await hub.api("DELETE", `/v1/executions/${canceled}`);
  expect(await settled(canceled)).toMatchObject({ status: "canceled" });
  expect(await settled(slow)).toMatchObject({ status: "timeout", reason: "timed out after 3 s" });
  await writeFile(go, "");
  const talked = await settled(talking);
  const { stdout, stderr, return_code } = talked.result as {
    stdout: string;
    stderr: string;
    return_code: number;
  };
  const lines = Number(/lines (\d+)/.exec(stdout)?.[1]);
  const numbers = Array.from({ length: lines }, (_, n) => n + 1);
  expect([talked.status, return_code]).toEqual(["failed", 7]);
  expect(stdout.trim()).toBe([...numbers.map((n) => `line ${n}`), `lines ${lines}`].join("\n"));
  expect(stderr.trim()).toBe(numbers.map((n) => `err ${n}`).join("\n"));
  expect(await settled(cut)).toMatchObject({ status: "succeeded", result: { stdout: "aäb" } });
});

test("running scripts keep their processes, their values and their results", async () => {
  const { hub, agent, start, run, settled } = bench();
  await userOf(hub).says("pack", "register", await waitingPack());
  await agentReady(hub, "web-1", ["core", "waiting"]);
  const folder = await tempFolder("renewed");
  const go = join(folder, "go");
  const names = ["python", "node"];
  const scripts = await Promise.all(
    names.map((name) => start(`waiting.${name}`, { go, before: join(folder, name) })),
  );
  await run(scripts);
  await waitUntil("both to wait", () => names.every((name) => existsSync(join(folder, name))));
  const status = () => askStatus(join(agent.data, "agent.sock"));
  let before = (await status()).started_at;
  for (let renewals = 0; renewals < 3; renewals++) {
    process.kill(agent.daemon().pid, "SIGUSR2");
    before = await waitUntil("the next agent answers", async () => {
      const { started_at, link_up } = await status();
      return link_up && started_at !== before && started_at;
    });
  }
  await writeFile(go, "");
  for (const id of scripts) {
    const { status: how, result } = await settled(id);
    const { stdout, result: returned } = result as { stdout: string; result: { asked: number; own: string } };
    expect(how).toBe("succeeded");
    expect(stdout).toMatch(/^printed before, pid (\d+)\nprinted after, pid \1\n$/);
    expect([returned.own, returned.asked > 0]).toEqual([String(returned.asked), true]);
  }
});

test("an end that is asked for while the agent makes room is one; until then no action is let go of", async () => {
  const { hub, agent, start, run, settled } = bench();
  const { pid } = agent.daemon();
  const folder = await tempFolder("renewed");
  const server = createServer(() => {});
  await once(server.listen(0, "127.0.0.1"), "listening");
  atEnd(() => server.closeAllConnections());
  atEnd(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // Cannot be handed over, and is waited for.
  const asking = await start("core.http", { url, timeout: 600 });
  const canceled = await start("core.local", { cmd: "sleep 602", timeout: 600 });
  const lasting = await start("core.local", { cmd: `echo $$ > ${folder}/pid; exec sleep 603`, timeout: 600 });
  await run([asking, canceled, lasting]);
  const shell = Number(await readFile(join(folder, "pid"), "utf8"));
  const said = agent.daemon().log().length;
  const says = (text: string) =>
    waitUntil(`it to say ${text}`, () => agent.daemon().log().slice(said).includes(text));

  process.kill(pid, "SIGUSR2");
  await says("makes room");
  await hub.api("DELETE", `/v1/executions/${canceled}`);
  expect(await settled(canceled)).toMatchObject({ status: "canceled" });
  process.kill(pid, "SIGTERM");
  await says("agent stops");
  // The same wish until some time has passed.
  await waitUntil("the second wish to count", () => {
    process.kill(pid, "SIGTERM");
    return agent.daemon().log().slice(said).includes("agent stops at once");
  });
  expect(await agent.daemon().ended()).toEqual({ code: 0, signal: null });
  expect(existsSync(`/proc/${shell}`)).toBe(false);
  for (const id of [asking, lasting]) expect(await settled(id)).toMatchObject({ status: "abandoned" });
});

// A binary asks nobody which program it is.
test.skipIf(withBinaries)(
  "an agent stays when no next one can start; what cannot be written down for the next agent is followed on, and the unit has to start that one",
  async () => {
    const { hub, agent, start, run, settled } = bench();
    const folder = await tempFolder("renewed");
    const installed = join(folder, "opt/petrel/agent");
    agent.start({
      PETREL_AGENT_ACTIONS_DRAIN_SECONDS: "600",
      // In force is what `current` leads to, which is nothing yet.
      PETREL_PROGRAM: join(installed, "versions/0.0.1/petrel-agent"),
    });
    await agentReady(hub, "web-1");
    const go = join(folder, "go");
    const cmd = `echo before; until [ -e ${go} ]; do sleep 0.05; done; echo after; exit 3`;
    const talking = await start("core.local", { cmd, timeout: 600 });
    await run([talking]);
    process.kill(agent.daemon().pid, "SIGUSR2");
    await waitUntil("it to stay", () => agent.daemon().log().includes("the next agent cannot be started"));
    await mkdir(join(installed, "current"), { recursive: true });
    await writeFile(join(installed, "current/petrel-agent"), "#!/bin/sh\n", { mode: 0o755 });
    // In the way of the record, as a full disk would be.
    await mkdir(join(agent.data, "handed-over.new"));
    process.kill(agent.daemon().pid, "SIGUSR2");
    await waitUntil("it to say so", () => agent.daemon().log().includes("cannot be handed over"));
    await writeFile(go, "");
    expect(await agent.daemon().ended()).toEqual({ code: 1, signal: null });
    expect(await settled(talking)).toMatchObject({
      status: "failed",
      result: { stdout: "before\nafter", return_code: 3 },
    });
  },
);
