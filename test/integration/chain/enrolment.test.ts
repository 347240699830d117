/** Hosts become agents of a real hub over TLS, stay it, and stop being it. */
import { once } from "node:events";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { generate } from "mqtt-packet";
import { describe, expect, test } from "vitest";
import type { IdentityView } from "../../../hub/enrolment/enrolment-desk.ts";
import { readApiFile } from "../../../hub/http/api-file-fs.ts";
import { certificatesIn, lifeOf } from "../../../shared/identity/certificates.ts";
import { formatToken, parseToken } from "../../../shared/identity/enrolment.ts";
import type { AgentRecord } from "../../../shared/model/agent.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { agentIs, enrolledAgent, newToken } from "../../support/enrolled-agent.ts";
import { createHub, type TestHub } from "../../support/fleet.ts";
import { mqttClient } from "../../support/mqtt-clients.ts";
import { type OddCertificate, oddCertificate } from "../../support/odd-certificates.ts";
import { runPetrel, startPetrel } from "../../support/run-petrel.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const certificateSeconds = 15;
const shared = sharedByFile(async () => {
  const hub = await createHub({ dev: false });
  await hub.start({ PETREL_CERTIFICATE_SECONDS: String(certificateSeconds) });
  return hub;
});

const identity = (hub: TestHub, id: string) => hub.api<IdentityView>("GET", `/v1/identities/${id}`);

/** A stranger shows a certificate and says CONNECT; resolves when it is shown the door. */
async function say(port: number, { pem, key }: OddCertificate): Promise<void> {
  const socket = connect({
    port,
    host: "127.0.0.1",
    cert: pem,
    key: key.export({ format: "pem", type: "pkcs8" }),
    rejectUnauthorized: false,
  });
  socket.on("error", () => {
    // It is what is expected.
  });
  socket.on("data", () => {});
  const fields = { protocolId: "MQTT", protocolVersion: 4, clean: true, keepalive: 60 } as const;
  socket.write(generate({ cmd: "connect", clientId: "web-1", username: "web-1", ...fields }));
  await once(socket, "close");
}

async function endOf(data: string): Promise<number> {
  const [leaf] = certificatesIn(await readFile(join(data, "identity/agent.crt"), "utf8")) ?? [];
  return leaf === undefined ? 0 : lifeOf(leaf).notAfter;
}

/** Every file below a folder that has these bytes. */
async function filesWith(folder: string, text: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const found = await Promise.all(
    paths.map(async (path) => ((await readFile(path)).includes(text) ? [path] : [])),
  );
  return found.flat();
}

describe("with a token", () => {
  test("a host becomes an agent, its token is nowhere, and its certificate is renewed while it is online", async () => {
    const hub = await shared();
    const token = await newToken(hub, { labels: { role: "web" } });
    const agent = await enrolledAgent(hub, "web-1");
    expect(await agent.enroll(token)).toMatchObject({ code: 0 });
    const first = await endOf(agent.data);
    // The same again finds that it is done; nobody else can use the token.
    expect(await agent.enroll(token)).toMatchObject({ code: 0, stdout: expect.stringContaining("already") });
    const second = await enrolledAgent(hub, "web-2");
    expect(await second.enroll(token)).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^ENROL_TOKEN: .*used up/m),
    });
    const daemon = agent.start();
    await agentIs(hub, "web-1", true);
    expect(await hub.api("GET", "/v1/agents/web-1")).toMatchObject({ labels: { role: "web" } });
    await waitUntil("the certificate to be renewed", async () => (await endOf(agent.data)) > first);
    await agentIs(hub, "web-1", true);
    const { secret = "" } = parseToken(token) ?? {};
    expect(await filesWith(agent.data, secret)).toEqual([]);
    expect(await filesWith(hub.data, secret)).toEqual([]);
    expect(await daemon.stop()).toBe(0);
  });

  test("an agent that was away for longer than its certificate's life comes back by itself", async () => {
    const hub = await shared();
    const agent = await enrolledAgent(hub, "away-1");
    expect(await agent.enroll(await newToken(hub))).toMatchObject({ code: 0 });
    const ended = await endOf(agent.data);
    await waitUntil("its certificate to end", () => Date.now() > ended + 1_000);
    agent.start();
    await agentIs(hub, "away-1", true);
    await waitUntil("it to have another", async () => (await endOf(agent.data)) > ended);
  });

  test("an enrolment that the agent never heard the answer of is finished with the same key, and takes no second use", async () => {
    const hub = await shared();
    const token = await newToken(hub);
    const agent = await enrolledAgent(hub, "killed-1");
    await agent.enroll(token);
    const before = await identity(hub, "killed-1");
    // As a kill between the hub's answer and the last file leaves it.
    await rm(join(agent.data, "identity/fleet.json"));
    await rm(join(agent.data, "identity/agent.crt"));
    expect(await agent.enroll(token)).toMatchObject({
      code: 0,
      stdout: expect.not.stringContaining("already"),
    });
    expect(await identity(hub, "killed-1")).toMatchObject({
      key: before.key,
      enrolled_at: before.enrolled_at,
    });
    const { items } = await hub.api<{ items: { id: string; uses: number }[] }>("GET", "/v1/agent-tokens");
    expect(items.find(({ id }) => id === parseToken(token)?.id)?.uses).toBe(0);
  });

  test("a token is printed for a host that has only the binary, and for scripts; the hub's own agent gets its label", async () => {
    const hub = await shared();
    const made = await runPetrel(["agent", "token", "--label", "role=web", "--data", hub.data]);
    const [token = "", ...rest] = made.stdout.split("\n");
    expect(parseToken(token)).not.toBeNull();
    expect(rest.join("\n")).toContain(`  ./petrel-agent install --hub ${hub.mqtt} --token ${token}\n`);
    const args = ["--id", "hub", "--label", "site=berlin", "--only-token"];
    const { stdout } = await runPetrel(["agent", "token", ...args, "--data", hub.data]);
    const own = parseToken(stdout.trimEnd());
    const { items } = await hub.api<{ items: { id: string; labels: object }[] }>("GET", "/v1/agent-tokens");
    expect(items.find(({ id }) => id === own?.id)?.labels).toEqual({ petrel: "hub", site: "berlin" });
  });

  test("a hub that does not know the token is not believed, and says no more than no", async () => {
    const hub = await shared();
    const agent = await enrolledAgent(hub, "forged-1");
    const { root = "" } = parseToken(await newToken(hub)) ?? {};
    const forged = formatToken({ id: "aaaaaaaaaaaa", secret: "x".repeat(43), root });
    expect(await agent.enroll(forged)).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^ENROL_REFUSED/m),
    });
    await expect(identity(hub, "forged-1")).rejects.toThrow("404");
    expect(await agent.enroll(null)).toMatchObject({ code: 2, stderr: expect.stringContaining("CLI_USAGE") });
    expect(await agent.enroll(`petrel-token-1.aaaaaaaaaaaa.${"x".repeat(43)}`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("older kind"),
    });
  });

  test("who answers under another root than the token's is not believed, though it has the token; --root is compared too", async () => {
    const hub = await shared();
    const agent = await enrolledAgent(hub, "shared-1");
    const token = await newToken(hub, { uses: 2 });
    const text = parseToken(token);
    if (text === null) throw new Error("not a token");
    const ofAnother = formatToken({ ...text, root: "0".repeat(32) });
    const refused = { code: 4, stderr: expect.stringMatching(/^HUB_UNTRUSTED/m) };
    expect(await agent.enroll(ofAnother)).toMatchObject(refused);
    const begins = `sha256:${text.root}`;
    expect(await agent.enroll(token, ["--root", `sha256:${"0".repeat(64)}`])).toMatchObject(refused);
    expect(await agent.enroll(token, ["--root", begins.padEnd(71, "0")])).toMatchObject(refused);
    const shown = await runPetrel(["hub", "root", "show", "--json", "--data", hub.data]);
    const { fingerprint } = JSON.parse(shown.stdout) as { fingerprint: string };
    expect(await agent.enroll(token, ["--root", fingerprint])).toMatchObject({ code: 0 });
  });

  test("an id that is enrolled is not given to another host; what was removed does not return, and the id may", async () => {
    const hub = await shared();
    const agent = await enrolledAgent(hub, "gone-1");
    await agent.enroll(await newToken(hub));
    const daemon = agent.start();
    await agentIs(hub, "gone-1", true);
    const other = await enrolledAgent(hub, "gone-1");
    const token = await newToken(hub, { uses: 5 });
    expect(await other.enroll(token)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^AGENT_EXISTS/m),
    });

    const waiting = {
      action: "core.noop",
      parameters: {},
      target: { host: "gone-1" },
      user: "test",
      delay: 600,
    };
    await hub.api("POST", "/v1/executions", waiting);
    const removed = await runPetrel(["agent", "remove", "gone-1", "--json", "--data", hub.data]);
    expect(JSON.parse(removed.stdout)).toMatchObject({ agent: "gone-1", state: "removed" });
    await agentIs(hub, "gone-1", false);
    expect(await hub.all("/v1/executions?agent=gone-1")).toMatchObject([
      { status: "canceled", reason: "the agent was removed" },
    ]);
    await waitUntil("the agent to know why", () => daemon.log().includes("IDENTITY_UNKNOWN"));
    const status = await runPetrel(["status", "--data", agent.data], { command: "petrel-agent" });
    expect(status.stdout).toContain("refused  IDENTITY_UNKNOWN");
    // It keeps its key, and does not enrol by itself.
    expect(await identity(hub, "gone-1")).toMatchObject({ state: "removed" });
    expect(await readdir(join(agent.data, "identity"))).toContain("agent.key");
    await daemon.stop();
    expect(await other.enroll(token)).toMatchObject({ code: 0 });
    other.start();
    await agentIs(hub, "gone-1", true);
    // The old machine's key is another's id now.
    const back = agent.start();
    await waitUntil("the old one to be told", () => back.log().includes("IDENTITY_KEY"));
  });
});

describe("without a token", () => {
  test("a host waits until somebody approves its key, and finishes by itself", async () => {
    const hub = await shared();
    const shown = await runPetrel(["hub", "root", "show", "--json", "--data", hub.data]);
    const { fingerprint } = JSON.parse(shown.stdout) as { fingerprint: string };
    const data = join(await tempFolder("agent"), "data");
    const args = ["enroll", "--hub", hub.mqtt, "--id", "asks-1", "--data", data, "--root", fingerprint];
    const asking = startPetrel(args, { command: "petrel-agent" });
    const own = await waitUntil(
      "it to say its key",
      () => /key is (sha256:[0-9a-f]{64})/.exec(asking.stderr())?.[1],
    );
    const petrel = (...words: string[]) => runPetrel([...words, "--data", hub.data]);
    expect((await petrel("agent", "pending")).stdout).toContain(own);
    const wrong = await petrel("agent", "approve", "asks-1", "--fingerprint", `sha256:${"0".repeat(64)}`);
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("AGENT_EXISTS") });
    expect(await petrel("agent", "approve", "asks-1", "--fingerprint", String(own))).toMatchObject({
      code: 0,
    });
    expect(await asking.ended).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("asks-1 is enrolled"),
    });
  });

  test("a hub under another root is not believed", async () => {
    const hub = await shared();
    const agent = await enrolledAgent(hub, "misled-1");
    const ended = await agent.enroll(null, ["--root", `sha256:${"0".repeat(64)}`]);
    expect(ended).toMatchObject({ code: 4, stderr: expect.stringMatching(/^HUB_UNTRUSTED/m) });
    expect(await hub.api("GET", "/v1/identities/misled-1")).toMatchObject({ state: "pending" });
    await hub.api("POST", "/v1/identities/misled-1/reject");
    await expect(identity(hub, "misled-1")).rejects.toThrow("404");
  });
});

describe("the hub", () => {
  test("is not reached without TLS, and lets nobody in who is not enrolled", async () => {
    const hub = await shared();
    const { port } = new URL(hub.mqtt);
    await expect(mqttClient(Number(port), "web-1")).rejects.toThrow();
    await say(Number(port), oddCertificate("no subject"));
    const stranger = await enrolledAgent(hub, "stranger-1");
    expect(await stranger.start().ended()).toMatchObject({ code: 4 });
    await expect(hub.api("GET", "/v1/agents/stranger-1")).rejects.toThrow("404");
  });

  test("shows others its API under the fleet's root, where no other certificate is configured", async () => {
    const hub = await createHub({ dev: false, args: ["--http", "0.0.0.0:0"] });
    await hub.start();
    const { url = "", key = "" } = (await readApiFile(hub.data)) ?? {};
    expect(url).toMatch(/^https:/);
    const list = (...more: string[]) =>
      runPetrel(["agent", "list", "--json", "--api", url, ...more], { env: { PETREL_API_KEY: key } });
    expect(await list("--api-ca", join(hub.data, "keys/root.crt"))).toMatchObject({
      code: 0,
      stdout: "[]\n",
    });
    expect(await list()).toMatchObject({ stderr: expect.stringContaining("API_CERTIFICATE") });
    expect(await runPetrel(["agent", "list", "--json", "--data", hub.data])).toMatchObject({ code: 0 });
  });

  test("does not let anybody be one of its agents by --dev, nor does an agent obey whoever answers", async () => {
    const hub = await createHub({ dev: false });
    await hub.start();
    const agent = await enrolledAgent(hub, "dev-1");
    expect(await agent.enroll(await newToken(hub))).toMatchObject({ code: 0 });
    const refused = { code: 2, stderr: expect.stringContaining("DEV_FLEET") };
    const run = ["run", "--dev", "--data", agent.data, "--hub", "mqtt://127.0.0.1:1"];
    expect(await runPetrel(run, { command: "petrel-agent" })).toMatchObject(refused);
    await hub.stop();
    const start = ["hub", "--dev", "--data", hub.data, "--http", "0", "--mqtt", "0"];
    expect(await runPetrel(start)).toMatchObject(refused);
  });

  test("changes its keys and its CA while an agent is away, and the agent comes back", async () => {
    const hub = await shared();
    const agent = await enrolledAgent(hub, "rotated-1");
    await agent.enroll(await newToken(hub));
    const first = agent.start();
    await agentIs(hub, "rotated-1", true);
    const seen = async () => (await hub.api<AgentRecord>("GET", "/v1/agents/rotated-1")).hub_keys_serial;
    await waitUntil("it to say by which keys it goes", async () => (await seen()) === 1);
    await first.stop();
    const petrel = (...words: string[]) => runPetrel(["hub", ...words, "--json", "--data", hub.data]);
    const file = join(await tempFolder("root"), "root.key");
    expect(await petrel("root", "export", file)).toMatchObject({ code: 0 });
    expect(await petrel("keys", "rotate")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("ROOT_KEY_MISSING"),
    });
    expect(await petrel("keys", "rotate", "--root", file)).toMatchObject({ code: 0 });
    const wide = parseToken(await newToken(hub, { uses: 101 }))?.id ?? "";
    const doctor = await runPetrel(["doctor", "--json", "--data", hub.data]);
    expect(doctor.stdout).toContain("hub-keys");
    expect(doctor.stdout).toContain("hub-keys-seen");
    expect(doctor.stdout).toContain(`token ${wide}`);
    expect(await petrel("ca", "rotate", "--root", file)).toMatchObject({ code: 0 });
    expect(await petrel("keys", "rotate", "--drop-old", "--root", file)).toMatchObject({ code: 0 });
    agent.start();
    await agentIs(hub, "rotated-1", true);
    const { items } = await hub.api<{ items: { ref: string | null; verb: string; status: number }[] }>(
      "GET",
      "/v1/audit/requests?limit=200",
    );
    const refs = (verb: string) =>
      items.filter((one) => one.verb === verb && one.status < 300).map(({ ref }) => ref);
    // Serials are by the clock: higher than any that an agent may have seen.
    const serials = refs("keys").map(Number).sort();
    expect(serials).toHaveLength(2);
    expect(serials[1]).toBeGreaterThan(serials[0] ?? 0);
    expect(serials[0]).toBeGreaterThan(Date.now() / 1_000 - 600);
    expect(refs("token")).not.toContain(null);
    await waitUntil("it to have seen the new ones", async () => (await seen()) === serials[1]);
    // While it is there it hears of them at once.
    expect(await petrel("keys", "rotate", "--root", file)).toMatchObject({ code: 0 });
    await waitUntil("it to have seen the newest", async () => ((await seen()) ?? 0) > (serials[1] ?? 0));
    // The root key is not needed to start.
    await hub.stop();
    await hub.start({ PETREL_CERTIFICATE_SECONDS: String(certificateSeconds) });
    await agentIs(hub, "rotated-1", true);
  });
});
