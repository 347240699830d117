/** Load process: the raw round trip, publisher → broker → subscriber → broker → publisher, QoS 1, nothing stored. */
import { once } from "node:events";
import { connect } from "node:net";
import { connectAsync } from "mqtt";
import { generate, type Packet, parser } from "mqtt-packet";
import { answerQuestions } from "./child-process.ts";
import { triggerOf } from "./fleet-pack.ts";
import { drive, type Load } from "./pace.ts";
import { cpuSeconds } from "./proc-fs.ts";

interface Start {
  readonly op: "start";
  readonly port: number;
  readonly clients: number;
  /** Bare sockets and packets instead of mqtt.js, which agents use. */
  readonly lean: boolean;
}
interface Run {
  readonly op: "run";
  readonly load: Load;
  readonly pid: number;
}

interface Client {
  publish(topic: string, payload: Buffer): void;
  stop(): void;
}

const clients: Client[] = [];
let ended: (n: number) => void = () => {};

type Connect = (
  port: number,
  id: string,
  filter: string,
  onMessage: (topic: string, payload: Buffer) => void,
) => Promise<Client>;

const ordinary: Connect = async (port, id, filter, onMessage) => {
  const client = await connectAsync({
    host: "127.0.0.1",
    port,
    clientId: id,
    clean: true,
    protocolVersion: 4,
  });
  client.on("message", onMessage);
  await client.subscribeAsync(filter, { qos: 1 });
  return {
    publish: (topic, payload) => void client.publish(topic, payload, { qos: 1 }),
    stop: () => void client.end(true),
  };
};

/** Connects and subscribes; every message is acknowledged at once. */
const leanClient: Connect = async (port, id, filter, onMessage) => {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  const read = parser({ protocolVersion: 4 });
  let messageId = 0;
  const send = (packet: Packet) => socket.write(generate(packet));
  let subscribed = () => {};
  const ready = new Promise<void>((resolve) => {
    subscribed = resolve;
  });
  read.on("packet", (packet: Packet) => {
    if (packet.cmd === "connack")
      send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: filter, qos: 1 }] });
    else if (packet.cmd === "suback") subscribed();
    else if (packet.cmd === "publish") {
      send({ cmd: "puback", messageId: packet.messageId ?? 0 });
      onMessage(packet.topic, packet.payload as Buffer);
    }
  });
  socket.on("data", (bytes) => {
    socket.cork();
    read.parse(bytes);
    socket.uncork();
  });
  send({ cmd: "connect", protocolId: "MQTT", protocolVersion: 4, clientId: id, clean: true, keepalive: 0 });
  await ready;
  return {
    publish(topic, payload) {
      messageId = (messageId % 65_535) + 1;
      send({ cmd: "publish", topic, payload, qos: 1, dup: false, retain: false, messageId });
    },
    stop: () => socket.destroy(),
  };
};

async function start({ port, clients: count, lean }: Start): Promise<void> {
  const client = lean ? leanClient : ordinary;
  const center = await client(port, "center", "raw/up/+", (topic, payload) => {
    center.publish(`raw/down/${topic.slice(7)}`, payload);
  });
  for (let i = 0; i < count; i++) {
    clients.push(
      await client(port, `client-${i}`, `raw/down/${i}`, (_topic, payload) => {
        ended((JSON.parse(payload.toString()) as { payload: { seq: number } }).payload.seq);
      }),
    );
  }
}

async function run({ load, pid }: Run) {
  const cpu: number[] = [];
  const measured = await drive(
    load,
    (n) => {
      const i = n % clients.length;
      clients[i]?.publish(`raw/up/${i}`, Buffer.from(JSON.stringify(triggerOf(n))));
    },
    (tell) => {
      ended = tell;
    },
    () => cpu.push(cpuSeconds(pid)),
  );
  return { ...measured, cpuSeconds: (cpu[1] ?? 0) - (cpu[0] ?? 0) };
}

answerQuestions<Start | Run>(
  (question) => (question.op === "start" ? start(question) : run(question)),
  async () => {
    for (const each of clients) each.stop();
  },
);
