import { createServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { generate } from "mqtt-packet";
import { describe, expect, onTestFinished, test } from "vitest";
import { createLogger } from "../../shared/log.ts";
import { mqttClient } from "../support/mqtt-clients.ts";
import { quickly, testAgent } from "../support/start-agent-connection.ts";
import { testBroker } from "../support/start-broker.ts";
import { waitUntil } from "../support/wait-until.ts";

const hasIpv6 = (networkInterfaces().lo ?? []).some(({ address }) => address === "::1");
const url = (port: number) => `mqtt://127.0.0.1:${port}`;

/** A peer that says what the test wants said. */
async function fakeBroker(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}); // the agent may hang up at any time
    onSocket(socket);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

/** The same, of one that lets everybody in; `hear` is given what they say then. */
const lettingIn = (hear: (chunk: Buffer, socket: Socket) => void) =>
  fakeBroker((socket) => {
    socket.on("data", (chunk: Buffer) => {
      if (chunk[0] === 0x10) socket.write(generate({ cmd: "connack", returnCode: 0, sessionPresent: false }));
      else hear(chunk, socket);
    });
  });
const isSubscribe = (chunk: Buffer) => chunk[0] === 0x82;

describe("an agent's connection", () => {
  test("subscribes, announces itself, and then is open in both directions", async () => {
    const { broker, port, heard } = await testBroker();
    const { agent, heard: agentHeard, events } = testAgent({ url: url(port) });
    await waitUntil("it is connected", () => agent.connected());
    await waitUntil("presence arrives", () => heard.length > 0);
    agent.transport.send("up", Buffer.from("trigger"));
    await waitUntil("the hub hears", () => heard.length === 2);
    expect(heard).toEqual([
      { agent: "web-1", kind: "presence", text: '{"v":1,"state":"online"}' },
      { agent: "web-1", kind: "up", text: "trigger" },
    ]);
    for (const kind of ["down", "up-receipt", "hello", "ask", "answer"] as const) {
      broker.transport("web-1").send(kind, Buffer.from(kind));
    }
    await waitUntil("the agent hears", () => agentHeard.length === 5);
    expect(agentHeard).toEqual(
      ["down", "up-receipt", "hello", "ask", "answer"].map((kind) => `${kind} ${kind}`),
    );
    expect(events).toEqual(["connect"]);
  });

  test("knows whether what it sends goes with something else", async () => {
    const { port, heard } = await testBroker();
    const { agent } = testAgent({ url: url(port) });
    const { transport } = agent;
    await waitUntil("it is connected", () => agent.connected() && heard.length > 0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(transport.hasCompany?.()).toBe(false);
    transport.send("up", Buffer.from("result"));
    expect(transport.hasCompany?.()).toBe(true);
    transport.send("down-receipt", Buffer.from("receipt"));
    await waitUntil("the hub hears both", () => heard.length === 3);
    expect(transport.hasCompany?.()).toBe(false);
  });

  test.skipIf(!hasIpv6)("over IPv6, with addresses as they stand in URLs", async () => {
    const from: (string | null)[] = [];
    const { broker, port } = await testBroker({
      host: "::1",
      onConnect: (_id, { address }) => void from.push(address),
    });
    const lines: string[] = [];
    const logger = createLogger({
      level: "info",
      format: "text",
      now: () => 0,
      write: (text) => lines.push(text),
    });
    const { agent } = testAgent({ url: `mqtt://[::1]:${port}`, logger });
    await waitUntil("it is connected", () => agent.connected());
    expect(agent.localAddress()).toMatch(/^\[::1\]:\d+$/);
    expect(from).toEqual([agent.localAddress()]);
    await broker.stop();
    await waitUntil("it says that it is lost", () => lines.length > 0);
    expect(lines[0]).toContain(`broker=[::1]:${port} `);
  });

  test("hears what the hub says as soon as it has let it in, once it is open itself", async () => {
    const { broker, port } = await testBroker({
      onConnect: (id) => broker.transport(id).send("hello", Buffer.from("hello")),
    });
    const order: string[] = [];
    testAgent({
      url: url(port),
      onConnect: () => void order.push("connect"),
      onMessage: (kind) => void order.push(kind),
    });
    await waitUntil("the agent hears", () => order.includes("hello"));
    expect(order).toEqual(["connect", "hello"]);
  });

  test("says that it goes, so that no will is published", async () => {
    const { port, heard, events: hubEvents } = await testBroker();
    // Numbered, since a will and a farewell say the same otherwise.
    let made = 0;
    const { agent, events } = testAgent({
      url: url(port),
      presence: (state) => Buffer.from(`${state} ${++made}`),
    });
    await waitUntil("it is connected", () => agent.connected());
    await agent.stop();
    await waitUntil("the hub notices", () => hubEvents.includes("disconnect web-1"));
    // The first was left as the will.
    expect(heard.map(({ text }) => text)).toEqual(["online 2", "offline 3"]);
    expect(events).toEqual(["connect", "disconnect"]);
  });

  test("comes back after the hub was away, and announces itself again", async () => {
    const first = await testBroker();
    const { port } = first;
    const { agent, events } = testAgent({ url: url(port) });
    await waitUntil("it is connected", () => agent.connected());
    await first.broker.stop();
    await waitUntil("it notices", () => events.includes("disconnect"));
    const second = await testBroker({ port });
    await waitUntil("it is back", () => agent.connected() && second.heard.length > 0);
    expect(second.heard.map(({ kind }) => kind)).toEqual(["presence"]);
    expect(events).toEqual(["connect", "disconnect", "connect"]);
  });

  test("sends nothing later that was sent while it was away", async () => {
    const first = await testBroker();
    const { agent } = testAgent({ url: url(first.port) });
    await waitUntil("it is connected", () => agent.connected());
    await first.broker.stop();
    await waitUntil("it notices", () => !agent.connected());
    agent.transport.send("up", Buffer.from("lost"));
    expect(agent.stats().dropped).toBe(1);
    const { heard } = await testBroker({ port: first.port });
    await waitUntil("it is back", () => agent.connected());
    agent.transport.send("up", Buffer.from("fresh"));
    await waitUntil("the hub hears", () => heard.length === 2);
    expect(heard.map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      'presence {"v":1,"state":"online"}',
      "up fresh",
    ]);
  });

  test("leaves its will when it vanishes", async () => {
    const { port, heard } = await testBroker();
    const { agent } = testAgent({ url: url(port) });
    await waitUntil("it is connected", () => agent.connected());
    // Another session of the id throws it out without its farewell.
    await mqttClient(port, "web-1");
    await waitUntil("the will is heard", () => heard.some(({ text }) => text.includes("offline")));
  });

  test("logs an outage once, however many attempts it takes, and its end", async () => {
    const first = await testBroker();
    const lines: { level: string; message: string }[] = [];
    const logger = createLogger({
      level: "debug",
      format: "json",
      write: (line) => void lines.push(JSON.parse(line)),
      now: () => 0,
    });
    const { agent } = testAgent({ url: url(first.port), logger });
    await waitUntil("it is connected", () => agent.connected());
    await first.broker.stop();
    const before = agent.stats().attempts;
    await waitUntil("it has tried often", () => agent.stats().attempts > before + 5);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: "warn", message: expect.stringContaining("BROKER_UNREACHABLE") });
    await testBroker({ port: first.port });
    await waitUntil("it is back", () => agent.connected());
    expect(lines.slice(1)).toEqual([expect.objectContaining({ level: "info" })]);
  });

  test("waits longer after each connection that did not last", async () => {
    const waits: number[] = [];
    const timers = {
      after(delayMs: number, callback: () => void) {
        if (delayMs < 1_000) waits.push(delayMs);
        const timer = setTimeout(callback, delayMs < 1_000 ? 0 : delayMs);
        return () => clearTimeout(timer);
      },
    };
    // Says yes to everything, then hangs up: another session of the same id would look like this.
    const port = await lettingIn((_chunk, socket) => void socket.end());
    const limits = { ...quickly, backoff: { firstMs: 1, mostMs: 100 } };
    testAgent({ url: url(port), timers, limits, jitter: () => 0.5 });
    await waitUntil("it has tried often", () => waits.length >= 9);
    expect(waits.slice(0, 9)).toEqual([1, 2, 4, 8, 16, 32, 64, 100, 100]);
  });

  test("drops what a broker that does not acknowledge would make it hold", async () => {
    const port = await lettingIn((chunk, socket) => {
      if (isSubscribe(chunk))
        socket.write(generate({ cmd: "suback", messageId: chunk.readUInt16BE(3), granted: [1, 1, 1, 1, 1] }));
    });
    const limits = { ...quickly, unacknowledged: 10 };
    const { agent } = testAgent({ url: url(port), limits });
    await waitUntil("it is connected", () => agent.connected());
    for (let i = 0; i < 100; i++) agent.transport.send("up", Buffer.from("x"));
    // One of the ten is its presence.
    expect(agent.stats()).toMatchObject({ sent: 10, dropped: 91 });
    await agent.stop();
  });

  test.each([
    ["garbage", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")],
    [
      "an endless packet",
      Buffer.concat([Buffer.from([0x20, 2, 0, 0, 0x30, 0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(100_000)]),
    ],
    ["a refusal", Buffer.from([0x20, 2, 0, 5])],
  ])("survives a broker that answers with %s, and tries again", async (_what, bytes) => {
    let sockets = 0;
    const port = await fakeBroker((socket) => {
      sockets += 1;
      socket.write(bytes);
    });
    const { agent, events } = testAgent({ url: url(port) });
    await waitUntil("it has tried again", () => sockets > 3);
    expect(agent.connected()).toBe(false);
    expect(events).toEqual([]);
  });

  test.each<[string, (messageId: number) => Buffer]>([
    ["refuses", (messageId) => generate({ cmd: "suback", messageId, granted: [1, 1, 128, 1, 1] })],
    ["does not answer", () => Buffer.alloc(0)],
    [
      "answers to something else than",
      () => generate({ cmd: "suback", messageId: 0xffff, granted: [1, 1, 1, 1, 1] }),
    ],
  ])("gives up a broker that %s its subscription, and tries again", async (_what, answer) => {
    const sockets = new Set<Socket>();
    const port = await lettingIn((chunk, socket) => {
      sockets.add(socket);
      if (isSubscribe(chunk)) socket.write(answer(chunk.readUInt16BE(3)));
    });
    const { events } = testAgent({ url: url(port), limits: { ...quickly, connectTimeoutMs: 100 } });
    await waitUntil("it has tried again", () => sockets.size > 3);
    expect(events).toEqual([]);
  });

  test("hears neither other agents' topics nor its own echo from a broker that sends them", async () => {
    const message = (topic: string, payload: string) =>
      generate({ cmd: "publish", topic, payload, qos: 0, retain: false, dup: false });
    const own = '{"v":1,"type":"hello","from":"agent"}';
    const hub = '{"v":1,"type":"hello","from":"hub"}';
    const port = await lettingIn((chunk, socket) => {
      if (!isSubscribe(chunk)) return;
      socket.write(generate({ cmd: "suback", messageId: chunk.readUInt16BE(3), granted: [1, 1, 1, 1, 1] }));
      socket.write(message("petrel/v1/agent/web-2/down", "another's"));
      socket.write(message("somewhere/else", "nobody's"));
      socket.write(message("petrel/v1/agent/web-1/hello", own));
      socket.write(message("petrel/v1/agent/web-1/hello", hub));
    });
    const { heard } = testAgent({ url: url(port) });
    await waitUntil("the hub's hello is heard", () => heard.length > 0);
    expect(heard).toEqual([`hello ${hub}`]);
  });

  test("can be stopped while the broker is away, or never answers", async () => {
    const { broker, port } = await testBroker();
    await broker.stop();
    const away = testAgent({ url: url(port) });
    await waitUntil("it has tried", () => away.agent.stats().attempts > 1);
    await away.agent.stop();
    const attempts = away.agent.stats().attempts;
    const silent = testAgent({ url: url(await fakeBroker(() => {})) });
    await silent.agent.stop();
    expect(silent.agent.connected()).toBe(false);
    expect(away.agent.stats().attempts).toBe(attempts);
  });

  test.each<[string, object, string]>([
    ["a broker off loopback", { url: "mqtt://192.0.2.1:1883" }, "LINK_INSECURE"],
    ["an id that is none", { url: "mqtt://127.0.0.1:1", id: "Web 1" }, "AGENT_ID"],
    ["a URL that is none", { url: "127.0.0.1" }, "CONFIG_INVALID"],
  ])("refuses %s before it touches the network", (_what, options, code) => {
    expect(() => testAgent(options as { url: string })).toThrow(expect.objectContaining({ code }));
  });
});
