/** The hub as a client of an external broker, with Debian's mosquitto. */
import { describe, expect, onTestFinished, test } from "vitest";
import { connectExternal, type ExternalBrokerOptions } from "../../hub/broker/external-mqtt.ts";
import { createLogger, silentLogger } from "../../shared/log.ts";
import { systemClock, systemJitter, systemTimers } from "../../shared/system-process.ts";
import { mosquittoMissing, startMosquitto } from "../support/mosquitto-process.ts";
import { mqttClient } from "../support/mqtt-clients.ts";
import { quickly, testAgent } from "../support/start-agent-connection.ts";
import { waitUntil } from "../support/wait-until.ts";

const missing = await mosquittoMissing();
const url = (port: number) => `mqtt://127.0.0.1:${port}`;

function testHub(port: number, options: Partial<ExternalBrokerOptions> = {}) {
  const heard: string[] = [];
  const events: string[] = [];
  const hub = connectExternal({
    url: url(port),
    prefix: "petrel",
    name: "one",
    logger: silentLogger,
    clock: systemClock,
    timers: systemTimers,
    jitter: systemJitter,
    limits: quickly,
    onConnect: (agent, { address }) => void events.push(`connect ${agent} ${address}`),
    onDisconnect: (agent) => void events.push(`disconnect ${agent}`),
    onMessage: (agent, kind, bytes) =>
      void heard.push(`${agent} ${kind} ${Buffer.from(bytes).toString("utf8")}`),
    ...options,
  });
  onTestFinished(() => hub.stop());
  return { hub, heard, events };
}

const presence = (state: string) => JSON.stringify({ v: 1, state });
const hello = (from: string) => JSON.stringify({ v: 1, type: "hello", from });

describe.skipIf(missing !== null)(
  `an external broker${missing === null ? "" : ` (SKIPPED: ${missing})`}`,
  () => {
    test("an agent that was there first is found by its retained presence, and both directions carry", async () => {
      const { port } = await startMosquitto();
      const { agent, heard: agentHeard } = testAgent({ url: url(port) });
      await waitUntil("the agent is connected", () => agent.connected());
      const { hub, heard, events } = testHub(port);
      await waitUntil("the hub meets it", () => hub.connected("web-1"));
      agent.transport.send("up", Buffer.from("trigger"));
      hub.transport("web-1").send("down", Buffer.from("request"));
      await waitUntil("both hear", () => heard.length === 2 && agentHeard.length === 1);
      expect(heard).toEqual([`web-1 presence ${presence("online")}`, "web-1 up trigger"]);
      expect(agentHeard).toEqual(["down request"]);
      expect(events).toEqual(["connect web-1 null"]);
      expect(hub.stats()).toMatchObject({ agents: 1, sent: 1 });
    });

    test("what an agent sends after its hello was handed on is heard from the first message on", async () => {
      const { port } = await startMosquitto();
      const { hub, heard } = testHub(port, {
        onMessage: (agent, kind, bytes) => {
          heard.push(`${agent} ${kind} ${Buffer.from(bytes)}`);
          if (kind === "hello") hub.transport(agent).send("hello", Buffer.from(hello("hub")));
        },
      });
      await waitUntil("the hub is there", () => hub.reached());
      const client = await mqttClient(port, "web-7");
      client.on("message", (_topic, bytes) => {
        if (bytes.toString() !== hello("hub")) return;
        for (let i = 0; i < 5; i++) client.publish("petrel/v1/agent/web-7/up", `${i}`, { qos: 1 });
      });
      await client.subscribeAsync("petrel/v1/agent/web-7/hello", { qos: 1 });
      // Straight away, with no presence before it.
      client.publish("petrel/v1/agent/web-7/hello", hello("agent"), { qos: 1 });
      await waitUntil("its messages are heard", () => heard.length >= 6);
      expect(heard).toEqual([
        `web-7 hello ${hello("agent")}`,
        ...[0, 1, 2, 3, 4].map((i) => `web-7 up ${i}`),
      ]);
      expect(hub.connected("web-7")).toBe(true);
    });

    test("neither side hears its own messages on the topics that both use", async () => {
      const { port } = await startMosquitto();
      const { hub, heard } = testHub(port);
      const { agent, heard: agentHeard } = testAgent({ url: url(port) });
      await waitUntil("they have met", () => hub.connected("web-1") && agent.connected());
      for (const kind of ["hello", "ask", "answer"] as const) {
        agent.transport.send(kind, Buffer.from(hello("agent")));
        hub.transport("web-1").send(kind, Buffer.from(hello("hub")));
      }
      agent.transport.send("up", Buffer.from("last"));
      hub.transport("web-1").send("down", Buffer.from("last"));
      await waitUntil(
        "the last is heard",
        () => heard.at(-1)?.endsWith("last") && agentHeard.at(-1)?.endsWith("last"),
      );
      expect(agentHeard).toEqual([
        ...["hello", "ask", "answer"].map((kind) => `${kind} ${hello("hub")}`),
        "down last",
      ]);
      expect(heard).toEqual([
        `web-1 presence ${presence("online")}`,
        ...["hello", "ask", "answer"].map((kind) => `web-1 ${kind} ${hello("agent")}`),
        "web-1 up last",
      ]);
    });

    test("an agent that goes, and one that vanishes, are both noticed", async () => {
      const { port } = await startMosquitto();
      const { hub, events } = testHub(port);
      const { agent } = testAgent({ url: url(port) });
      const client = await mqttClient(port, "web-2", {
        will: {
          topic: "petrel/v1/agent/web-2/presence",
          payload: Buffer.from(presence("offline")),
          qos: 1,
          retain: true,
        },
      });
      await client.publishAsync("petrel/v1/agent/web-2/presence", presence("online"), {
        qos: 1,
        retain: true,
      });
      await waitUntil("both are there", () => hub.connected("web-1") && hub.connected("web-2"));
      await agent.stop();
      await waitUntil("the first is gone", () => !hub.connected("web-1"));
      client.stream.destroy();
      await waitUntil("the second is gone", () => !hub.connected("web-2"));
      expect(events.filter((event) => event.startsWith("disconnect"))).toEqual([
        "disconnect web-1",
        "disconnect web-2",
      ]);
    });

    test("kill -9 of the broker: the hub counts every agent as gone, and finds them again", async () => {
      const mosquitto = await startMosquitto();
      const { hub, heard, events } = testHub(mosquitto.port);
      const { agent } = testAgent({ url: url(mosquitto.port) });
      await waitUntil("they have met", () => hub.connected("web-1"));
      await mosquitto.kill();
      await waitUntil("the hub notices", () => !hub.reached());
      expect(events).toEqual(["connect web-1 null", "disconnect web-1"]);
      hub.transport("web-1").send("down", Buffer.from("lost"));
      await mosquitto.start();
      await waitUntil("they meet again", () => hub.connected("web-1") && agent.connected());
      const before = heard.length;
      agent.transport.send("up", Buffer.from("fresh"));
      await waitUntil("the agent is heard", () => heard.length > before);
      expect(heard.at(-1)).toBe("web-1 up fresh");
      expect(hub.stats().dropped).toBe(1);
    });

    test("agents of other hubs, other prefixes and forged kinds are not heard", async () => {
      const { port } = await startMosquitto();
      const { hub, heard, events } = testHub(port, { owns: (agent) => agent !== "web-2" });
      await waitUntil("the hub is there", () => hub.reached());
      const client = await mqttClient(port, "anyone");
      for (const topic of [
        "petrel/v1/agent/web-2/presence",
        "petrel/v1/agent/Not An Id/presence",
        "other/v1/agent/web-1/presence",
        "petrel/v1/agent/web-1/down",
        "petrel/v1/agent/web-1/presence",
      ]) {
        await client.publishAsync(topic, presence("online"), { qos: 1 });
      }
      await waitUntil("the one is heard", () => heard.length > 0);
      expect(heard).toEqual([`web-1 presence ${presence("online")}`]);
      expect(events).toEqual(["connect web-1 null"]);
    });

    test("no agent can take the hub's place at the broker", async () => {
      const { port } = await startMosquitto();
      const { hub, events } = testHub(port);
      await waitUntil("the hub is there", () => hub.reached());
      const { agent } = testAgent({ url: url(port), id: "one" });
      await waitUntil("they have met", () => agent.connected() && hub.connected("one"));
      expect(events).toEqual(["connect one null"]);
    });

    test("the hub starts while the broker is away, says so once, and finds it later", async () => {
      const mosquitto = await startMosquitto();
      await mosquitto.kill();
      const lines: string[] = [];
      const write = (line: string) => void lines.push(line);
      const logger = createLogger({ level: "info", format: "text", write, now: () => 0 });
      const { hub } = testHub(mosquitto.port, { logger });
      await waitUntil("it says so", () => lines.length > 0);
      expect(lines).toEqual([expect.stringContaining("BROKER_UNREACHABLE")]);
      await mosquitto.start();
      await waitUntil("it is reached", () => hub.reached());
    });

    test("a hub that stops disconnects each agent once", async () => {
      const { port } = await startMosquitto();
      const { hub, events } = testHub(port);
      const { agent } = testAgent({ url: url(port) });
      await waitUntil("they have met", () => hub.connected("web-1") && agent.connected());
      await hub.stop();
      expect(events).toEqual(["connect web-1 null", "disconnect web-1"]);
    });
  },
);

test("a broker off loopback is refused before the network is touched", () => {
  const options = { url: "mqtt://192.0.2.1:1883" };
  expect(() => testHub(1883, options)).toThrow(expect.objectContaining({ code: "LINK_INSECURE" }));
});
