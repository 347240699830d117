import { connect as connectSocket, createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { createLogger } from "../../shared/log.ts";
import { mqttClient, rawAgent, rawClient } from "../support/mqtt-clients.ts";
import { testBroker } from "../support/start-broker.ts";
import { waitUntil } from "../support/wait-until.ts";

const topic = (kind: string, agent = "web-1") => `petrel/v1/agent/${agent}/${kind}`;

describe("between hub and agent", () => {
  test("an agent's message reaches the hub, and the hub's message reaches the agent", async () => {
    const { broker, port, heard } = await testBroker();
    const client = await mqttClient(port, "web-1");
    const got: string[] = [];
    client.on("message", (to, bytes, packet) => got.push(`${to} ${bytes} qos ${packet.qos}`));
    await client.subscribeAsync(topic("down"), { qos: 1 });
    await client.publishAsync(topic("up"), "hello", { qos: 1 });
    expect(heard).toEqual([{ agent: "web-1", kind: "up", text: "hello" }]);
    broker.transport("web-1").send("down", Buffer.from("run"));
    await waitUntil("the message arrives", () => got.length > 0);
    expect(got).toEqual([`${topic("down")} run qos 0`]);
    expect(broker.stats()).toMatchObject({ agents: 1, received: 1, sent: 1, dropped: 0 });
  });

  test("on a socket for both families an agent's IPv4 address is told as people write it", async () => {
    const from: (string | null)[] = [];
    const { port } = await testBroker({
      host: "::ffff:127.0.0.1",
      onConnect: (_id, { address }) => void from.push(address),
    });
    await mqttClient(port, "web-1");
    await waitUntil("it is there", () => from.length > 0);
    expect(from).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+$/)]);
  });

  test("what is sent to an agent that is away is dropped and counted", async () => {
    const { broker } = await testBroker();
    broker.transport("web-1").send("down", Buffer.from("run"));
    expect(broker.connected("web-1")).toBe(false);
    expect(broker.stats()).toMatchObject({ sent: 0, dropped: 1 });
  });

  test("each connect is followed by one disconnect, also when the broker stops", async () => {
    const { broker, port, events } = await testBroker();
    const first = await mqttClient(port, "web-1");
    await mqttClient(port, "web-2");
    await waitUntil("both are there", () => broker.stats().agents === 2);
    first.stream.destroy();
    await waitUntil("the first is gone", () => !broker.connected("web-1"));
    await broker.stop();
    expect(events).toEqual(["connect web-1", "connect web-2", "disconnect web-1", "disconnect web-2"]);
    expect(broker.stats().agents).toBe(0);
  });

  test("a second session of an id takes over, is reported, and is the one that is sent to", async () => {
    const { broker, port, events } = await testBroker();
    const first = await mqttClient(port, "web-1");
    const second = await mqttClient(port, "web-1");
    const got: string[] = [];
    first.on("message", () => got.push("first"));
    second.on("message", () => got.push("second"));
    await waitUntil("the first is closed", () => first.stream.destroyed);
    expect(events).toEqual(["connect web-1", "takeover web-1", "disconnect web-1", "connect web-1"]);
    broker.transport("web-1").send("down", Buffer.from("run"));
    await waitUntil("the message arrives", () => got.length > 0);
    expect(got).toEqual(["second"]);
    expect(broker.stats().takeovers).toBe(1);
  });

  test("a second session of an id that must not take over is refused by that name, and the first stays", async () => {
    const { broker, port, events } = await testBroker({ mayTakeOver: async () => false });
    const first = await mqttClient(port, "web-1");
    await expect(mqttClient(port, "web-1")).rejects.toMatchObject({ code: 2 });
    expect(events).toEqual(["connect web-1", "takeover web-1"]);
    expect(first.connected).toBe(true);
    expect(broker.stats()).toMatchObject({ agents: 1, takeovers: 0, refused: { conflict: 1 } });
  });

  test("a newcomer that leaves while the first session is asked ends nothing", async () => {
    let answer: (may: boolean) => void = () => {};
    const asked = new Promise<boolean>((resolve) => {
      answer = resolve;
    });
    const { broker, port, events } = await testBroker({ mayTakeOver: () => asked });
    const first = await mqttClient(port, "web-1");
    const second = await rawClient(port);
    second.send({ cmd: "connect", clientId: "web-1", username: "web-1", protocolVersion: 4, clean: true });
    await waitUntil("the first is asked", () => events.includes("takeover web-1"));
    second.socket.destroy();
    await mqttClient(port, "web-2");
    answer(true);
    await waitUntil("both are there still", () => broker.stats().agents === 2);
    await first.publishAsync(topic("up"), "on", { qos: 1 });
    expect(broker.stats().takeovers).toBe(0);
  });

  test("sessions that chase each other leave exactly one, and the hub knows it", async () => {
    const { broker, port, events } = await testBroker();
    const clients = await Promise.all(Array.from({ length: 20 }, () => rawClient(port)));
    for (const client of clients) {
      client.send({ cmd: "connect", clientId: "web-1", username: "web-1", protocolVersion: 4, clean: true });
      client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: topic("+"), qos: 1 }] });
    }
    await waitUntil("19 are closed", () => clients.filter((client) => client.closed()).length === 19);
    await waitUntil("one is there", () => broker.connected("web-1"));
    const left = clients.find((client) => !client.closed());
    broker.transport("web-1").send("down", Buffer.from("run"));
    await waitUntil("it is sent to", () => left?.packets.some(({ cmd }) => cmd === "publish"));
    left?.socket.destroy();
    await waitUntil("it is gone", () => !broker.connected("web-1"));
    const connects = events.filter((event) => event === "connect web-1").length;
    expect(events.filter((event) => event === "disconnect web-1")).toHaveLength(connects);
  });

  test("the last will of a client that vanishes reaches the hub as its presence", async () => {
    const { port, heard } = await testBroker();
    const will = { topic: topic("presence"), payload: Buffer.from("offline"), qos: 1 as const, retain: true };
    const client = await mqttClient(port, "web-1", { will });
    client.stream.destroy();
    await waitUntil("the will is heard", () => heard.length > 0);
    expect(heard).toEqual([{ agent: "web-1", kind: "presence", text: "offline" }]);
  });

  test("a client that says farewell leaves no will", async () => {
    const { port, heard, events } = await testBroker();
    const will = { topic: topic("presence"), payload: Buffer.from("will"), qos: 1 as const, retain: true };
    const client = await mqttClient(port, "web-1", { will });
    await client.publishAsync(topic("presence"), "farewell", { qos: 1 });
    await client.endAsync();
    await waitUntil("the hub notices", () => events.includes("disconnect web-1"));
    expect(heard.map(({ text }) => text)).toEqual(["farewell"]);
  });

  test("a client that asks for no keepalive and then says nothing is not held for ever", async () => {
    const { broker, port } = await testBroker({ limits: { keepalive: 1 } });
    const silent = await rawClient(port);
    silent.send({
      cmd: "connect",
      clientId: "web-1",
      username: "web-1",
      protocolVersion: 4,
      clean: true,
      keepalive: 0,
    });
    await waitUntil("it is there", () => broker.connected("web-1"));
    await waitUntil("it is let go", () => !broker.connected("web-1") && silent.closed());
  });

  test("nothing but a small presence is kept for those who come later, whatever a client asks for", async () => {
    const { port } = await testBroker({ dev: true, limits: { retainedBytes: 100 } });
    const [small, large] = [await mqttClient(port, "web-1"), await mqttClient(port, "web-2")];
    for (const kind of ["up", "hello", "stream"]) {
      await small.publishAsync(topic(kind), "x", { qos: 1, retain: true });
    }
    await large.publishAsync(topic("presence", "web-2"), "x".repeat(101), { qos: 1, retain: true });
    await small.publishAsync(topic("presence"), "online", { qos: 1, retain: true });
    const observer = await mqttClient(port, "observer-1");
    const got: string[] = [];
    observer.on("message", (to) => got.push(to));
    await observer.subscribeAsync("petrel/#", { qos: 1 });
    await small.publishAsync(topic("answer"), "now", { qos: 1 });
    await waitUntil("what is said now", () => got.includes(topic("answer")));
    expect(got).toEqual([topic("presence"), topic("answer")]);
  });

  test("agents hear neither themselves nor each other", async () => {
    const { broker, port } = await testBroker();
    const first = await mqttClient(port, "web-1");
    const second = await mqttClient(port, "web-2");
    const got: string[] = [];
    for (const client of [first, second]) client.on("message", (to) => got.push(to));
    await first.subscribeAsync(topic("#"), { qos: 1 });
    await second.subscribeAsync(topic("#", "web-2"), { qos: 1 });
    for (const kind of ["hello", "ask", "answer", "presence", "up"]) {
      await first.publishAsync(topic(kind), "x", { qos: 1, retain: true });
    }
    broker.transport("web-1").send("ask", Buffer.from("?"));
    broker.transport("web-2").send("ask", Buffer.from("?"));
    await waitUntil("the hub's messages arrive", () => got.length >= 2);
    expect(got.sort()).toEqual([topic("ask"), topic("ask", "web-2")]);
  });

  test("a message that the hub fails to take in is counted, and closes nothing", async () => {
    let calls = 0;
    const { broker, port } = await testBroker({
      onMessage: () => {
        calls += 1;
        if (calls === 1) throw new Error("thrown");
        return calls === 2 ? Promise.reject(new Error("rejected")) : undefined;
      },
    });
    const client = await mqttClient(port, "web-1");
    for (let i = 0; i < 3; i++) await client.publishAsync(topic("up"), "x", { qos: 1 });
    expect(broker.stats()).toMatchObject({ agents: 1, received: 3, refused: { ingest_failed: 2 } });
  });

  test("a hub that stops hears no more, and ends also those that never said CONNECT", async () => {
    const { broker, port, heard } = await testBroker();
    const will = { topic: topic("presence"), payload: Buffer.from("will"), qos: 1 as const, retain: true };
    const agent = await mqttClient(port, "web-1", { will });
    const silent = await rawClient(port);
    await broker.stop();
    await waitUntil("both are closed", () => agent.stream.destroyed && silent.closed());
    expect(heard).toEqual([]);
  });
});

describe("an observer in dev mode", () => {
  test("reads both directions and retained presence, and hears what its filters say", async () => {
    const { broker, port, events } = await testBroker({ dev: true });
    const agent = await mqttClient(port, "web-1");
    await agent.publishAsync(topic("presence"), "online", { qos: 1, retain: true });
    const observer = await mqttClient(port, "observer-1");
    const got: string[] = [];
    observer.on("message", (to, bytes) => got.push(`${to} ${bytes}`));
    await observer.subscribeAsync(["petrel/v1/agent/+/presence", topic("up"), topic("down")], { qos: 1 });
    await agent.publishAsync(topic("up"), "1", { qos: 1 });
    await agent.publishAsync(topic("hello"), "not asked for", { qos: 1 });
    broker.transport("web-1").send("down", Buffer.from("2"));
    await observer.unsubscribeAsync(topic("up"));
    await agent.publishAsync(topic("up"), "not any more", { qos: 1 });
    broker.transport("web-1").send("down", Buffer.from("3"));
    await waitUntil("all arrive", () => got.length >= 4);
    expect(got).toEqual([
      `${topic("presence")} online`,
      `${topic("up")} 1`,
      `${topic("down")} 2`,
      `${topic("down")} 3`,
    ]);
    expect(events).toEqual(["connect web-1"]);
    expect(broker.connected("observer-1")).toBe(false);
    expect(broker.stats().agents).toBe(1);
  });

  test("is closed when it publishes", async () => {
    const { broker, port, heard } = await testBroker({ dev: true });
    const observer = await mqttClient(port, "observer-1");
    observer.publish(topic("up"), "forged", { qos: 1 });
    await waitUntil("it is closed", () => observer.stream.destroyed);
    expect(heard).toEqual([]);
    expect(broker.stats().refused).toEqual({ silent_observer: 1 });
  });
});

test("one address that is refused again and again is one client in the log, whatever port it comes from", async () => {
  const told: string[] = [];
  const logger = createLogger({
    level: "info",
    format: "json",
    write: (line) => void told.push(line),
    now: () => 0,
  });
  const { broker, port } = await testBroker({ logger });
  for (let i = 0; i < 5; i++) await expect(mqttClient(port, `No Id ${i}`)).rejects.toThrow();
  expect(Object.values(broker.stats().refused)).toEqual([5]);
  expect(told.map((line) => JSON.parse(line))).toMatchObject([{ client: "127.0.0.1", count: 1 }]);
});

describe("listening", () => {
  const start = (host: string, port: number) => testBroker({ dev: true, host, port });

  test.each(["0.0.0.0", "::", "192.0.2.1", "hub.example", "127.0.0.300"])(
    "on %s is refused",
    async (host) => {
      await expect(start(host, 0)).rejects.toMatchObject({
        code: "HUB_INSECURE_LISTEN",
        hint: expect.stringContaining("127.0.0.1"),
      });
    },
  );

  test("on a port that is taken is refused with the way out, and leaves nothing running", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    await expect(start("127.0.0.1", port)).rejects.toMatchObject({
      code: "HUB_PORT_IN_USE",
      hint: expect.stringContaining("--mqtt"),
      where: `127.0.0.1:${port}`,
    });
  });

  test("ends a client that does not say CONNECT in time", async () => {
    const { port } = await testBroker({ limits: { connectTimeoutMs: 100 } });
    const socket = connectSocket(port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    await waitUntil("it is closed", () => socket.closed);
  });

  test("takes no more connections than its limit", async () => {
    const { port } = await testBroker({ limits: { connections: 2 } });
    await rawAgent(port, "web-1");
    await rawAgent(port, "web-2");
    const third = await rawClient(port);
    await waitUntil("the third is closed", () => third.closed());
  });
});
