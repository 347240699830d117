/**
 * A hub and an agent of which one is a version older, a real one of this repository's history: enrolled, at work, and
 * upgraded in place in the midst of it. Another version than the pinned one: `PETREL_OLDER=COMMIT npm run test:older`.
 * Not with the binaries: the older version is a checkout.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { FileChangeView } from "../../hub/http/file-change-view.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { version } from "../../shared/version.ts";
import { sharedByFile } from "../support/at-end.ts";
import { type EnrolledAgent, enrolledAgent, newToken, ownUser } from "../support/enrolled-agent.ts";
import { agentReady, createHub, type TestHub } from "../support/fleet.ts";
import { type HubUser, userOf } from "../support/fleet-user.ts";
import { olderCheckout, olderHas, olderIsMissing, olderName } from "../support/older-version.ts";
import { runPetrel } from "../support/run-petrel.ts";
import { createStream, expectExactlyOnce } from "../support/stream.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const missing = olderIsMissing();
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

const agentOf = (hub: TestHub, id: string) => hub.api<AgentRecord>("GET", `/v1/agents/${id}`);
const versionOf = (hub: TestHub, id: string, wanted: string) =>
  waitUntil(`${id} to be version ${wanted}`, async () => {
    const agent = await agentOf(hub, id);
    return agent.online && agent.version === wanted;
  });

describe.skipIf(missing !== null)(`an older version (${missing === null ? olderName : `SKIPPED: ${missing}`})`, () => {
  const older = sharedByFile(olderCheckout);

  test("of the agent works for this hub, which says so; upgraded in place it goes on", async () => {
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

    const capable = olderHas("shared/upgrade/manifest.ts");
    expect(await agentOf(hub, "web-1")).toMatchObject({ version: olderName, upgrades: capable });
    expect(await user.says("agent", "list")).toMatch(new RegExp(`web-1 .*${olderName.replaceAll(".", "\\.")}`));

    await before.stop();
    const after = agent.start();
    await versionOf(hub, "web-1", version);
    await expectWatched(user, watched, "two");
    await expectSecret(hub, agent, "second-token");
    await expectExactlyOnce(hub, stream);

    await after.stop();
    const back = agent.start(older());
    console.log(await Promise.race([back.ended(), new Promise((r) => setTimeout(r, 4000, "runs"))]));
    console.log(back.log().slice(-3000));
  });

  test("of the hub works with this agent; upgraded in place it goes on, and there is no way back", async () => {
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
    console.log((await runPetrel(["doctor", "--data", agent.data], { command: "petrel-agent" })).stdout);

    await hub.stop();
    await hub.start();
    await versionOf(hub, "web-1", version);
    await expectWatched(user, watched, "two");
    await expectSecret(hub, agent, "second-token");
    await expectExactlyOnce(hub, stream);

    await hub.stop();
    await hub.start(older()).then(() => console.log("RUNS"), (error) => console.log(String(error)));
  });
});
