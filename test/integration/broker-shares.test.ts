/** What one address may take of the embedded broker, with plain sockets from several addresses of loopback. */
import { randomBytes } from "node:crypto";
import { connect as connectSocket, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { generate, type IConnackPacket, parser } from "mqtt-packet";
import { describe, expect, onTestFinished, test } from "vitest";
import { startBroker } from "../../hub/broker/broker-mqtt.ts";
import { certificatePem } from "../../shared/identity/certificates.ts";
import { createLogger, silentLogger } from "../../shared/log.ts";
import { systemClock, systemTimers } from "../../shared/system-process.ts";
import { keyPair } from "../support/link-identities.ts";
import { testBroker } from "../support/start-broker.ts";
import { waitUntil } from "../support/wait-until.ts";

const nobody = () => false;

/** An open socket from this address; it says nothing by itself. */
function visitor(port: number, localAddress: string, over: "tcp" | "tls" = "tcp"): Socket {
  const at = { host: "127.0.0.1", port, localAddress };
  const socket = over === "tcp" ? connectSocket(at) : connectTls({ ...at, rejectUnauthorized: false });
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** Says CONNECT; resolves to the code of the CONNACK, or `null` when it is closed without one. */
function connecting(socket: Socket, clientId: string): Promise<number | null> {
  const username = clientId.startsWith("enroll-") ? {} : { username: clientId };
  socket.write(
    generate({ cmd: "connect", clientId, ...username, protocolVersion: 4, clean: true, keepalive: 60 }),
  );
  const reader = parser({ protocolVersion: 4 });
  socket.on("data", (chunk) => reader.parse(chunk));
  return new Promise((resolve) => {
    reader.on("packet", (packet) => resolve((packet as IConnackPacket).returnCode ?? null));
    socket.once("close", () => resolve(null));
  });
}

describe("connections that have not said who they are", () => {
  test("of one address hinder only that address, and are told of once", async () => {
    const lines: string[] = [];
    const logger = createLogger({
      level: "warn",
      format: "text",
      write: (line) => lines.push(line),
      now: systemClock.now,
    });
    const { port, broker } = await testBroker({
      isExempt: nobody,
      limits: { strangersPerAddress: 3 },
      logger,
    });
    const idle = [1, 2, 3].map(() => visitor(port, "127.0.0.2"));
    await waitUntil("they are connected", () => idle.every(({ connecting }) => !connecting));
    const late = [4, 5].map(() => visitor(port, "127.0.0.2"));
    await waitUntil("two more are closed", () => late.every(({ closed }) => closed));
    expect(await connecting(visitor(port, "127.0.0.3"), "web-1")).toBe(0);
    expect(broker.stats().refused).toEqual({ strangers: 2 });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("127.0.0.2");
    expect(lines[0]).not.toContain("127.0.0.2:");
    idle[0]?.destroy();
    await waitUntil(
      "its place is free",
      async () => (await connecting(visitor(port, "127.0.0.2"), "web-2")) === 0,
    );
  });

  test("become agents, who do not count: any number come from one address", async () => {
    const { port, broker } = await testBroker({ isExempt: nobody, limits: { strangersPerAddress: 2 } });
    for (let i = 0; i < 10; i++) expect(await connecting(visitor(port, "127.0.0.2"), `web-${i}`)).toBe(0);
    await waitUntil("all are in", () => broker.stats().agents === 10);
    expect(broker.stats().refused).toEqual({});
  });

  test("a fleet that comes back at once from one address is all in, wave by wave", async () => {
    const { port, broker } = await testBroker({ isExempt: nobody, limits: { strangersPerAddress: 16 } });
    const first = Array.from({ length: 300 }, () => visitor(port, "127.0.0.2"));
    await waitUntil("all were heard or closed", () => {
      const open = first.filter((socket) => !socket.closed);
      return open.length === 16 && open.every((socket) => !socket.connecting);
    });
    const members = first.map(async (socket, i) => {
      let tries = 1;
      let answer = socket.closed ? null : await connecting(socket, `web-${i}`);
      while (answer !== 0) {
        tries++;
        // An agent waits for a second, and longer the next time.
        await new Promise((resolve) => setTimeout(resolve, 5 * tries));
        answer = await connecting(visitor(port, "127.0.0.2"), `web-${i}`);
      }
      return tries;
    });
    const tries = await Promise.all(members);
    await waitUntil("all are in", () => broker.stats().agents === 300);
    expect(tries.filter((one) => one > 1).length).toBeGreaterThanOrEqual(300 - 16);
  });
});

describe("over TLS", () => {
  async function secureBroker(limits: object) {
    const { publicKey, privateKey } = keyPair();
    const cert = certificatePem({
      role: "root",
      subject: "root",
      issuer: "root",
      key: publicKey,
      issuerKey: privateKey,
      serial: randomBytes(16),
      notBefore: Date.now() - 1_000,
      notAfter: Date.now() + 1e9,
    });
    const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const broker = await startBroker({
      listen: { host: "127.0.0.1", port: 0 },
      prefix: "petrel",
      dev: false,
      logger: silentLogger,
      clock: systemClock,
      isExempt: nobody,
      limits,
      secure: { tls: { key, cert }, identities: { judge: () => "unknown" }, timers: systemTimers },
      onConnect: () => {},
      onDisconnect: () => {},
      onMessage: () => {},
      onEnrol: async () => null,
    });
    onTestFinished(() => broker.stop());
    return { broker, port: broker.address.port };
  }
  const enrolling = () => `enroll-${randomBytes(16).toString("hex")}`;

  test("those who do not end their handshake count", async () => {
    const { port, broker } = await secureBroker({ strangersPerAddress: 2 });
    const idle = [1, 2].map(() => visitor(port, "127.0.0.2"));
    await waitUntil("they are connected", () => idle.every(({ connecting }) => !connecting));
    expect(await connecting(visitor(port, "127.0.0.2", "tls"), enrolling())).toBeNull();
    expect(await connecting(visitor(port, "127.0.0.3", "tls"), enrolling())).toBe(0);
    expect(broker.stats().refused).toEqual({ strangers: 1 });
  });

  test("one address does not take all places of those who enrol, also when its hosts come in one moment", async () => {
    const { port, broker } = await secureBroker({ enrolmentsPerAddress: 2, enrolments: 4 });
    const from = (address: string, many: number) =>
      Promise.all(Array.from({ length: many }, () => connecting(visitor(port, address, "tls"), enrolling())));
    expect((await from("127.0.0.2", 5)).sort()).toEqual([0, 0, 3, 3, 3]);
    expect(await from("127.0.0.3", 2)).toEqual([0, 0]);
    expect(await from("127.0.0.4", 1)).toEqual([3]);
    expect(broker.stats()).toMatchObject({ agents: 0, refused: { enrolments: 4 } });
  });
});
