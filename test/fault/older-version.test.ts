/**
 * A hub and an agent of which one is a version older, a real one of this repository's history: enrolled, at work, and
 * upgraded in place in the midst of it. Another version than the pinned one: `PETREL_OLDER=COMMIT npm run test:older`.
 * Not with the binaries: the older version is a checkout.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { agentStoreFormat } from "../../agent/store/format.ts";
import type { FileChangeView } from "../../hub/http/file-change-view.ts";
import { storeFormat } from "../../hub/store/format.ts";
import type { Finding } from "../../shared/doctor/finding.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { version } from "../../shared/version.ts";
import { sharedByFile } from "../support/at-end.ts";
import { type EnrolledAgent, enrolledAgent, newToken, ownUser } from "../support/enrolled-agent.ts";
import { agentReady, createHub, type TestHub } from "../support/fleet.ts";
import { type HubUser, userOf } from "../support/fleet-user.ts";
import { olderCheckout, olderFormat, olderHas, olderIsMissing, olderName } from "../support/older-version.ts";
import { runPetrel } from "../support/run-petrel.ts";
import { createStream, expectExactlyOnce } from "../support/stream.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const missing = olderIsMissing();
if (missing !== null) console.error(`SKIPPED: an older version: ${missing}`);
const masked = "********";
const secretFiles: Readonly<Record<string, string>> = {
  "pack.yaml": "name: secretive\ndescription: Has secrets.\nversion: 1.0.0\nauthor: test\n",
  "config.schema.yaml": "password: {type: string, secret: true}\n",
  "actions/login.yaml": [
    "name: login",
    "runner_type: local-shell-script",
    "enabled: true",
    "entry_point: login.sh",
    "parameters:",
    "  token: {type: string, secret: true, position: 0}",
    "  bulk: {type: string, position: 1}",
    "output_schema: {session: {type: string, secret: true}, seen: {type: integer}}",
    "",
  ].join("\n"),
  "actions/login.sh": `#!/bin/sh\nprintf '{"session": "of-%s", "seen": %d}' "$1" "\${#1}"\n`,
};

/** What this fleet is to do: a rule of its stream runs an action, files are watched, an action has secrets. */
async function fleetAtWork(hub: TestHub, agent: EnrolledAgent, user: HubUser) {
  const packs = await tempFolder("packs");
  const secretive = join(packs, "secretive");
  await mkdir(join(secretive, "actions"), { recursive: true });
  for (const [name, text] of Object.entries(secretFiles))
    await writeFile(join(secretive, name), text, { mode: 0o755 });
  await user.says("pack", "install", secretive, "--assign");
  await hub.api("PUT", "/v1/packs/secretive/config", { password: "kept-to-itself" });
  const watched = await tempFolder("watched");
  await agentReady(hub, agent.id);
  await user.says("pack", "assign", "watch", "--all", "--set", `paths=[{path: ${watched}}]`, "--wait");
  const stream = await createStream(hub, agent, { count: 60, batch: 5, assign: true });
  await agentReady(hub, agent.id, ["core", "secretive", "stream", "watch"]);
  return { watched, stream };
}

/** A change of a file is told, and with it that the link, the sensor and the hub's history are well. */
async function expectWatched(user: HubUser, watched: string, name: string): Promise<void> {
  const path = join(watched, name);
  await writeFile(path, name);
  await waitUntil(`${path} to be told`, async () => {
    const changes = await user.json<FileChangeView[]>("file", "changes", "--path", path);
    return changes.some(({ status }) => status === "created");
  });
}

const login = (hub: TestHub, agent: EnrolledAgent, token: string, bulk = "") =>
  hub.api<{ items: readonly Execution[] }>("POST", "/v1/executions", {
    action: "secretive.login",
    parameters: { token, bulk },
    target: { host: agent.id },
  });

async function ended(hub: TestHub, { items }: { items: readonly Execution[] }): Promise<Execution> {
  return waitUntil("the execution to end", async () => {
    const execution = await hub.api<Execution>("GET", `/v1/executions/${items[0]?.id}`);
    return /succeeded|failed|timeout|abandoned/.test(execution.status) ? execution : null;
  });
}

async function expectSecret(hub: TestHub, agent: EnrolledAgent, token: string): Promise<void> {
  const execution = await ended(hub, await login(hub, agent, token));
  expect(execution).toMatchObject({
    status: "succeeded",
    parameters: { token: masked },
    result: { stdout: { session: masked, seen: token.length } },
  });
}

/** It cannot be upgraded from here, and is not asked: who began it reads so of this agent. */
async function expectNoFleetUpgrade(user: HubUser): Promise<void> {
  const binary = join(await tempFolder("binary"), "petrel-agent");
  await writeFile(binary, "no program, and nobody runs it");
  await user.says("agent", "release", "add", binary, "--release", "9.9.9");
  const upgrade = await user.run("agent", "upgrade", "web-1", "--version", "9.9.9", "--json");
  expect([upgrade.code, JSON.parse(upgrade.stdout)]).toMatchObject([
    1,
    { state: "done", agents: [{ agent: "web-1", state: "refused", code: "too_old" }] },
  ]);
}

const agentOf = (hub: TestHub, id: string) => hub.api<AgentRecord>("GET", `/v1/agents/${id}`);
const versionOf = (hub: TestHub, id: string, wanted: string) =>
  waitUntil(`${id} to be version ${wanted}`, async () => {
    const agent = await agentOf(hub, id);
    return agent.online && agent.version === wanted;
  });

const refusal = (has: number, reads: number) =>
  `STORE_FORMAT: the database has format ${has}, this version reads ${reads}`;

/** What the doctor of one side says of the other's version. */
const findingOf = (stdout: string, check: string) =>
  (JSON.parse(stdout) as { findings: readonly Finding[] }).findings.filter((each) => each.check === check);

describe.skipIf(missing !== null)(
  `an older version (${missing === null ? olderName : `SKIPPED: ${missing}`})`,
  () => {
    const older = sharedByFile(olderCheckout);

    test("of the agent works for this hub, which says what it lacks; upgraded in place it goes on, and back only with its format", async () => {
      const hub = await createHub({ dev: false });
      await hub.start();
      const user = userOf(hub);
      const agent = await enrolledAgent(hub, "web-1", ownUser);
      expect(await agent.enroll(await newToken(hub), [], older())).toMatchObject({ code: 0 });
      const before = agent.start(older());
      const { watched, stream } = await fleetAtWork(hub, agent, user);
      stream.go();
      await expectWatched(user, watched, "one");
      await expectSecret(hub, agent, "first-token");

      // Who looks sees that it is older.
      const upgrades = olderHas("shared/upgrade/manifest.ts");
      const [shown] = await user.json<readonly object[]>("agent", "list");
      expect(shown).toMatchObject({ id: "web-1", version: olderName, version_skew: "older", upgrades });
      expect(await user.says("agent", "list")).toContain(` ${olderName} (older) `);
      const doctor = await user.run("doctor", "--json", "--check", "agent-versions");
      expect(findingOf(doctor.stdout, "agent-versions")).toMatchObject([
        {
          level: "note",
          where: "agent web-1",
          what: expect.stringContaining(`${olderName}, the hub ${version}`),
        },
      ]);
      if (!olderHas("shared/blobs/sealed-blob.ts"))
        expect(await ended(hub, await login(hub, agent, "large", "x".repeat(110_000)))).toMatchObject({
          status: "failed",
          reason: expect.stringMatching(/^AGENT_TOO_OLD: .*upgrade it/),
        });
      if (!upgrades) await expectNoFleetUpgrade(user);
      // What it is too old for was told with the execution.
      expect(await hub.all("/v1/dead-letters")).toEqual([]);

      await before.stop();
      const after = agent.start();
      await versionOf(hub, "web-1", version);
      expect(await user.says("agent", "list")).not.toContain("older");
      await expectWatched(user, watched, "two");
      await expectSecret(hub, agent, "second-token");
      await expectExactlyOnce(hub, stream);

      await after.stop();
      const back = agent.start(older());
      if (olderFormat("agent") === agentStoreFormat) await versionOf(hub, "web-1", olderName);
      else {
        expect((await back.ended()).code).not.toBe(0);
        expect(back.log()).toContain(refusal(agentStoreFormat, olderFormat("agent")));
      }
    });

    test("of the hub works with this agent, which says so; upgraded in place it goes on, and back only with its format", async () => {
      const hub = await createHub({ dev: false });
      await hub.start(older());
      const user = userOf(hub);
      const agent = await enrolledAgent(hub, "web-1", ownUser);
      expect(await agent.enroll(await newToken(hub))).toMatchObject({ code: 0 });
      agent.start();
      const { watched, stream } = await fleetAtWork(hub, agent, user);
      stream.go();
      await expectWatched(user, watched, "one");
      await expectSecret(hub, agent, "first-token");

      const onHost = await runPetrel(["doctor", "--json", "--data", agent.data], { command: "petrel-agent" });
      expect(findingOf(onHost.stdout, "hub-version")).toMatchObject([
        { level: "note", what: `the agent is ${version}, the hub ${olderName}` },
      ]);
      // The command is this version's, and the hub's answers the older one's.
      expect(await user.says("agent", "list")).toContain(` ${version} `);
      expect((await user.run("doctor")).stdout).toMatch(/root-key: .*\n +fix: /);

      await hub.stop();
      await hub.start();
      await versionOf(hub, "web-1", version);
      await expectWatched(user, watched, "two");
      await expectSecret(hub, agent, "second-token");
      await expectExactlyOnce(hub, stream);

      await hub.stop();
      const back = hub.start(older());
      if (olderFormat("hub") === storeFormat) await back;
      else await expect(back).rejects.toThrow(refusal(storeFormat, olderFormat("hub")));
    });
  },
);
