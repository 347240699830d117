/** An agent made by hand: it speaks the protocol of docs/protocol.md over a plain MQTT client, and may lie. */
import type { MqttClient } from "mqtt";
import { isObject, type JsonObject } from "../../shared/json.ts";
import { mqttClient } from "./mqtt-clients.ts";
import { waitUntil } from "./wait-until.ts";

export interface HandmadeAgent {
  readonly id: string;
  readonly client: MqttClient;
  /** Publishes on its own topic of this kind; objects are sealed with `auth: null`. Resolves at the PUBACK. */
  say(kind: string, message: object | string | Uint8Array): Promise<unknown>;
  /** Sends entries under new numbers of its epoch; resolves to the receipt that answers them. */
  send(...entries: readonly object[]): Promise<JsonObject>;
  /** The next message of this kind that fits and was not given out before. */
  hear(kind: string, fits?: (message: JsonObject) => boolean): Promise<JsonObject>;
}

/** Connected, and greeted in both directions. */
export async function handmadeAgent(
  hub: { readonly mqtt: string },
  id: string,
  /** Members of its hello that are others than usual, or that only a later version knows. */
  over: JsonObject = {},
): Promise<HandmadeAgent> {
  const client = await mqttClient(Number(new URL(hub.mqtt).port), id);
  const topic = (kind: string) => `petrel/v1/agent/${id}/${kind}`;
  const heard: { readonly kind: string; readonly message: JsonObject }[] = [];
  client.on("message", (name, bytes) => {
    const message: unknown = JSON.parse(bytes.toString("utf8"));
    if (isObject(message) && message.from !== "agent")
      heard.push({ kind: name.slice(name.lastIndexOf("/") + 1), message: message as JsonObject });
  });
  const say: HandmadeAgent["say"] = (kind, message) =>
    client.publishAsync(topic(kind), bytesOf(message), { qos: 1 });
  const hear: HandmadeAgent["hear"] = (kind, fits = () => true) =>
    waitUntil(`${kind} for ${id}`, () => {
      const at = heard.findIndex((each) => each.kind === kind && fits(each.message));
      return at < 0 ? null : heard.splice(at, 1)[0]?.message;
    });

  await client.subscribeAsync(["up-receipt", "down", "hello", "ask", "answer"].map(topic), { qos: 1 });
  const epoch = `e${process.hrtime.bigint()}`;
  const clock = new Date().toISOString();
  const session = `s${process.hrtime.bigint()}`;
  const both = { v: 1, from: "agent", clock };
  await say("hello", {
    ...both,
    type: "hello",
    session,
    to: null,
    incarnation: `of-${id}`,
    version: "0",
    capabilities: ["action-request", "assignment", "cancel", "pause", "resume", "void"],
    epochs: [{ id: epoch, first: 1, last: 0 }],
    ...over,
  });
  const hello = await hear("hello", ({ type }) => type === "hello");
  await say("hello", {
    ...both,
    type: "marks",
    session: hello.session,
    by: session,
    marks: [],
    credit: { entries: 1024, bytes: 1_000_000 },
  });
  await hear("hello", ({ type }) => type === "marks");

  let next = 1;
  return {
    id,
    client,
    say,
    hear,
    async send(...entries) {
      const first = next;
      next += entries.length;
      await say("up", { v: 1, epoch, first, entries });
      const receipt = await hear(
        "up-receipt",
        ({ upTo, refused }) =>
          (isObject(refused) && refused.first === first) || (typeof upTo === "number" && upTo >= next - 1),
      );
      // What was refused was not taken: the numbers are free again.
      if (isObject(receipt.refused)) next = first;
      return receipt;
    },
  };
}

function bytesOf(message: object | string | Uint8Array): Buffer {
  if (typeof message === "string") return Buffer.from(message);
  if (message instanceof Uint8Array) return Buffer.from(message);
  return Buffer.from(JSON.stringify({ ...message, auth: null }));
}
