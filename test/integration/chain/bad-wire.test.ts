/** Bytes from strangers on the MQTT port of a whole hub: each is refused by name, and nothing changes. */
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import type { DeadLetter } from "../../../hub/store/port/history.ts";
import type { JsonObject } from "../../../shared/json.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { createHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { type HandmadeAgent, handmadeAgent } from "../../support/handmade-agent.ts";
import { hubState } from "../../support/hub-state.ts";
import { mqttClient, rawClient } from "../../support/mqtt-clients.ts";
import { waitUntil } from "../../support/wait-until.ts";

const shared = sharedByFile(async () => {
  const hub = await createHub();
  await hub.start();
  return {
    hub,
    user: userOf(hub),
    stranger: await handmadeAgent(hub, "stranger"),
    port: Number(new URL(hub.mqtt).port),
  };
});

const at = "2026-01-31T12:00:00.000Z";
let made = 0;
const id = () => `01K${String(++made).padStart(23, "0")}`;
const trigger = (more: object = {}) => ({
  kind: "trigger",
  id: id(),
  at,
  trigger: "nowhere.known",
  payload: {},
  sensor: null,
  ...more,
});

/** The hub has dealt with all that this agent said before: its probe is answered. */
async function dealtWith(agent: HandmadeAgent): Promise<void> {
  await agent.say("up", { v: 1, epoch: "probing", first: 1, entries: [] });
  await agent.hear("up-receipt", ({ epoch }) => epoch === "probing");
}

const logged = (text: string) =>
  waitUntil(`'${text}' in the hub's log`, () => shared().hub.daemon().log().includes(text));

async function untouched(harm: () => Promise<unknown>): Promise<void> {
  const { hub } = shared();
  const before = await hubState(hub);
  await harm();
  expect(await hubState(hub)).toEqual(before);
}

describe("on its own topics", () => {
  test.for<[what: string, entry: object, code: string]>([
    ["an entry without its fields", { kind: "trigger", id: "x", at }, "WIRE_PACKET"],
    ["a wrong type", trigger({ trigger: 7 }), "WIRE_PACKET"],
    ["an instant that is none", trigger({ at: "yesterday" }), "WIRE_PACKET"],
    ["an id that would break out of its key", trigger({ id: "a/../b" }), "WIRE_PACKET"],
    ["an entry over 128 KiB", trigger({ payload: { x: "x".repeat(130 * 1024) } }), "LINK_ENTRY_TOO_LARGE"],
    ["a packet over 256 KiB", trigger({ payload: { x: "x".repeat(260 * 1024) } }), "WIRE_TOO_LARGE"],
    ["a payload too deep to judge", trigger({ payload: deep(2_000) }), "WIRE_PACKET"],
  ])("%s is refused with its first number and a code", async ([_what, entry, code]) => {
    const { stranger } = shared();
    await untouched(async () => {
      const receipt = await stranger.send(entry);
      expect(receipt).toMatchObject({
        upTo: 0,
        refused: { first: 1, code, message: expect.stringMatching(/./) },
      });
    });
  });

  test.for<[what: string, kind: string, bytes: string | Uint8Array, code: string]>([
    ["noise in place of a packet", "up", new Uint8Array([0, 255, 254, 1]), "WIRE_PACKET"],
    [
      "a packet of another protocol version",
      "up",
      '{"v":2,"epoch":"e","first":1,"entries":[],"auth":null}',
      "WIRE_VERSION",
    ],
    ["half a packet", "up", '{"v":1,"epoch":"e","first":1,"entries":[{"id":"x","auth":null}', "WIRE_PACKET"],
    [
      "a signature nobody agreed on",
      "up",
      '{"v":1,"epoch":"e","first":1,"entries":[],"auth":"abc"}',
      "WIRE_AUTH",
    ],
    ["noise in place of a hello", "hello", "hello?", "WIRE_PACKET"],
    ["a hello without end", "hello", `{"v":1,"x":"${"x".repeat(300 * 1024)}","auth":null}`, "WIRE_TOO_LARGE"],
    ["noise in place of a question", "ask", "[]", "WIRE_PACKET"],
    ["noise in place of an answer", "answer", "{}", "WIRE_PACKET"],
    ["noise in place of output", "stream", "null", "WIRE_PACKET"],
    ["noise in place of a receipt", "down-receipt", '{"auth":null}', "WIRE_PACKET"],
  ])("%s is refused, and those who behave are served", async ([what, kind, bytes, code]) => {
    const { hub } = shared();
    const agent = await handmadeAgent(hub, `noisy-${what.replaceAll(" ", "-").slice(0, 50)}`);
    await untouched(async () => {
      await agent.say(kind, bytes);
      await dealtWith(agent);
    });
    await logged(`a message was refused agent=${agent.id} kind=${kind} code=${code} `);
    agent.client.end(true);
  });

  test("a question that nobody knows, or with wrong arguments, is answered with an error", async () => {
    const { stranger } = shared();
    const ask = async (op: string, args: object) => {
      const question = id();
      await stranger.say("ask", { v: 1, from: "agent", id: question, op, args, within: 5_000 });
      return stranger.hear("answer", (answer) => answer.id === question);
    };
    await untouched(async () => {
      expect(await ask("shutdown", {})).toMatchObject({ error: { code: "ASK_UNKNOWN" } });
      expect(await ask("blob", { digest: "sha256:../../etc/passwd", offset: 0, length: 10 })).toMatchObject({
        error: { code: expect.stringMatching(/^(BLOB_MISSING|WIRE_PACKET|API_BAD_REQUEST)$/) },
      });
      expect(await ask("datastore.set", { name: "", value: "x" })).toMatchObject({
        error: { code: "KEY_INVALID" },
      });
    });
  });
});

describe("on the topics of others", () => {
  test.for([
    ["what another agent would say", "petrel/v1/agent/web-1/up", "forged_topic"],
    ["what the hub would say", "petrel/v1/agent/forger/down", "wrong_side"],
    ["outside", "somewhere/else", "foreign_topic"],
    ["among the broker's own", "$SYS/broker/load", "foreign_topic"],
  ] as const)("%s is not carried, and ends the connection", async ([_what, topic, reason]) => {
    const { port } = shared();
    await untouched(async () => {
      const forger = await mqttClient(port, "forger");
      const packet = { v: 1, epoch: "e", first: 1, entries: [trigger()], auth: null };
      forger.publish(topic, JSON.stringify(packet), { qos: 1 });
      await waitUntil("the connection to be closed", () => !forger.connected);
      await logged(`reason=${reason} client=forger`);
    });
  });

  test("nobody listens to another agent, or connects under a name that is not an agent's", async () => {
    const { port } = shared();
    const listener = await mqttClient(port, "listener");
    for (const filter of ["petrel/v1/agent/web-1/down", "petrel/#", "#", "$share/g/petrel/#"]) {
      const [granted] = await listener.subscribeAsync(filter, { qos: 1 }).catch(() => [{ qos: 128 }]);
      expect([filter, granted?.qos]).toEqual([filter, 128]);
    }
    await expect(mqttClient(port, "Not An Agent")).rejects.toThrow();
    await expect(mqttClient(port, "one", { username: "another" })).rejects.toThrow();
  });
});

describe("on the port", () => {
  test.for<[what: string, bytes: Buffer]>([
    ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["noise", Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 31 + 7) % 256))],
    // A PUBLISH whose header promises 256 MiB.
    [
      "a packet without end",
      Buffer.concat([Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(2 << 20)]),
    ],
  ])("%s ends its own connection and no other", async ([_what, bytes]) => {
    const { port, stranger } = shared();
    await untouched(async () => {
      const noisy = await rawClient(port);
      noisy.bytes(bytes);
      await waitUntil("the connection to be closed", noisy.closed);
      await dealtWith(stranger);
    });
  });

  test("a message over the broker's cap ends the connection of its sender", async () => {
    const { hub, stranger } = shared();
    await untouched(async () => {
      const agent = await handmadeAgent(hub, "talker");
      agent.client.publish("petrel/v1/agent/talker/up", Buffer.alloc((1 << 20) + 1024), { qos: 1 });
      await waitUntil("the connection to be closed", () => !agent.client.connected);
      await dealtWith(stranger);
    });
  });

  test("a client that says nothing holds nothing up", async () => {
    const { port, stranger } = shared();
    const silent = connect({ host: "127.0.0.1", port });
    await dealtWith(stranger);
    silent.destroy();
  });
});

describe("well formed, and of no use", () => {
  test("an unknown trigger type is an instance that failed, not a dead letter", async () => {
    const { hub, stranger } = shared();
    const entry = trigger();
    expect(await stranger.send(entry)).not.toHaveProperty("refused");
    expect(await hub.api("GET", `/v1/trigger-instances/${entry.id}`)).toMatchObject({
      status: "processing_failed",
      reason: "TRIGGER_UNKNOWN: no trigger type is called nowhere.known",
      origin: { agent: "stranger" },
    });
  });

  test("news of an execution that was never asked for is a dead letter: listed, tried again, dropped", async () => {
    const { user, stranger } = shared();
    const entry = {
      kind: "execution-update",
      id: id(),
      at,
      execution: "01JUNKNOWN",
      status: "succeeded",
      result: {},
    };
    const behind = trigger();
    await stranger.send(entry, { kind: "from-the-future", id: id(), at }, behind);
    const letters = await user.json<DeadLetter[]>("dead-letter", "list");
    expect(letters).toMatchObject([
      { agent: "stranger", code: "WIRE_PACKET", reason: "this hub does not know entries of this kind" },
      { agent: "stranger", code: "NOT_FOUND", reason: "no execution 01JUNKNOWN on this agent", entry },
    ]);
    // What came behind it did not wait.
    expect(await shared().hub.api("GET", `/v1/trigger-instances/${behind.id}`)).toMatchObject({
      id: behind.id,
    });

    const [, letter] = letters;
    const again = await user.run("dead-letter", "retry", letter?.id ?? "");
    expect([again.code, again.stderr.split("\n")[0]]).toEqual([
      1,
      "WIRE_PACKET: it is of no use still: no execution 01JUNKNOWN on this agent",
    ]);
    expect(await user.json("dead-letter", "list")).toHaveLength(2);
    for (const { id } of letters) expect(await user.says("dead-letter", "drop", id)).toBe(`${id} is gone\n`);
    expect(await user.json("dead-letter", "list")).toEqual([]);
    expect((await user.run("dead-letter", "drop", letter?.id ?? "")).stderr).toMatch(/^NOT_FOUND: /);
  });

  test("what another agent was asked to do is not for this one to report", async () => {
    const { hub, stranger } = shared();
    const other = await handmadeAgent(hub, "other");
    const body = { action: "core.noop", target: { host: "other" } };
    const { items } = await hub.api<{ items: JsonObject[] }>("POST", "/v1/executions", body);
    const execution = items[0]?.id;
    await stranger.send({
      kind: "execution-update",
      id: id(),
      at,
      execution,
      status: "succeeded",
      result: {},
    });
    expect(await hub.api("GET", `/v1/executions/${execution}`)).toMatchObject({
      status: "scheduled",
      agent: "other",
    });
    await other.send({
      kind: "execution-update",
      id: id(),
      at,
      execution,
      status: "succeeded",
      result: { fine: 1 },
    });
    expect(await hub.api("GET", `/v1/executions/${execution}`)).toMatchObject({
      status: "succeeded",
      result: { fine: 1 },
    });
    // And once it has ended, it has ended.
    await other.send({
      kind: "execution-update",
      id: id(),
      at,
      execution,
      status: "failed",
      result: { fine: 0 },
    });
    expect(await hub.api("GET", `/v1/executions/${execution}`)).toMatchObject({
      status: "succeeded",
      result: { fine: 1 },
    });
  });
});

function deep(levels: number): object {
  let value: object = {};
  for (let i = 0; i < levels; i++) value = { x: value };
  return value;
}
