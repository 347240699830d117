/** A fleet behind a real mosquitto that is configured as `petrel hub broker-config` says. */
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { agentIs, enrolledAgent, newToken } from "../support/enrolled-agent.ts";
import { createHub, freePort } from "../support/fleet.ts";
import { mosquittoMissing, runMosquitto } from "../support/mosquitto-process.ts";
import { runPetrel } from "../support/run-petrel.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const missing = await mosquittoMissing();

test.skipIf(missing !== null)(
  "a host enrols beside the link, its agent is let in by its certificate, and comes back once that is over, and the broker elsewhere",
  async () => {
    const port = await freePort();
    const place = { dev: false, broker: `mqtts://127.0.0.1:${port}` };
    const hub = await createHub(place);
    await hub.start({ PETREL_CERTIFICATE_SECONDS: "20" });
    const folder = await tempFolder("broker");
    const words = ["--host", "127.0.0.1", "--port", String(port), "--folder", folder, "--out", folder];
    const made = await runPetrel(["hub", "broker-config", "mosquitto", ...words, "--data", hub.data]);
    expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining("mosquitto.conf") });
    const configuration = join(folder, "mosquitto.conf");
    if (process.getuid?.() === 0) await appendFile(configuration, "user root\n");
    const mosquitto = await runMosquitto(configuration, port);
    await waitUntil("the hub to reach it", () =>
      hub.daemon().log().includes("connected to the external broker"),
    );

    const agent = await enrolledAgent(hub, "web-1");
    const at = ["--enroll-at", `mqtts://127.0.0.1:${port + 1}`];
    expect(await agent.enroll(await newToken(hub), at)).toMatchObject({ code: 0 });
    const first = agent.start();
    await agentIs(hub, "web-1", true);
    await first.stop();
    await agentIs(hub, "web-1", false);
    await waitUntil("its certificate to end", async () => {
      const { certificate_ends } = await hub.api<{ certificate_ends: string }>("GET", "/v1/identities/web-1");
      return Date.parse(certificate_ends) + 1_000 < Date.now();
    });
    // Nobody is left where it enrolled; it is told of the broker alone.
    await mosquitto.kill();
    await hub.stop();
    place.broker = `mqtts://127.0.0.2:${port}`;
    const settings = await readFile(configuration, "utf8");
    await writeFile(configuration, settings.replace(/^(listener \d+).*$/gm, "$1 127.0.0.2"));
    await runMosquitto(configuration, port, "127.0.0.2");
    await hub.start({ PETREL_CERTIFICATE_SECONDS: "20" });
    const second = agent.start({ PETREL_HUB: place.broker });
    await agentIs(hub, "web-1", true);
    expect(second.log()).toContain("IDENTITY_CLOCK");
  },
);
