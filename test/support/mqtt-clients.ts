/** MQTT clients for tests: independent ones, and one that speaks raw bytes. */
import { connect as connectSocket, type Socket } from "node:net";
import { type IClientOptions, MqttClient } from "mqtt";
import { generate, type Packet, parser } from "mqtt-packet";
import { atEnd } from "./at-end.ts";
import { waitUntil } from "./wait-until.ts";

/** Connected, or rejected with the broker's answer. Closed when the test ends. */
export function mqttClient(
  port: number,
  clientId: string,
  options: IClientOptions = {},
): Promise<MqttClient> {
  const client = new MqttClient(() => connectSocket({ host: "127.0.0.1", port, noDelay: true }), {
    clientId,
    username: clientId,
    reconnectPeriod: 0,
    timerVariant: "native",
    ...options,
  });
  atEnd(() => void client.stream.destroy());
  return new Promise((resolve, reject) => {
    client.once("connect", () => resolve(client));
    client.on("error", reject);
    client.once("close", () => reject(new Error("closed before CONNACK")));
  });
}

export interface RawClient {
  readonly socket: Socket;
  readonly packets: Packet[];
  send(packet: Packet): void;
  bytes(bytes: Uint8Array): void;
  closed(): boolean;
}

/** A socket to the broker that says exactly what it is told to. */
export async function rawClient(port: number): Promise<RawClient> {
  const socket = connectSocket({ host: "127.0.0.1", port, noDelay: true });
  atEnd(() => void socket.destroy());
  const packets: Packet[] = [];
  const reader = parser({ protocolVersion: 4 });
  reader.on("packet", (packet) => packets.push(packet));
  socket.on("data", (chunk) => reader.parse(chunk));
  socket.on("error", () => {}); // the broker may reset; `closed` tells
  await waitUntil("the socket connects", () => !socket.connecting);
  return {
    socket,
    packets,
    send: (packet) => void socket.write(generate(packet)),
    bytes: (bytes) => void socket.write(bytes),
    closed: () => socket.closed,
  };
}

/** A raw client that has its CONNACK. */
export async function rawAgent(port: number, id: string): Promise<RawClient> {
  const client = await rawClient(port);
  client.send({ cmd: "connect", clientId: id, username: id, protocolVersion: 4, clean: true, keepalive: 60 });
  await waitUntil("CONNACK", () => client.packets.some(({ cmd }) => cmd === "connack"));
  return client;
}
