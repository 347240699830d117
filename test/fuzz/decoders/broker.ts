/** The embedded broker itself: what anybody may send to its port before and after a CONNECT. */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { generate, type Packet } from "mqtt-packet";
import { startBroker } from "../../../hub/broker/broker-mqtt.ts";
import { presenceState } from "../../../hub/broker/presence.ts";
import { createLogger } from "../../../shared/log.ts";
import { isEcho } from "../../../shared/mqtt/echo.ts";
import { systemClock } from "../../../shared/system-process.ts";
import { atEnd } from "../../support/at-end.ts";
import type { Decoder } from "../campaign.ts";

const topic = (kind: string) => `petrel/v1/agent/web-1/${kind}`;
const connectPacket = (over: object = {}): Packet => ({
  cmd: "connect",
  clientId: "web-1",
  username: "web-1",
  protocolVersion: 4,
  clean: true,
  keepalive: 60,
  ...over,
});
const publish = (kind: string, payload: string, over: object = {}): Packet => ({
  cmd: "publish",
  topic: topic(kind),
  payload,
  qos: 0,
  retain: false,
  dup: false,
  ...over,
});
const will = { topic: topic("presence"), payload: Buffer.from('{"state":"offline"}'), qos: 1, retain: true };
const conversations: readonly (readonly Packet[])[] = [
  [connectPacket(), publish("up", '{"v":1}'), publish("hello", '{"v":1,"from":"agent"}')],
  [connectPacket({ will }), publish("presence", '{"state":"online"}', { retain: true })],
  [connectPacket({ clientId: "observer-1", username: undefined })],
  [connectPacket({ protocolVersion: 5, properties: { sessionExpiryInterval: 5 } })],
  [connectPacket({ protocolVersion: 3, protocolId: "MQIsdp" })],
  [connectPacket({ clean: false, password: Buffer.from("p") })],
  [
    connectPacket(),
    {
      cmd: "subscribe",
      messageId: 1,
      subscriptions: [
        { topic: topic("+"), qos: 1 },
        { topic: "$share/a/#", qos: 0 },
      ],
    },
    publish("up", "x", { qos: 1, messageId: 2 }),
    publish("up", "y", { qos: 2, messageId: 3 }),
    { cmd: "pubrel", messageId: 3 },
    { cmd: "puback", messageId: 9 },
    { cmd: "unsubscribe", messageId: 4, unsubscriptions: [topic("+")] },
    { cmd: "pingreq" },
    { cmd: "disconnect" },
  ],
];

/** A few turns of the loop: what was written has arrived, and is read. */
async function turns(many: number): Promise<void> {
  for (let i = 0; i < many; i++) await new Promise((resolve) => setImmediate(resolve));
}

export async function openBroker(): Promise<Decoder> {
  const faults: string[] = [];
  let heard = 0;
  const broker = await startBroker({
    listen: { host: "127.0.0.1", port: 0 },
    prefix: "petrel",
    dev: true,
    logger: createLogger({
      level: "error",
      format: "text",
      write: (line) => faults.push(line),
      now: systemClock.now,
    }),
    clock: systemClock,
    onConnect: () => heard++,
    onDisconnect: () => {},
    onMessage: (_agent, kind, bytes) => {
      heard++;
      presenceState(bytes);
      isEcho("hub", kind, bytes);
    },
  });
  atEnd(() => broker.stop());
  const { port } = broker.address;
  const opened = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, noDelay: true }, () => {
        socket.off("error", reject);
        // It may be closed at any byte.
        socket.on("error", () => {});
        socket.resume();
        resolve(socket);
      });
      socket.once("error", reject);
    });
  return {
    name: "broker",
    seeds: conversations.map((packets) => Buffer.concat(packets.map((packet) => generate(packet)))),
    words: [
      "petrel/v1/agent/web-1/up",
      "petrel/v1/agent/other/up",
      "$SYS/#",
      "#",
      "+",
      "web-1",
      "observer-x",
      "\0",
    ],
    maxBytes: 16 * 1024,
    async take(input) {
      const before = heard;
      const socket = await opened();
      socket.write(input);
      await turns(8);
      // Without a FIN no port waits for its end: there are only some ten thousand of them.
      socket.resetAndDestroy();
      await turns(2);
      const [fault] = faults;
      if (fault !== undefined) {
        faults.length = 0;
        throw new Error(fault);
      }
      return heard > before ? "taken" : "refused";
    },
  };
}
