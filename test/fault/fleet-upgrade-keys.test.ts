/**
 * Upgrades through the link while what they rest on changes in the midst of a fetch: the hub's keys, and the broker. A real
 * mosquitto, enrolled agents that are installed, and a wire that stops after so many bytes of the binary.
 */
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { RolloutAgentView, RolloutView } from "../../hub/upgrades/rollout-desk.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import { version } from "../../shared/version.ts";
import { sharedByFile } from "../support/at-end.ts";
import { agentIs } from "../support/enrolled-agent.ts";
import { createHub, freePort } from "../support/fleet.ts";
import { userOf } from "../support/fleet-user.ts";
import { agentBinary, installedAgent } from "../support/installed-agent.ts";
import { meteredProxy } from "../support/metered-proxy.ts";
import { mosquittoMissing, runMosquitto } from "../support/mosquitto-process.ts";
import { runPetrel } from "../support/run-petrel.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const missing = await mosquittoMissing();
const next = "9.1.0";
/** Two parts; the wire stops in the first. */
const noise = 5_000_000;
const firstBytes = 1_000_000;
/** A little more, now and then. */
const drop = { bytes: 20_000, everyMs: 200 };

type Followed = RolloutView & { readonly agents: readonly RolloutAgentView[] };

/** A hub that reaches its broker over a wire, an agent, and a version that the agent can become. */
async function opened() {
  const port = await freePort();
  const wire = await meteredProxy(port);
  const place = { dev: false, broker: `mqtts://127.0.0.1:${wire.port}` };
  const hub = await createHub(place);
  await hub.start();
  const folder = await tempFolder("broker");
  const words = ["--host", "127.0.0.1", "--port", String(port), "--folder", folder, "--out", folder];
  expect(await runPetrel(["hub", "broker-config", "mosquitto", ...words, "--data", hub.data])).toMatchObject({
    code: 0,
  });
  const configuration = join(folder, "mosquitto.conf");
  if (process.getuid?.() === 0) await appendFile(configuration, "user root\n");
  const mosquitto = await runMosquitto(configuration, port);
  const [binary, newer] = await Promise.all([agentBinary(version), agentBinary(next, { noise })]);
  const reached = { ...hub, mqtt: `mqtts://127.0.0.1:${port}` };
  const enroll = ["--enroll-at", `mqtts://127.0.0.1:${port + 1}`];
  const agent = await installedAgent(reached, "web-1", binary, { enroll });
  await agentIs(hub, "web-1", true);
  const user = userOf(hub);
  await user.says("agent", "release", "add", newer);

  /** Begins, and stops the wire when the agent has some of the binary. */
  const heldInItsMidst = async () => {
    const from = wire.passed();
    wire.allow(firstBytes);
    const { id } = await user.json<RolloutView>(
      ...["agent", "upgrade", "web-1", "--version", next, "--settle", "0s", "--detach"],
    );
    await waitUntil("some of the binary to be there", () => wire.passed() >= from + firstBytes);
    const { agents } = await user.json<Followed>("agent", "rollout", "get", id);
    expect(agents).toMatchObject([{ agent: "web-1", state: "sending" }]);
    return id;
  };
  const ends = async (id: string) => {
    const { code, stdout } = await user.run("agent", "rollout", "follow", id, "--json");
    return { code, rollout: JSON.parse(stdout) as Followed };
  };
  const record = () => hub.api<AgentRecord>("GET", "/v1/agents/web-1");
  const rotate = async (...more: readonly string[]) => {
    const { serial } = await user.json<{ serial: number }>("hub", "keys", "rotate", ...more);
    return serial;
  };
  const trickle = (what: string, test: () => Promise<boolean>) =>
    waitUntil(
      what,
      () => {
        wire.allow(drop.bytes);
        return test();
      },
      undefined,
      drop.everyMs,
    );
  const goOn = () => wire.allow(Number.POSITIVE_INFINITY);
  return {
    place,
    port,
    hub,
    mosquitto,
    configuration,
    agent,
    heldInItsMidst,
    ends,
    record,
    rotate,
    trickle,
    goOn,
  };
}

describe.skipIf(missing !== null)(
  `in the midst of a fetch, behind mosquitto${missing === null ? "" : ` (SKIPPED: ${missing})`}`,
  () => {
    const fleet = sharedByFile(async () => (missing === null ? opened() : null));
    const here = () => fleet() ?? expect.fail("no mosquitto");

    test("a key is dropped: the agent refuses what it has signed, and says why", async () => {
      const { heldInItsMidst, ends, record, rotate, trickle, goOn } = here();
      const id = await heldInItsMidst();
      await rotate();
      const serial = await rotate("--drop-old");
      await trickle("the agent to hear of it", async () => (await record()).hub_keys_serial === serial);
      goOn();
      const { code, rollout } = await ends(id);
      expect([code, rollout]).toMatchObject([1, { state: "stopped", counts: { failed: 1 } }]);
      expect(rollout.agents).toMatchObject([
        { state: "failed", code: "UPGRADE_UNSIGNED", reason: expect.stringContaining("dropped since") },
      ]);
      expect(await record()).toMatchObject({ version, hub_keys_serial: serial });
    });

    test("there is a new key, and then another broker: it goes on, and ends well", async () => {
      const { place, port, hub, mosquitto, configuration, agent, ...way } = here();
      const id = await way.heldInItsMidst();
      const serial = await way.rotate();
      await mosquitto.kill();
      await hub.stop();
      way.goOn();
      // The second one knows nothing of the first.
      place.broker = `mqtts://127.0.0.2:${port}`;
      const settings = await readFile(configuration, "utf8");
      await writeFile(configuration, settings.replace(/^(listener \d+).*$/gm, "$1 127.0.0.2"));
      await runMosquitto(configuration, port, "127.0.0.2");
      await hub.start();
      await agent.configure({ PETREL_HUB: place.broker });
      await agent.off();
      await agent.on();
      const { code, rollout } = await way.ends(id);
      expect([code, rollout]).toMatchObject([0, { state: "done", counts: { healthy: 1 }, batches: 1 }]);
      expect(await way.record()).toMatchObject({ version: next, online: true, hub_keys_serial: serial });
    });
  },
);
