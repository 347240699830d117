/** One test for each known trap of the embedded broker's library: gates that an upgrade must pass. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { generate, type IPublishPacket, type Packet } from "mqtt-packet";
import { describe, expect, onTestFinished, test } from "vitest";
import { maxPacketBytes } from "../../shared/wire/messages.ts";
import { mqttClient, type RawClient, rawAgent, rawClient } from "../support/mqtt-clients.ts";
import { testBroker } from "../support/start-broker.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const topic = (kind: string, agent = "web-1") => `petrel/v1/agent/${agent}/${kind}`;
const publish = (
  to: string,
  payload: string | Buffer,
  qos: 0 | 1 | 2 = 1,
  messageId = 7,
): IPublishPacket => ({
  cmd: "publish",
  topic: to,
  payload,
  qos,
  retain: false,
  dup: false,
  ...(qos > 0 && { messageId }),
});
const connack = (client: RawClient) => client.packets.find(({ cmd }) => cmd === "connack");
const texts = (packets: readonly Packet[]) =>
  packets.filter((packet) => packet.cmd === "publish").map((packet) => packet.payload.toString());

describe("nothing is lost silently on the way to an agent", () => {
  test("not when QoS 1 and QoS 0 copies, retained presence and echoes mix in one tick", async () => {
    const { broker, port } = await testBroker({ dev: true });
    const agent = await rawAgent(port, "web-1");
    const observer = await mqttClient(port, "observer-1");
    let observed = 0;
    observer.on("message", () => (observed += 1));
    await observer.subscribeAsync("petrel/#", { qos: 1 });
    agent.send({
      cmd: "subscribe",
      messageId: 1,
      subscriptions: ["#", "+", "down"].map((kind) => ({ topic: topic(kind), qos: kind === "+" ? 0 : 1 })),
    });
    await waitUntil("SUBACK", () => agent.packets.some(({ cmd }) => cmd === "suback"));
    const expected: string[] = [];
    for (let i = 0; i < 300; i++) {
      agent.send({ ...publish(topic("presence"), `p${i}`), retain: true });
      agent.send(publish(topic("stream"), `s${i}`, 0));
      for (const kind of ["down", "ask", "up-receipt"] as const) {
        broker.transport("web-1").send(kind, Buffer.from(`${kind} ${i}`));
        expected.push(`${kind} ${i}`);
      }
      if (i % 20 === 0) await new Promise((next) => setImmediate(next));
    }
    await waitUntil("all are there", () => texts(agent.packets).length >= expected.length);
    expect(texts(agent.packets)).toEqual(expected);
    await waitUntil("the observer has all of both directions", () => observed === 300 * 5);
  });
});

describe("one client that does not read", () => {
  test("delays nobody, and is closed", async () => {
    const { broker, port } = await testBroker({ limits: { drainTimeoutMs: 1_000 } });
    const frozen = await rawAgent(port, "frozen");
    frozen.socket.pause();
    const healthy = await rawAgent(port, "healthy");
    const filler = Buffer.alloc(2_000, "x");
    for (let i = 0; i < 6_000; i++) {
      broker.transport("frozen").send("down", filler);
      broker.transport("healthy").send("down", Buffer.from(`${i}`));
      if (i % 100 === 0) await new Promise((next) => setImmediate(next));
    }
    await waitUntil("the healthy one has all", () => texts(healthy.packets).length === 6_000);
    expect(broker.stats().dropped).toBeGreaterThan(1_000);
    await waitUntil("the frozen one is closed", () => !broker.connected("frozen"));
    expect(broker.connected("healthy")).toBe(true);
  });

  test("costs the hub a bounded amount, even when it is all sent in one tick", async () => {
    const { broker, port } = await testBroker({ limits: { unsentBytes: 100_000 } });
    const frozen = await rawAgent(port, "frozen");
    frozen.socket.pause();
    for (let i = 0; i < 1_000; i++) broker.transport("frozen").send("down", Buffer.alloc(1_000));
    expect(broker.stats()).toMatchObject({ sent: 100, dropped: 900 });
  });

  test("does not stop what agents send to the hub, when it is an observer", async () => {
    const { broker, port, heard } = await testBroker({ dev: true, limits: { drainTimeoutMs: 1_000 } });
    const frozen = await rawClient(port);
    frozen.send({ cmd: "connect", clientId: "observer-1", protocolVersion: 4, clean: true, keepalive: 60 });
    await waitUntil("CONNACK", () => connack(frozen));
    frozen.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "petrel/#", qos: 1 }] });
    await waitUntil("SUBACK", () => frozen.packets.some(({ cmd }) => cmd === "suback"));
    frozen.socket.pause();
    const agent = await rawAgent(port, "web-1");
    for (let i = 0; i < 6_000; i++) {
      agent.send(publish(topic("up"), Buffer.alloc(2_000), 1, 1 + i));
      if (i % 100 === 0) await waitUntil("acknowledged", () => agent.packets.length >= i);
    }
    await waitUntil("all reach the hub", () => heard.length === 6_000);
    await waitUntil("the observer is closed", () => broker.stats().refused.broken);
    expect(broker.connected("web-1")).toBe(true);
  });

  // Hundreds of thousands of PUBACKs fill the kernel's buffers first: that takes a busy machine its time.
  test("and sends all the time is not read from any more", { timeout: 240_000 }, async () => {
    const { broker, port } = await testBroker({ limits: { drainTimeoutMs: 1_000 } });
    const frozen = await rawAgent(port, "frozen");
    frozen.socket.pause();
    const ask = generate(publish(topic("ask", "frozen"), "x"));
    const flood = Buffer.concat(Array.from({ length: 10_000 }, () => ask));
    const more = () => {
      while (!frozen.socket.destroyed && frozen.socket.write(flood));
    };
    frozen.socket.on("drain", more);
    more();
    await waitUntil("it is closed", () => !broker.connected("frozen"), 200_000);
  });
});

describe("PUBACK", () => {
  test("goes out after the message was taken in, and not before", async () => {
    const order: string[] = [];
    const release: (() => void)[] = [];
    const { port } = await testBroker({
      onMessage: () =>
        new Promise<void>((done) =>
          release.push(() => {
            order.push("taken in");
            done();
          }),
        ),
    });
    const agent = await rawAgent(port, "web-1");
    agent.socket.on("data", () => order.push("acknowledged"));
    agent.send(publish(topic("up"), "1"));
    await waitUntil("the hub holds it", () => release.length === 1);
    // A later message of another agent passes all the way: the first had every chance to be acknowledged.
    const other = await rawAgent(port, "web-2");
    other.send(publish(topic("up", "web-2"), "2"));
    await waitUntil("the hub holds the second", () => release.length === 2);
    release[1]?.();
    await waitUntil("the second is acknowledged", () => other.packets.some(({ cmd }) => cmd === "puback"));
    release[0]?.();
    await waitUntil("the first is acknowledged", () => agent.packets.some(({ cmd }) => cmd === "puback"));
    expect(order).toEqual(["taken in", "taken in", "acknowledged"]);
  });

  test("kill -9 of the hub: whatever was acknowledged is in what ingest stored", async () => {
    const folder = await tempFolder();
    const file = join(folder, "ingested");
    const program = resolve(import.meta.dirname, "../fixtures/programs/ingest-broker-main.ts");
    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, [program, file], { stdio: ["ignore", "pipe", "inherit"] });
      onTestFinished(() => void child.kill("SIGKILL"));
      const port = await new Promise<number>((found) =>
        child.stdout.once("data", (line) => found(Number(line))),
      );
      const acknowledged: string[] = [];
      for (let c = 0; c < 5; c++) {
        const agent = await mqttClient(port, `web-${c}`);
        agent.on("error", () => {}); // the broker is killed under it
        const next = (i: number) => {
          const id = `${round}-${c}-${i}`;
          agent.publish(topic("up", `web-${c}`), id, { qos: 1 }, (error) => {
            if (error === undefined || error === null) acknowledged.push(id);
          });
          if (i % 50 === 49) setImmediate(() => next(i + 1));
          else if (i < 20_000) next(i + 1);
        };
        next(0);
      }
      await waitUntil("the stream flows", () => acknowledged.length > 500);
      child.kill("SIGKILL");
      await new Promise((gone) => child.once("exit", gone));
      const stored = new Set((await readFile(file, "utf8")).split("\n"));
      expect(acknowledged.length).toBeGreaterThan(500);
      expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
    }
  });

  test("while the hub holds one client's messages, no more is read from that client", async () => {
    const release: (() => void)[] = [];
    const { port, heard } = await testBroker({
      limits: { pendingBytes: 100_000 },
      onMessage: () => new Promise<void>((done) => release.push(done)),
    });
    const agent = await rawAgent(port, "web-1");
    const count = 100;
    for (let i = 0; i < count; i++) agent.send(publish(topic("up"), Buffer.alloc(60_000), 1, 1 + i));
    const other = await rawAgent(port, "web-2");
    for (let i = 0; i < 20; i++) {
      other.send(publish(topic("up", "web-2"), `${i}`));
      await waitUntil(
        "the other is heard",
        () => heard.filter(({ agent: id }) => id === "web-2").length === i + 1,
      );
    }
    const held = heard.filter(({ agent: id }) => id === "web-1").length;
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(10);
    await waitUntil("all pass when the hub lets them", () => {
      for (const done of release.splice(0)) done();
      return heard.filter(({ agent: id }) => id === "web-1").length === count;
    });
  });
});

describe("what is refused, and how", () => {
  test("a shared subscription: with a failure in the SUBACK, not with silence", async () => {
    const { broker, port } = await testBroker();
    const agent = await rawAgent(port, "web-1");
    agent.send({
      cmd: "subscribe",
      messageId: 1,
      subscriptions: [
        { topic: `$share/g/${topic("down")}`, qos: 1 },
        { topic: topic("down"), qos: 1 },
        { topic: topic("down", "web-2"), qos: 1 },
      ],
    });
    const suback = await waitUntil("SUBACK", () => agent.packets.find((packet) => packet.cmd === "suback"));
    expect(suback).toMatchObject({ granted: [128, 1, 128] });
    expect(broker.stats().refused).toEqual({ shared_subscription: 1, foreign_subscription: 1 });
  });

  test("MQTT 5: with CONNACK 1", async () => {
    const { broker, port } = await testBroker();
    const client = await rawClient(port);
    client.bytes(
      generate({
        cmd: "connect",
        clientId: "web-1",
        username: "web-1",
        protocolVersion: 5,
        clean: true,
        keepalive: 60,
      }),
    );
    await waitUntil("it is closed", () => client.closed());
    expect(connack(client)).toMatchObject({ returnCode: 1 });
    expect(broker.stats().agents).toBe(0);
  });

  test.each<[string, Record<string, unknown>, number, string]>([
    ["an empty client id", { clientId: "", username: "" }, 2, "client_id"],
    ["a client id that is no agent id", { clientId: "Web 1", username: "Web 1" }, 2, "client_id"],
    ["a user name that is another's", { username: "web-2" }, 4, "user_name"],
    ["a missing user name", { username: undefined }, 4, "user_name"],
    ["a persistent session", { clean: false }, 5, "persistent_session"],
    ["a will on another's topic", { will: { topic: topic("presence", "web-2"), payload: "x" } }, 5, "will"],
  ])("%s: with a CONNACK that says why", async (_what, change, returnCode, reason) => {
    const { broker, port, events } = await testBroker();
    const client = await rawClient(port);
    client.send({
      cmd: "connect",
      clientId: "web-1",
      username: "web-1",
      protocolVersion: 4,
      clean: true,
      keepalive: 60,
      ...change,
    });
    await waitUntil("it is closed", () => client.closed());
    expect(connack(client)).toMatchObject({ returnCode });
    expect(broker.stats().refused).toEqual({ [reason]: 1 });
    expect(events).toEqual([]);
  });

  test.each<[string, string, 0 | 1 | 2, string]>([
    ["another agent's topic", topic("up", "web-2"), 1, "forged_topic"],
    ["another agent's topic with QoS 0", topic("up", "web-2"), 0, "forged_topic"],
    ["a topic of the hub's", topic("down"), 1, "wrong_side"],
    ["a topic of nobody's", "somewhere/else", 1, "foreign_topic"],
    ["QoS 2", topic("up"), 2, "qos2"],
    ["a topic with a hundred levels and more", "a/".repeat(150), 1, "broken"],
    ["a wildcard as topic", topic("+"), 1, "broken"],
  ])("publishing on %s: closed, nothing taken in, counted", async (_what, to, qos, reason) => {
    const { broker, port, heard } = await testBroker();
    const forger = await rawAgent(port, "web-1");
    const honest = await rawAgent(port, "web-2");
    forger.send(publish(to, "forged", qos));
    await waitUntil("it is closed", () => forger.closed());
    expect(forger.packets.map(({ cmd }) => cmd)).toEqual(["connack"]);
    honest.send(publish(topic("up", "web-2"), "honest"));
    await waitUntil("the honest one is heard", () => heard.length > 0);
    expect(heard).toEqual([{ agent: "web-2", kind: "up", text: "honest" }]);
    expect(broker.stats().refused).toEqual({ [reason]: 1 });
  });

  test("an empty client id that asks for a session: with CONNACK 2", async () => {
    const { port } = await testBroker();
    const client = await rawClient(port);
    const bytes = generate({ cmd: "connect", clientId: "", protocolVersion: 4, clean: true, keepalive: 60 });
    // The connect flags: a client that asks for this is not to be had from the library.
    bytes[9] = 0;
    client.bytes(bytes);
    await waitUntil("it is closed", () => client.closed());
    expect(connack(client)).toMatchObject({ returnCode: 2 });
  });

  test("a forged will: never stored, never published", async () => {
    const { port, heard } = await testBroker();
    const client = await rawClient(port);
    const will = {
      topic: topic("presence", "web-2"),
      payload: Buffer.from("offline"),
      qos: 1 as const,
      retain: true,
    };
    client.send({
      cmd: "connect",
      clientId: "web-1",
      username: "web-1",
      protocolVersion: 4,
      clean: true,
      will,
    });
    await waitUntil("it is closed", () => client.closed());
    expect(heard).toEqual([]);
  });

  test("messages sent before the broker has answered CONNECT: not before the client is known", async () => {
    const { broker, port, heard } = await testBroker();
    const forger = await rawClient(port);
    forger.bytes(
      Buffer.concat([
        generate({
          cmd: "connect",
          clientId: "Not An Agent",
          protocolVersion: 4,
          clean: true,
          keepalive: 60,
        }),
        generate(publish(topic("up"), "forged")),
      ]),
    );
    const eager = await rawClient(port);
    const hello = {
      cmd: "connect",
      clientId: "web-2",
      username: "web-2",
      protocolVersion: 4,
      clean: true,
    } as const;
    eager.bytes(Buffer.concat([generate(hello), generate(publish(topic("up", "web-2"), "1"))]));
    eager.send(publish(topic("up", "web-2"), "2"));
    await waitUntil("both are heard", () => heard.length >= 2);
    await waitUntil("the forger is closed", () => forger.closed());
    expect(heard.map(({ agent, text }) => `${agent} ${text}`)).toEqual(["web-2 1", "web-2 2"]);
    expect(broker.connected("web-2")).toBe(true);
  });
});

describe("a client that does not wait for CONNACK", () => {
  // Sizes around the chunks in which Node reads a socket: a packet that is half there is the dangerous one.
  test.each([10, 65_500, 65_536, 100_000, 200_000])(
    "and sends %d bytes at once is not heard before it is known",
    async (size) => {
      const known: boolean[] = [];
      const { broker, port } = await testBroker({
        onMessage: (agent) => void known.push(broker.connected(agent)),
      });
      const eager = await rawClient(port);
      const hello = {
        cmd: "connect",
        clientId: "web-1",
        username: "web-1",
        protocolVersion: 4,
        clean: true,
      } as const;
      eager.bytes(Buffer.concat([generate(hello), generate(publish(topic("up"), Buffer.alloc(size)))]));
      await waitUntil("it is heard", () => known.length > 0);
      expect(known).toEqual([true]);
    },
  );
});

describe("bytes that are not MQTT, or too many", () => {
  const connect = generate({
    cmd: "connect",
    clientId: "web-1",
    username: "web-1",
    protocolVersion: 4,
    clean: true,
    keepalive: 60,
  });

  test.each<[string, Buffer, string]>([
    ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\nHost: hub\r\n\r\n"), "first_packet"],
    ["zeroes", Buffer.alloc(100), "first_packet"],
    ["a TLS greeting", Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]), "first_packet"],
    ["a CONNECT of 100 KB", Buffer.from([0x10, 0xa0, 0x8d, 0x06]), "oversize"],
    ["a CONNECT with garbage in it", Buffer.from([0x10, 0x04, 0xff, 0xff, 0x00, 0x00]), "broken"],
    [
      "a PUBLISH announced with 2 MB",
      Buffer.concat([connect, Buffer.from([0x32, 0x80, 0x80, 0x80, 0x01])]),
      "oversize",
    ],
    [
      "a length without end",
      Buffer.concat([connect, Buffer.from([0x32, 0x80, 0x80, 0x80, 0x80])]),
      "bad_length",
    ],
    ["a packet type that does not exist", Buffer.concat([connect, Buffer.from([0xf0, 0x00])]), "broken"],
    [
      "a PUBLISH shorter than its topic",
      Buffer.concat([connect, Buffer.from([0x30, 3, 0xff, 0xff, 0])]),
      "broken",
    ],
    ["a second CONNECT", Buffer.concat([connect, connect]), "broken"],
  ])("%s closes that connection, and no other", async (_what, bytes, reason) => {
    const { broker, port, heard } = await testBroker();
    const honest = await rawAgent(port, "web-2");
    const hostile = await rawClient(port);
    hostile.bytes(bytes);
    await waitUntil("it is closed", () => hostile.closed());
    honest.send(publish(topic("up", "web-2"), "still here"));
    await waitUntil("the honest one is heard", () => heard.length === 1);
    expect(broker.stats().refused[reason]).toBe(1);
  });

  test("the largest packet that the wire allows passes; one over the broker's cap does not", async () => {
    const { broker, port, heard } = await testBroker();
    const agent = await rawAgent(port, "web-1");
    agent.send(publish(topic("up"), Buffer.alloc(maxPacketBytes, "x")));
    await waitUntil("it is taken in", () => heard.length === 1);
    expect(heard[0]?.text).toHaveLength(maxPacketBytes);
    agent.send(publish(topic("up"), Buffer.alloc(1024 * 1024 + 1)));
    await waitUntil("the connection is closed", () => agent.closed());
    expect(heard).toHaveLength(1);
    expect(broker.stats().refused.oversize).toBe(1);
  });

  test("an oversized packet is met at its header: the broker reads no more of it", async () => {
    const { port } = await testBroker();
    const agent = await rawAgent(port, "web-1");
    agent.bytes(Buffer.from([0x32, 0xff, 0xff, 0xff, 0x7f]));
    await waitUntil("the connection is closed", () => agent.closed());
    expect(agent.socket.bytesWritten).toBeLessThan(1_000);
  });

  test("garbage inside a message of an honest agent closes nothing", async () => {
    const { broker, port, heard } = await testBroker();
    const agent = await mqttClient(port, "web-1");
    await agent.publishAsync(topic("up"), Buffer.from([0, 1, 2, 0xff]), { qos: 1 });
    await agent.publishAsync(topic("up"), "", { qos: 1 });
    expect(heard).toHaveLength(2);
    expect(broker.connected("web-1")).toBe(true);
  });
});
