/** An agent that becomes the next version of itself (SIGUSR2): its process stays, and its running actions run on. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { askStatus } from "../../../agent/status/ask-http.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

test("running shell actions keep their processes, their output and their exit codes; timeouts and cancels reach them", async () => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  await hub.start();
  agent.start();
  await agentReady(hub, "web-1");
  const folder = await tempFolder("renewed");
  const start = async (cmd: string, timeout = 120) => {
    const body = { action: "core.local", parameters: { cmd, timeout }, target: { host: "web-1" } };
    const { items } = await hub.api<{ items: Execution[] }>("POST", "/v1/executions", body);
    return items[0]?.id ?? "";
  };
  const execution = (id: string) => hub.api<Execution>("GET", `/v1/executions/${id}`);
  const settled = (id: string) =>
    waitUntil(`execution ${id} to end`, async () => {
      const found = await execution(id);
      if (found.end_timestamp === null) throw new Error(found.status);
      return found;
    });
  const go = join(folder, "go");
  const talks = `echo $$ > ${folder}/pid; n=0; until [ -e ${go} ]; do n=$((n+1)); echo line $n; echo err $n >&2; sleep 0.02; done; echo lines $n; exit 7`;
  const talking = await start(talks);
  // The character is cut in two by the hand-over.
  const cut = await start(`printf 'a\\303'; until [ -e ${go} ]; do sleep 0.05; done; printf '\\244b'`);
  const slow = await start("sleep 600", 3);
  const canceled = await start("sleep 601");
  await waitUntil("all of them run", async () => {
    const all = await Promise.all([talking, cut, slow, canceled].map(execution));
    return all.every(({ status }) => status === "running");
  });

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
  expect(await settled(slow)).toMatchObject({ status: "timeout" });
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
  expect(await agent.stop()).toBe(0);
});
