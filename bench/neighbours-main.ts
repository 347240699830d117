/** Load process: one bad neighbour of healthy agents. */
import { randomBytes } from "node:crypto";
import { connect as connectSocket } from "node:net";
import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { connectAsync, type MqttClient } from "mqtt";
import { timestamp } from "../shared/clock.ts";
import { ulidSource } from "../shared/ids.ts";
import { createLogger } from "../shared/log.ts";
import { systemClock, systemRandom } from "../shared/system-process.ts";
import type { TopicKind } from "../shared/wire/messages.ts";
import { agentTopic } from "../shared/wire/topics.ts";
import { answerQuestions } from "./child-process.ts";
import { triggerOf } from "./fleet-pack.ts";
import { startSimulatedAgent } from "./simulated-agent.ts";

/**
 * `frozen`: an agent that has just sent much, and is to be stopped by whoever started it. `flooding`: says hello like
 * an agent, then sends as fast as it is read, whatever credit and receipts say. `garbage`: noise on all its topics, and
 * on sockets that speak no MQTT.
 */
export type Role = "frozen" | "flooding" | "garbage";

export interface Start {
  readonly op: "start";
  readonly role: Role;
  /** `mqtt://HOST:PORT` */
  readonly hub: string;
  readonly folder: string;
}
interface Said {
  readonly op: "said";
}

const newId = ulidSource(systemClock, systemRandom);
const log = createLogger({ level: "error", format: "text", write: () => {}, now: () => Date.now() });
let said = { messages: 0, bytes: 0 };
let isOver = false;
let close = async () => {};

// It stands for another machine: what it computes itself shall cost nobody here.
setPriority(constants.priority.PRIORITY_LOW);

async function start({ role, hub, folder }: Start): Promise<void> {
  if (role === "frozen") await freeze(hub, folder);
  else if (role === "flooding") await flood(hub);
  else await noise(hub);
}

async function rogue(hub: string, id: string): Promise<{ readonly client: MqttClient; readonly say: Say }> {
  const client = await connectAsync(hub, { clientId: id, username: id, reconnectPeriod: 0 });
  client.on("error", () => {});
  close = () => client.endAsync(true);
  return {
    client,
    async say(kind, bytes) {
      said = { messages: said.messages + 1, bytes: said.bytes + bytes.length };
      await client.publishAsync(agentTopic("petrel", id, kind), Buffer.from(bytes), { qos: 1 });
    },
  };
}

/** Its own triggers each lead to a request for it, which it will not answer. */
async function freeze(hub: string, folder: string): Promise<void> {
  const agent = await startSimulatedAgent({
    id: "frozen",
    folder: join(folder, "frozen"),
    hub,
    log,
    ended: () => {},
  });
  close = () => agent.stop();
  const { trigger, payload } = triggerOf(0);
  await Promise.all(Array.from({ length: 500 }, () => agent.trigger(trigger, payload)));
}

type Say = (kind: TopicKind, bytes: Uint8Array) => Promise<void>;
const json = (message: object) => Buffer.from(JSON.stringify({ v: 1, ...message, auth: null }));

async function flood(hub: string): Promise<void> {
  const { client, say } = await rogue(hub, "flooding");
  const epoch = newId();
  const session = newId();
  const both = { from: "agent", session, clock: timestamp(Date.now()) };
  const hello = {
    ...{ ...both, type: "hello", to: null, incarnation: "of-flooding", version: "0" },
    capabilities: ["action-request", "void"],
    epochs: [{ id: epoch, first: 1, last: 0 }],
  };
  const greeted = new Promise<void>((resolve) => {
    client.on("message", (_topic, bytes) => {
      const heard = JSON.parse(bytes.toString());
      if (heard.from === "agent") return;
      if (heard.type === "marks") resolve();
      const credit = { entries: 64, bytes: 65_536 };
      const marks = { ...both, type: "marks", session: heard.session, by: session, marks: [], credit };
      if (heard.type === "hello") void say("hello", json(marks));
    });
  });
  await client.subscribeAsync(agentTopic("petrel", "flooding", "hello"), { qos: 1 });
  await say("hello", json(hello));
  await greeted;
  let first = 1;
  const packet = () => {
    // Of a known type, for no rule: taken in and judged like any other.
    const trigger = { kind: "trigger", trigger: "load.changed_0", payload: { text: "x".repeat(300) } };
    const entries = Array.from({ length: 200 }, () => ({
      ...trigger,
      ...{ id: newId(), at: timestamp(Date.now()), sensor: null },
    }));
    const bytes = json({ epoch, first, entries });
    first += entries.length;
    return bytes;
  };
  for (let n = 0; n < 8; n++) void repeat(() => say("up", packet()));
}

const kinds = ["up", "up-receipt", "down-receipt", "hello", "ask", "answer", "stream", "presence"] as const;
const far = Number.MAX_SAFE_INTEGER;
const nonsense: readonly (() => Uint8Array)[] = [
  () => randomBytes(1 + Math.floor(Math.random() * 2_000)),
  () => randomBytes(250_000),
  () => Buffer.from("[".repeat(200_000)),
  () => Buffer.from("null"),
  () => Buffer.from('{"v":'),
  () => json({}),
  () => json({ epoch: "e", first: -1, entries: [] }),
  () => json({ epoch: newId(), first: far, entries: [{ kind: "trigger", id: "../x", at: "never" }] }),
  () => json({ epoch: newId(), first: 1, entries: Array.from({ length: 500 }, () => ({ kind: "what" })) }),
  () => json({ epoch: newId(), upTo: far, credit: { entries: far, bytes: far } }),
  () => json({ id: newId(), op: newId(), args: {}, within_ms: 0 }),
  () => json({ type: "hello", session: newId(), from: "agent", epochs: [{ id: "e", first: 9, last: 1 }] }),
];

async function noise(hub: string): Promise<void> {
  const { hostname, port } = new URL(hub);
  const onTheWire = () =>
    new Promise<void>((resolve) => {
      const socket = connectSocket({ host: hostname, port: Number(port) }, () =>
        socket.end(randomBytes(5_000)),
      );
      socket.on("error", () => {});
      socket.on("close", () => resolve());
    });
  let n = 0;
  /** Until it is thrown out. */
  const onTopics = async () => {
    const { client, say } = await rogue(hub, "garbage");
    const ended = new Promise<void>((resolve) => client.once("close", () => resolve()));
    while (client.connected) {
      const kind = kinds[n % kinds.length] ?? "up";
      const what = nonsense[Math.floor(n++ / kinds.length) % nonsense.length];
      await Promise.race([ended, say(kind, what?.() ?? Buffer.alloc(0))]);
    }
  };
  void repeat(onTheWire);
  void repeat(onTopics);
}

/** Refusals and closed connections are what it is after. */
async function repeat(work: () => Promise<unknown>): Promise<void> {
  while (!isOver) {
    await work().catch(() => new Promise((resolve) => setTimeout(resolve, 10)));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

answerQuestions<Start | Said>(
  async (question) => (question.op === "start" ? start(question) : said),
  async () => {
    isOver = true;
    await close();
  },
);
