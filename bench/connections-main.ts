/** Load process: plain MQTT connections that subscribe to their own topic and then only say that they live. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { generate, type Packet, parser } from "mqtt-packet";
import { answerQuestions } from "./child-process.ts";

interface Open {
  readonly op: "open";
  readonly port: number;
  readonly from: number;
  readonly count: number;
  /** `{id}` stands for the client's id. */
  readonly filter: string;
}
interface Alive {
  readonly op: "alive";
}

/** Seconds; what an agent has. */
const keepalive = 30;
/** Handshakes under way at once. */
const abreast = 200;

const sockets: Socket[] = [];
const ping = generate({ cmd: "pingreq" });

async function openOne(port: number, n: number, filter: string): Promise<void> {
  const id = `idle-${n}`;
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  const read = parser({ protocolVersion: 4 });
  const answered = new Promise<void>((resolve, reject) => {
    read.on("packet", (packet: Packet) => {
      if (packet.cmd === "connack" && packet.returnCode !== 0)
        reject(new Error(`${id}: refused with ${packet.returnCode}`));
      if (packet.cmd === "suback") resolve();
    });
    socket.once("close", () => reject(new Error(`${id}: closed`)));
    socket.once("error", reject);
  });
  socket.on("data", (bytes) => void read.parse(bytes));
  const topic = filter.replace("{id}", id);
  socket.write(
    Buffer.concat([
      generate({
        cmd: "connect",
        protocolId: "MQTT",
        protocolVersion: 4,
        clientId: id,
        clean: true,
        keepalive,
      }),
      generate({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic, qos: 1 }] }),
    ]),
  );
  await answered;
  sockets.push(socket);
}

async function open({ port, from, count, filter }: Open): Promise<null> {
  let next = from;
  const lane = async () => {
    while (next < from + count) await openOne(port, next++, filter);
  };
  await Promise.all(Array.from({ length: abreast }, lane));
  return null;
}

// Spread over the time in which each of them has to say something once.
let turn = 0;
setInterval(() => {
  const share = Math.ceil(sockets.length / (keepalive - 10));
  for (let i = 0; i < Math.min(share, sockets.length); i++) sockets[turn++ % sockets.length]?.write(ping);
}, 1_000);

answerQuestions<Open | Alive>(
  async (question) =>
    question.op === "open"
      ? open(question)
      : sockets.filter(({ readyState }) => readyState === "open").length,
  async () => {
    for (const socket of sockets) socket.destroy();
  },
);
