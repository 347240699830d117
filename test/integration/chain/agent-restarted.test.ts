/** A restart of the agent's unit: the front ends, and running actions run on under the next agent. */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { agentProduct } from "../../../agent/install/product.ts";
import { askStatus } from "../../../agent/status/ask-http.ts";
import { layoutOf, programOf } from "../../../shared/install/layout.ts";
import { pendingText } from "../../../shared/install/pending.ts";
import type { JsonObject } from "../../../shared/json.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { version } from "../../../shared/version.ts";
import { atEnd, sharedByFile } from "../../support/at-end.ts";
import { commandPath, withBinaries } from "../../support/command-path.ts";
import { agentReady, createHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { frontedAgent } from "../../support/fronted-agent.ts";
import { isAlive } from "../../support/home-processes.ts";
import { waitingPack } from "../../support/script-pack.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

/** A binary asks the host's own systemd: `npm run fleet:systemd` restarts those. */
const onSources = test.skipIf(withBinaries);

const fleet = sharedByFile(async () => {
  const hub = await createHub();
  await hub.start();
  await userOf(hub).says("pack", "register", await waitingPack());
  return hub;
});

/** An agent of its own for each test. `before`: as of `FrontedAgent.start`. */
async function bench(id: string, before: readonly string[] = []) {
  const hub = fleet();
  const agent = await frontedAgent(hub, id);
  agent.start({}, before);
  await agentReady(hub, id, ["core", "waiting"]);
  const folder = await tempFolder("restarted");
  const start = async (action: string, parameters: JsonObject) => {
    const body = { action, parameters, target: { host: id } };
    const { items } = await hub.api<{ items: Execution[] }>("POST", "/v1/executions", body);
    return items[0]?.id ?? "";
  };
  const execution = (of: string) => hub.api<Execution>("GET", `/v1/executions/${of}`);
  const run = (ids: readonly string[]) =>
    waitUntil("all of them run", async () => {
      const all = await Promise.all(ids.map(execution));
      return all.every(({ status }) => status === "running");
    });
  const settled = (of: string) =>
    waitUntil(`execution ${of} to end`, async () => {
      const found = await execution(of);
      if (found.end_timestamp === null) throw new Error(found.status);
      return found;
    });
  const status = () => askStatus(join(agent.data, "agent.sock"));
  const next = (before: string) =>
    waitUntil("the next agent answers", async () => {
      const { started_at, link_up } = await status();
      return link_up && started_at !== before && started_at;
    });
  const there = (file: string) => waitUntil(`${file} to be there`, () => existsSync(file));
  const text = async (file: string) => (await readFile(join(folder, file), "utf8")).trim();
  return { hub, agent, folder, start, run, settled, status, next, there, text };
}

onSources(
  "running actions of all kinds run on through two restarts: processes, output, exit codes, values, timeouts and cancels",
  async () => {
    const { hub, agent, folder, start, run, settled, status, next, there, text } = await bench("web-1");
    const go = join(folder, "go");
    const shell = (cmd: string, timeout = 120) => start("core.local", { cmd, timeout });
    const talks = `echo $$ > ${folder}/pid; n=0; until [ -e ${go} ]; do n=$((n+1)); echo line $n; echo err $n >&2; sleep 0.01; done; echo lines $n; exit 7`;
    const talking = await shell(talks);
    // More than a pipe holds, in the time without an agent, too.
    const flood = await shell(
      `until [ -e ${go} ]; do head -c 100000 /dev/zero | tr '\\0' x; sleep 0.05; done; exit 137`,
    );
    const short = await shell(`until [ -e ${folder}/between ]; do sleep 0.02; done; echo short; exit 5`);
    const killed = await shell(`until [ -e ${folder}/between ]; do sleep 0.02; done; kill -9 $$`);
    const slow = await shell("sleep 600", 4);
    const canceled = await shell("sleep 601");
    const scripts = await Promise.all(
      ["python", "node"].map((name) => start(`waiting.${name}`, { go, before: join(folder, name) })),
    );
    const all = [talking, flood, short, killed, slow, canceled, ...scripts];
    await run(all);
    for (const name of ["pid", "python", "node"]) await there(join(folder, name));
    const pid = Number(await text("pid"));

    let before = (await status()).started_at;
    for (let restarts = 0; restarts < 2; restarts++) {
      expect(await agent.end("restart")).toBe(0);
      // Nobody reads and nobody waits; what ends now is told nevertheless.
      await writeFile(join(folder, "between"), "");
      expect([isAlive(pid), (await status().catch(() => null)) === null]).toEqual([true, true]);
      agent.start();
      before = await next(before);
    }
    expect(await settled(short)).toMatchObject({
      status: "failed",
      result: { stdout: "short", return_code: 5 },
    });
    expect(await settled(killed)).toMatchObject({
      status: "failed",
      reason: "ended from outside by SIGKILL",
    });
    await hub.api("DELETE", `/v1/executions/${canceled}`);
    expect(await settled(canceled)).toMatchObject({ status: "canceled" });
    expect(await settled(slow)).toMatchObject({ status: "timeout", reason: "timed out after 4 s" });
    expect(isAlive(pid)).toBe(true);
    await writeFile(go, "");

    const { stdout, stderr, return_code } = (await settled(talking)).result as Record<
      string,
      string | number
    >;
    const lines = Number(/lines (\d+)/.exec(String(stdout))?.[1]);
    const numbers = Array.from({ length: lines }, (_, n) => n + 1);
    expect(return_code).toBe(7);
    expect(String(stdout).trim()).toBe([...numbers.map((n) => `line ${n}`), `lines ${lines}`].join("\n"));
    expect(String(stderr).trim()).toBe(numbers.map((n) => `err ${n}`).join("\n"));
    await settled(flood);
    // Large results follow by themselves.
    const large = await waitUntil("the large result", async () => {
      return (await userOf(hub).json<Execution>("execution", "get", flood)).result;
    });
    const flooded = large as { stdout: string; return_code: number; stdout_dropped_bytes?: number };
    expect(flooded.return_code).toBe(137);
    expect((flooded.stdout.length + (flooded.stdout_dropped_bytes ?? 0)) % 100_000).toBe(0);
    for (const id of scripts) {
      const { status: how, result } = await settled(id);
      const {
        stdout: printed,
        exit_code,
        result: returned,
      } = result as {
        stdout: string;
        exit_code: number;
        result: { asked: number; own: string };
      };
      expect([how, exit_code]).toEqual(["succeeded", 0]);
      expect(printed).toMatch(/^printed before, pid (\d+)\nprinted after, pid \1\n$/);
      expect([returned.own, returned.asked > 0]).toEqual([String(returned.asked), true]);
    }
  },
);

onSources("a stop ends running actions, and a restart without any is the end of the process", async () => {
  const { agent, start, run, settled, next, status } = await bench("web-2");
  const idle = await agent.pid();
  const before = (await status()).started_at;
  await agent.restart();
  await next(before);
  expect(isAlive(idle)).toBe(false);
  expect(agent.log()).not.toMatch(/ERROR/);
  const lasting = await start("core.local", { cmd: "exec sleep 603", timeout: 600 });
  await run([lasting]);
  const ending = agent.end("stop");
  await waitUntil("it to stop", () => agent.log().includes("agent stops"));
  // The same wish until some time has passed.
  await waitUntil("the second wish to count", () => {
    agent.front().kill("SIGTERM");
    return agent.log().includes("agent stops at once");
  });
  expect(await ending).toBe(0);
  agent.start();
  expect(await settled(lasting)).toMatchObject({ status: "abandoned", reason: "agent stopped" });
});

onSources("restarts in a row, each before the agent of the one before listens, end no action", async () => {
  const { agent, folder, start, run, settled, status, next } = await bench("web-6");
  const cmd = `until [ -e ${folder}/go ]; do sleep 0.02; done; echo whole; exit 3`;
  const lasting = await start("core.local", { cmd, timeout: 600 });
  await run([lasting]);
  const before = (await status()).started_at;
  for (let restarts = 0; restarts < 4; restarts++) {
    await agent.restart();
    // As soon as it has one.
    await agent.pid();
  }
  await next(before);
  await writeFile(join(folder, "go"), "");
  expect(await settled(lasting)).toMatchObject({
    status: "failed",
    result: { stdout: "whole", return_code: 3 },
  });
});

onSources("when a stop takes the place of the restart, no action is left behind", async () => {
  const { agent, folder, start, run, settled, text, there } = await bench("web-5");
  const lasting = await start("core.local", {
    cmd: `echo $$ >> ${folder}/pid; exec sleep 606`,
    timeout: 600,
  });
  await run([lasting]);
  await there(join(folder, "pid"));
  const pid = await agent.pid();
  await agent.end("restart");
  await agent.job("stop");
  await waitUntil("the agent to have gone", () => !isAlive(pid));
  expect(isAlive(Number(await text("pid")))).toBe(false);
  agent.start();
  expect(await settled(lasting)).toMatchObject({ status: "abandoned" });
});

onSources(
  "an agent that is killed while it waits for the next one leaves no action behind, and none runs twice",
  async () => {
    const { agent, folder, start, run, settled, text, there } = await bench("web-3");
    const lasting = await start("core.local", {
      cmd: `echo $$ >> ${folder}/pid; exec sleep 604`,
      timeout: 600,
    });
    await run([lasting]);
    await there(join(folder, "pid"));
    const pid = await agent.pid();
    expect(await agent.end("restart")).toBe(0);
    process.kill(pid, "SIGKILL");
    agent.start();
    const { status, reason } = await settled(lasting);
    expect(status).toBe("abandoned");
    expect(reason).toMatch(/the agent died at or after its start/);
    expect(isAlive(Number(await text("pid")))).toBe(false);
  },
);

onSources(
  "an agent that is killed after it took actions up is started anew, and they are abandoned as after any crash",
  async () => {
    const { agent, folder, start, run, settled, text, there, status, next } = await bench("web-4");
    const lasting = await start("core.local", {
      cmd: `echo $$ >> ${folder}/pid; exec sleep 605`,
      timeout: 600,
    });
    await run([lasting]);
    await there(join(folder, "pid"));
    const before = (await status()).started_at;
    await agent.restart();
    await next(before);
    const ended = new Promise((resolve) => agent.front().once("exit", resolve));
    process.kill(await agent.pid(), "SIGKILL");
    // The front sees that it has gone, which has systemd start it again.
    await ended;
    expect(agent.front().exitCode).toBe(1);
    agent.start();
    expect(await settled(lasting)).toMatchObject({ status: "abandoned" });
    expect(isAlive(Number(await text("pid")))).toBe(false);
  },
);

onSources("a script that takes no answer is ended at a restart, and costs the others nothing", async () => {
  const { agent, folder, start, run, settled, status, next, there, text } = await bench("web-7");
  const go = join(folder, "go");
  const shell = await start("core.local", {
    cmd: `echo $$ > ${folder}/pid; until [ -e ${go} ]; do sleep 0.05; done; exit 3`,
    timeout: 120,
  });
  const deaf = await start("waiting.deaf", { go, before: join(folder, "deaf") });
  await run([shell, deaf]);
  for (const name of ["pid", "deaf"]) await there(join(folder, name));
  const before = (await status()).started_at;
  expect(await agent.end("restart")).toBe(0);
  agent.start();
  await next(before);
  expect(isAlive(Number(await text("pid")))).toBe(true);
  expect(await settled(deaf)).toMatchObject({ status: "abandoned", reason: "agent stopped" });
  await writeFile(go, "");
  expect(await settled(shell)).toMatchObject({ status: "failed", result: { return_code: 3 } });
});

onSources("what a script asks the hub while no agent is there is answered by the next one", async () => {
  const { agent, folder, start, run, settled, status, next, there } = await bench("web-8");
  const go = join(folder, "go");
  const asking = await start("waiting.asking", { go, before: join(folder, "asking") });
  await run([asking]);
  await there(join(folder, "asking"));
  let before = (await status()).started_at;
  for (let restarts = 0; restarts < 2; restarts++) {
    expect(await agent.end("restart")).toBe(0);
    agent.start();
    before = await next(before);
  }
  await writeFile(go, "");
  const { status: how, result } = await settled(asking);
  const { asked, own } = (result as { result: { asked: number; own: string } }).result;
  expect([how, own]).toEqual(["succeeded", String(asked)]);
});

onSources("a next agent that cannot start ends what was handed over to it", async () => {
  const { agent, folder, start, run, settled, status, next, there, text } = await bench("web-9");
  const shell = await start("core.local", { cmd: `echo $$ > ${folder}/pid; sleep 600`, timeout: 120 });
  await run([shell]);
  await there(join(folder, "pid"));
  const pid = Number(await text("pid"));
  const before = (await status()).started_at;
  expect(await agent.end("restart")).toBe(0);
  expect(isAlive(pid)).toBe(true);
  agent.start({ PETREL_AGENT_ACTIONS_CONCURRENCY: "many" });
  await waitUntil("nobody's action to be left", () => !isAlive(pid));
  agent.start();
  await next(before);
  expect(await settled(shell)).toMatchObject({ status: "abandoned" });
});

onSources("a restart that comes while an upgrade hands over ends no action", async () => {
  const { agent, folder, start, run, settled, status, next, there, text } = await bench("web-10");
  const asked = Promise.withResolvers<ServerResponse>();
  const server = createServer((_, answer) => asked.resolve(answer));
  await once(server.listen(0, "127.0.0.1"), "listening");
  atEnd(() => void server.close());
  atEnd(() => server.closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // Cannot be handed over, and holds the upgrade up.
  const asking = await start("core.http", { url, timeout: 600 });
  const go = join(folder, "go");
  const lasting = await start("core.local", {
    cmd: `echo $$ > ${folder}/pid; until [ -e ${go} ]; do sleep 0.05; done; exit 3`,
    timeout: 600,
  });
  await run([asking, lasting]);
  await there(join(folder, "pid"));
  const before = (await status()).started_at;
  process.kill(await agent.pid(), "SIGUSR2");
  await waitUntil("it to make room", () => agent.log().includes("makes room"));
  const ending = agent.end("restart");
  await waitUntil("it to hear of the restart", () => agent.log().includes("agent stops"));
  (await asked.promise).end("answer");
  expect(await ending).toBe(0);
  expect(isAlive(Number(await text("pid")))).toBe(true);
  agent.start();
  await next(before);
  expect(await settled(asking)).toMatchObject({ status: "succeeded" });
  await writeFile(go, "");
  expect(await settled(lasting)).toMatchObject({ status: "failed", result: { return_code: 3 } });
});

onSources("of the next unit the umask counts at once, and what cannot is in the log", async () => {
  // A file system of its own, which each start of a unit has anew, is no setting that has changed.
  const own = process.getuid?.() === 0 ? ["unshare", "--mount"] : [];
  const { agent, folder, start, run, settled, status, next, text } = await bench("web-11", own);
  const go = join(folder, "go");
  const shell = await start("core.local", { cmd: `until [ -e ${go} ]; do sleep 0.05; done`, timeout: 600 });
  await run([shell]);
  const before = (await status()).started_at;
  expect(await agent.end("restart")).toBe(0);
  const words = 'umask 027; echo 100 > /proc/self/oom_score_adj; exec "$@"';
  agent.start({}, [...own, "nice", "-n", "1", "setpriv", "--no-new-privs", "sh", "-c", words, "sh"]);
  await next(before);
  await waitUntil("the agent to tell", () =>
    /settings of the unit have changed.*NoNewPrivileges=.*OOMScoreAdjust=.*Nice=/.test(agent.log()),
  );
  expect(agent.log()).not.toContain("PrivateTmp=");
  await settled(await start("core.local", { cmd: `umask > ${folder}/umask` }));
  expect(await text("umask")).toBe("0027");
  await writeFile(go, "");
  expect(await settled(shell)).toMatchObject({ status: "succeeded" });
});

onSources("a version on trial that takes itself back becomes the one before, with what runs", async () => {
  const { agent, folder, start, run, settled, status, there, text } = await bench("web-12");
  const layout = layoutOf(agentProduct, await tempFolder("trial"));
  const former = "0.0.1";
  for (const each of [former, version]) {
    const program = programOf(layout, agentProduct, each);
    await mkdir(dirname(program), { recursive: true });
    await writeFile(
      program,
      `#!/bin/sh\nunset PETREL_PROGRAM\necho ${each} >> ${folder}/started\nexec ${commandPath("petrel-agent")} "$@"\n`,
      { mode: 0o755 },
    );
  }
  await symlink(`versions/${version}`, layout.current);
  const trial = { from: former, to: version, sha256: "a".repeat(64), at: "2026-11-29T00:00:00Z" };
  const was = { linked: false, sensors: [], formatFrom: 1, formatTo: 1, back: "unwell" };
  await writeFile(layout.pending, pendingText({ ...trial, ...was }));
  const go = join(folder, "go");
  const lasting = await start("core.local", {
    cmd: `echo $$ > ${folder}/pid; until [ -e ${go} ]; do sleep 0.05; done; exit 3`,
    timeout: 600,
  });
  await run([lasting]);
  await there(join(folder, "pid"));
  expect(await agent.end("restart")).toBe(0);
  // No restart is under way when it takes itself back.
  await agent.job("start");
  agent.start({ PETREL_PROGRAM: programOf(layout, agentProduct, version) });
  await there(join(folder, "started"));
  await waitUntil("the one before to answer", async () => (await status()).link_up);
  expect(await text("started")).toBe(former);
  await writeFile(go, "");
  expect(await settled(lasting)).toMatchObject({ status: "failed", result: { return_code: 3 } });
});
