/** A hub and agents that are a version apart, in both directions: the other side is made by hand, and speaks as it would. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { DeadLetter } from "../../../hub/store/port/history.ts";
import { isObject, type JsonObject } from "../../../shared/json.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { createAgent, createHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { handmadeAgent } from "../../support/handmade-agent.ts";
import { mqttClient } from "../../support/mqtt-clients.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { testBroker } from "../../support/start-broker.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const clock = () => new Date().toISOString();
let made = 0;
const newId = () => `01HSKEW${String(made++).padStart(19, "0")}`;

test("this hub works with older and newer agents, each as far as it goes", async () => {
  const hub = await createHub();
  await hub.start();

  // Older: it knows neither packs nor pause, and its hello has none of the younger members.
  const old = await handmadeAgent(hub, "old", { capabilities: ["action-request", "cancel", "void"] });
  const { items } = await hub.api<{ items: readonly Execution[] }>("POST", "/v1/executions", {
    action: "core.noop",
    parameters: {},
    target: { host: "old" },
  });
  const kinds: unknown[] = [];
  const entriesOf = ({ entries }: JsonObject) => (Array.isArray(entries) ? entries.filter(isObject) : []);
  await old.hear("down", (packet) => {
    const entries = entriesOf(packet);
    kinds.push(...entries.map(({ kind }) => kind));
    // What is told of packs comes first, in an epoch of its own; the request waits for its receipt.
    const upTo = Number(packet.first) + entries.length - 1;
    const credit = { entries: 1_024, bytes: 1_000_000 };
    void old.say("down-receipt", { v: 1, epoch: packet.epoch, upTo, credit });
    return kinds.includes("action-request");
  });
  expect(kinds).not.toContain("assignment");
  expect(kinds).toContain("void");
  const execution = items[0]?.id ?? "";
  const update = { kind: "execution-update", execution, at: clock() };
  await old.send(
    { ...update, id: newId(), status: "running" },
    { ...update, id: newId(), status: "succeeded" },
  );
  expect((await hub.api<Execution>("GET", `/v1/executions/${execution}`)).status).toBe("succeeded");

  // It cannot be upgraded from here, and is not asked.
  const binary = join(await tempFolder("binary"), "petrel-agent");
  await writeFile(binary, "no program, and nobody runs it");
  const user = userOf(hub);
  await user.says("agent", "release", "add", binary, "--release", "9.9.9");
  const ended = await user.run("agent", "upgrade", "old", "--version", "9.9.9", "--json");
  expect([ended.code, JSON.parse(ended.stdout)]).toMatchObject([
    1,
    { state: "done", agents: [{ agent: "old", state: "refused", code: "too_old" }] },
  ]);

  // Newer: members, capabilities and kinds of entries that this hub has never heard of.
  const next = await handmadeAgent(hub, "next", {
    capabilities: ["action-request", "assignment", "void", "teleport"],
    process: { id: "p1", host: "next", address: null, boot: "b1" },
    cluster: { zone: "a" },
  });
  const receipt = await next.send(
    { kind: "telemetry", id: newId(), at: clock(), load: [0.5] },
    {
      kind: "trigger",
      id: newId(),
      at: clock(),
      trigger: "core.none",
      payload: {},
      sensor: null,
      mood: "good",
    },
  );
  expect(receipt).toMatchObject({ upTo: 2 });
  const letters = await hub.all<DeadLetter>("/v1/dead-letters");
  expect(letters).toMatchObject([
    { agent: "next", reason: expect.stringContaining("does not know entries") },
  ]);
  expect(await hub.all("/v1/trigger-instances")).toMatchObject([{ trigger: "core.none" }]);

  // Of a later protocol: not answered, and the log says what to do.
  const client = await mqttClient(Number(new URL(hub.mqtt).port), "far");
  await client.publishAsync(
    "petrel/v1/agent/far/hello",
    JSON.stringify({ v: 2, type: "hello", auth: null }),
    {
      qos: 1,
    },
  );
  await waitUntil("the hub says so", () =>
    /WIRE_VERSION.*protocol version 2.*upgrade it first/.test(hub.daemon().log()),
  );
  const found = async () => (await user.run("doctor", "--check", "agent-protocols")).stdout;
  expect(await found()).toMatch(
    /warning +agent-protocols: agent far: .*WIRE_VERSION.*\n +fix: upgrade the hub/,
  );
  // One that has linked since speaks ours: somebody put the old version back.
  await client.endAsync();
  await handmadeAgent(hub, "far", {});
  await waitUntil("it is not said any more", async () => /ok +agent-protocols/.test(await found()));
});

test("values that this hub does not know cost their own message, and nothing else", async () => {
  const hub = await createHub();
  await hub.start();
  const { pid } = hub.daemon();
  const next = await handmadeAgent(hub, "next", { version: "9.9.9" });
  const trigger = () => ({
    kind: "trigger",
    id: newId(),
    at: clock(),
    trigger: "core.none",
    payload: {},
    sensor: null,
  });
  const strange: readonly object[] = [
    { kind: "execution-update", id: newId(), at: clock(), execution: newId(), status: "hibernating" },
    {
      kind: "sensor-event",
      id: newId(),
      at: clock(),
      sensor: "chain.Spool",
      state: "napping",
      pid: 1,
      restarts: 0,
      last_error: null,
    },
    { kind: "upgrade-report", id: newId(), at: clock(), upgrade: newId(), state: "verifying" },
  ];
  for (const entry of strange) {
    // Named by its number, so that an agent sets this one aside and sends what is behind it.
    expect(await next.send(entry)).toMatchObject({ refused: { code: "WIRE_PACKET" } });
    expect(await next.send(trigger())).not.toHaveProperty("refused");
  }
  // Not durable: left out, and counted.
  await next.say("hello", { v: 1, type: "goodbye", from: "agent", until: clock() });
  await next.say("presence", {
    v: 1,
    state: "asleep",
    incarnation: "of-next",
    version: "9.9.9",
    at: clock(),
  });
  await next.say("stream", { v: 1, execution: newId(), stream: "trace", offset: 0, text: "x" });
  await next.say("ask", { v: 1, from: "agent", id: newId(), op: "weather", args: {}, within: 5_000 });
  expect(await next.hear("answer")).toMatchObject({ error: { code: "ASK_UNKNOWN" } });
  expect(await next.send(trigger())).not.toHaveProperty("refused");
  expect(await hub.all("/v1/trigger-instances")).toHaveLength(strange.length + 1);
  expect(await userOf(hub).says("agent", "list")).toContain(" 9.9.9 (much newer) ");
  expect(hub.daemon()).toMatchObject({ pid, child: { exitCode: null } });
});

/** A hub by hand, over a broker of its own: says hello, and collects what the agent says. */
async function handmadeHub(over: JsonObject) {
  const { broker, port, heard } = await testBroker();
  const agent = await createAgent({ mqtt: `mqtt://127.0.0.1:${port}` }, "web-1");
  const say = (kind: "hello" | "down" | "up-receipt" | "ask", message: JsonObject) =>
    broker.transport("web-1").send(kind, Buffer.from(JSON.stringify({ v: 1, ...message, auth: null })));
  const of = (kind: string) =>
    heard.filter((each) => each.kind === kind).map(({ text }) => JSON.parse(text) as JsonObject);
  agent.start();
  const hello = await waitUntil("its hello", () => of("hello").find(({ type }) => type === "hello"));
  const both = { from: "hub", clock: clock() };
  const epochs = [{ id: "d1", first: 1, last: 0 }];
  const credit = { entries: 1_024, bytes: 1_000_000 };
  say("hello", {
    ...both,
    type: "hello",
    session: "h1",
    to: hello.session ?? null,
    incarnation: "hub-1",
    version: "9.9.9",
    capabilities: ["trigger", "execution-update", "sensor-event", "link-gap", "inventory", "void"],
    epochs,
    ...over,
  });
  say("hello", {
    ...both,
    type: "marks",
    session: hello.session ?? "",
    by: "h1",
    marks: [],
    credit,
    later: 1,
  });
  return { agent, say, of };
}

const entriesIn = (packets: readonly JsonObject[]) =>
  packets.flatMap(({ entries }) => (Array.isArray(entries) ? entries.filter(isObject) : []));

describe("this agent works", () => {
  test("with a newer hub: what it does not know is named, and what follows is carried out", async () => {
    const { agent, say, of } = await handmadeHub({
      capabilities: ["trigger", "execution-update", "link-gap", "inventory", "sensor-event", "void", "later"],
      region: "north",
    });
    await waitUntil("it answers", () => of("hello").some(({ type }) => type === "marks"));
    const request = {
      id: newId(),
      at: clock(),
      kind: "action-request",
      execution: newId(),
      action: "core.noop",
      runner: "noop",
      pack: "core",
      pack_digest: `sha256:${"0".repeat(64)}`,
      entry_point: "",
      runner_parameters: {},
      parameters: {},
      timeout: 60,
      idempotent: false,
      expires_at: null,
      user: "ann",
      rule: null,
      trigger_instance: null,
      priority: "a member of the future",
    };
    const strange = { id: newId(), at: clock(), kind: "reboot", when: "now" };
    say("down", { epoch: "d1", first: 1, entries: [strange, request], shard: 3 });
    await waitUntil("both are receipted", () => of("down-receipt").some(({ upTo }) => upTo === 2));
    const about = (kind: string) => entriesIn(of("up")).filter((entry) => entry.kind === kind);
    await waitUntil("the action's end is told", () =>
      about("execution-update").some(
        ({ execution, status }) =>
          execution === request.execution && status !== "accepted" && status !== "running",
      ),
    );
    await waitUntil("the agent to log it", () =>
      agent.daemon().log().includes("this agent does not know the kind"),
    );

    // A value: the request is refused by its number, and what comes in its place is taken.
    say("down", {
      epoch: "d1",
      first: 3,
      entries: [{ ...request, id: newId(), execution: newId(), secret: ["environment"] }],
    });
    const refused = await waitUntil("it is refused", () =>
      of("down-receipt").find((receipt) => isObject(receipt.refused)),
    );
    expect(refused).toMatchObject({ upTo: 2, refused: { first: 3, code: "WIRE_PACKET" } });
    const next = { ...request, id: newId(), execution: newId() };
    say("down", { epoch: "d1", first: 3, entries: [next] });
    await waitUntil("the next is receipted", () => of("down-receipt").some(({ upTo }) => upTo === 3));
    // A question, and a message that is neither hello nor marks.
    say("hello", { type: "goodbye", from: "hub", until: clock() });
    say("ask", { from: "hub", id: "q1", op: "weather", args: {}, within: 5_000 });
    const answer = await waitUntil("its answer", () => of("answer").find(({ id }) => id === "q1"));
    expect(answer).toMatchObject({ error: { code: "ASK_UNKNOWN" } });
    expect(agent.daemon().child.exitCode).toBeNull();
  });

  test("with an older hub, which is sent no entry that it does not know", async () => {
    const { of } = await handmadeHub({ capabilities: ["trigger", "execution-update", "void"] });
    const voids = await waitUntil("what stands for the inventory", () => {
      const found = entriesIn(of("up")).filter(({ kind }) => kind === "void");
      return found.length > 0 ? found : null;
    });
    expect(voids[0]).toMatchObject({ reason: expect.stringContaining("inventory") });
    expect(entriesIn(of("up")).filter(({ kind }) => kind === "inventory")).toEqual([]);
  });

  test("on, and says why, when the hub speaks a later protocol", async () => {
    const { agent, of } = await handmadeHub({ v: 2 });
    await waitUntil("its log says so", () => /WIRE_VERSION.*upgrade it first/.test(agent.daemon().log()));
    const looked = await runPetrel(["doctor", "--check", "link", "--data", agent.data], {
      command: "petrel-agent",
    });
    expect(looked.stdout).toMatch(/FAULT +link: .*WIRE_VERSION.*\n +fix: upgrade this agent/);
    expect(of("up")).toEqual([]);
  });
});
