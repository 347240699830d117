/** A host's policy file has the last word: from what the hub asks for to what the hub is told. */
import { existsSync } from "node:fs";
import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import type { AgentStatus } from "../../../agent/status/status.ts";
import type { AgentRecord, SensorRecord } from "../../../shared/model/agent.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { packsRunning, sensorsRun, userOf } from "../../support/fleet-user.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { waitUntil } from "../../support/wait-until.ts";

const ended = new Set(["succeeded", "failed", "timeout", "canceled", "abandoned"]);

test("what a host's policy refuses does not happen, and the hub hears why", async () => {
  const hub = await createHub();
  await hub.start();
  const agent = await createAgent(hub, "web-1");
  const home = dirname(agent.data);
  await mkdir(join(home, "etc"), { mode: 0o755 });
  const file = join(home, "etc", "policy.yaml");
  const place = async (text: string) => {
    await writeFile(`${file}.new`, text, { mode: 0o644 });
    await rename(`${file}.new`, file);
  };
  const hangUp = () => process.kill(agent.daemon().pid, "SIGHUP");
  const env = { PETREL_AGENT_POLICY: file, PETREL_AGENT_ACTIONS_CONCURRENCY: "1" };

  // It is named, and not to be trusted: the agent does not start, and has touched nothing.
  await place("allow: {packs: [core, chain], sensors: []}\ndeny: {actions: [core.local_sudo]}\n");
  await chmod(file, 0o666);
  agent.start(env);
  expect(await agent.daemon().ended()).toMatchObject({ code: 4 });
  expect(agent.daemon().log()).toContain(`POLICY_UNSAFE: the policy of this host cannot be trusted`);
  expect(existsSync(agent.data)).toBe(false);
  await chmod(file, 0o644);

  const user = userOf(hub);
  await user.says("pack", "register", `${packsRunning}/chain`);
  await user.says("pack", "register", `${packsRunning}/mypack`);
  agent.start(env);
  await agentReady(hub, "web-1", ["core", "chain"]);
  const ask = async (action: string, parameters: object) => {
    const { items } = await hub.api<{ items: Execution[] }>("POST", "/v1/executions", {
      action,
      parameters,
      target: { host: "web-1" },
    });
    return items[0]?.id ?? "";
  };
  const settled = (id: string) =>
    waitUntil(`execution ${id} to end`, async () => {
      const execution = await hub.api<Execution>("GET", `/v1/executions/${id}`);
      return ended.has(execution.status) ? execution : null;
    });

  // Actions: what is not denied runs.
  expect(await settled(await ask("core.local", { cmd: "echo $((6 * 7))" }))).toMatchObject({
    status: "succeeded",
  });
  expect(await settled(await ask("core.local_sudo", { cmd: "id" }))).toMatchObject({
    status: "failed",
    reason: "HOST_REFUSED: the policy of this host does not allow action 'core.local_sudo'",
    result: { code: "HOST_REFUSED", where: "deny.actions" },
  });

  // Packs and sensors: not on this host, and the hub says so.
  const packStatus = await waitUntil("the refused pack to be told", async () => {
    const text = await user.says("pack", "status", "mypack");
    return text.includes("HOST_REFUSED") ? text : null;
  });
  expect(packStatus).toMatch(/web-1 +failed .*does not allow pack 'mypack' \(allow\.packs\)/);
  expect(existsSync(join(agent.data, "packs", "mypack"))).toBe(false);
  await waitUntil("the refused sensor to be told", async () => {
    const sensors = await hub.all<SensorRecord>("/v1/sensors");
    const spool = sensors.find(({ sensor }) => sensor === "chain.Spool");
    return spool?.state === "failed" && spool.last_error?.includes("allow.sensors") === true;
  });

  // Who asks on the host, and who asks the hub, hear of the same file.
  const status = async () =>
    JSON.parse(
      (await runPetrel(["status", "--data", agent.data, "--json"], { command: "petrel-agent" })).stdout,
    ) as AgentStatus;
  const before = await status();
  expect(before).toMatchObject({ policy: { path: file, problem: null }, refused: { actions: 1 } });
  const record = () => hub.api<AgentRecord>("GET", "/v1/agents/web-1");
  expect((await record()).policy).toBe(before.policy?.digest);
  expect(await user.says("agent", "list")).toContain(before.policy?.digest?.slice(7, 19) ?? "none");

  // What was taken on while it was allowed, and waits, is refused when its turn comes; what runs goes on.
  const go = join(home, "go");
  const wait = `touch ${go}.started; while [ ! -e ${go} ]; do sleep 0.05; done`;
  const running = await ask("core.local", { cmd: wait });
  await waitUntil("it to run", () => existsSync(`${go}.started`));
  const waiting = await ask("core.local", { cmd: `touch ${go}.wrong` });
  await waitUntil("the other to wait", async () => (await status()).actions.waiting === 1);
  await place("allow: {sensors: [chain.*]}\ndeny: {actions: [core.local]}\n");
  hangUp();
  await waitUntil("the hub to hear of it", async () => (await record()).policy !== before.policy?.digest);
  await writeFile(go, "");
  expect(await settled(running)).toMatchObject({ status: "succeeded" });
  expect(await settled(waiting)).toMatchObject({ status: "failed", result: { code: "HOST_REFUSED" } });
  expect(existsSync(`${go}.wrong`)).toBe(false);
  // What the new file lets be has come.
  await sensorsRun(hub, "chain.Spool");
  await agentReady(hub, "web-1", ["core", "chain", "mypack"]);

  // A file that cannot be taken leaves that before in force, loudly.
  await place("deny: {actoins: []}\n");
  hangUp();
  await waitUntil("the bad file to be told", async () => (await status()).policy?.problem !== null);
  expect(await status()).toMatchObject({
    policy: {
      problem: expect.stringContaining("CONFIG_INVALID: unknown name 'deny.actoins'; write 'actions'"),
    },
  });
  expect(await settled(await ask("core.local", { cmd: "id" }))).toMatchObject({ status: "failed" });
  expect(await agent.stop()).toBe(0);
});
