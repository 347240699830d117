/**
 * The broker is in an attacker's hands, with its rightful certificate: a real hub and real agents behind it, enrolled
 * through it. Whatever it forges, changes, plays again, holds up or moves is refused and counted, runs nothing and leaves
 * nothing in the store; and a genuine trigger still leads to a genuine action. PETREL_CERTIFICATE_LIFE=60 is the life of
 * certificates in seconds where it matters (as a rule 8); the agent is away for three times that.
 */
import { createSecretKey } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { askStatus } from "../../agent/status/ask-http.ts";
import type { IdentityView } from "../../hub/enrolment/enrolment-desk.ts";
import { readApiFile } from "../../hub/http/api-file-fs.ts";
import { certificatesIn, lifeOf } from "../../shared/identity/certificates.ts";
import { signature } from "../../shared/identity/ed25519.ts";
import { newExchange } from "../../shared/identity/exchange.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { readPackFolder } from "../../shared/packs/read-pack-fs.ts";
import { enclose, isEnvelope, keysNamed } from "../../shared/wire/envelope.ts";
import type { Side, TopicKind } from "../../shared/wire/messages.ts";
import { sharedByFile } from "../support/at-end.ts";
import { type EnrolledAgent, enrolledAgent, newToken } from "../support/enrolled-agent.ts";
import { agentReady, createHub, type Daemon, freePort, type TestHub } from "../support/fleet.ts";
import { type Carried, type HostileBroker, hostileBroker, prefix } from "../support/hostile-broker.ts";
import { keyPair, statementOf } from "../support/link-identities.ts";
import { runPetrel } from "../support/run-petrel.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const certificateSeconds = Number(process.env.PETREL_CERTIFICATE_LIFE ?? 8);
const finals: ReadonlySet<string> = new Set(["succeeded", "failed", "timeout", "abandoned", "canceled"]);

/** Whoever runs the test: as installed, actions run as the user `petrel`, which need not be there. */
const ownUser: Record<string, string> = process.getuid?.() === 0 ? { PETREL_AGENT_ACTIONS_USER: "root" } : {};

interface Member {
  readonly agent: EnrolledAgent;
  daemon: Daemon;
}

/** One hub and two agents for all attacks, and what they were honestly asked for. */
class Fleet {
  readonly members = new Map<string, Member>();
  /** Lines that a sensor told of. */
  readonly told: string[] = [];
  /** Commands that a user asked for; each leaves a file of its name, once. */
  readonly asked: string[] = [];
  /** Known before an attack. */
  gaps: readonly unknown[] = [];
  readonly hub: TestHub;
  readonly broker: HostileBroker;
  readonly folder: string;
  readonly at: readonly string[];

  constructor(hub: TestHub, broker: HostileBroker, folder: string, enroll: number) {
    this.hub = hub;
    this.broker = broker;
    this.folder = folder;
    this.at = ["--enroll-at", `mqtts://127.0.0.1:${enroll}`];
  }

  async join(id: string): Promise<Member> {
    const agent = await enrolledAgent(this.hub, id);
    expect(await agent.enroll(await newToken(this.hub), this.at)).toMatchObject({ code: 0 });
    const member = { agent, daemon: agent.start(ownUser) };
    this.members.set(id, member);
    return member;
  }

  member(id: string): Member {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`no agent ${id}`);
    return member;
  }

  /** A file that would be there if what was forged had run. */
  stain(name: string): string {
    return join(this.folder, "stains", name);
  }

  done(): readonly string[] {
    const file = join(this.folder, "done");
    return existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
  }

  tell(id: string, line = `${id}-line-${this.told.length}`): string {
    this.told.push(line);
    appendFileSync(join(this.member(id).daemon.home, "tell"), `${line}\n`);
    return line;
  }

  isDone(line: string): Promise<unknown> {
    return waitUntil(`the action for ${line}`, () => this.done().includes(line));
  }

  async ask(id: string, line = `${id}-command-${this.asked.length}`, before = ""): Promise<string> {
    this.asked.push(line);
    const { items } = await this.hub.api<{ items: readonly Execution[] }>("POST", "/v1/executions", {
      action: "core.local",
      parameters: { cmd: `${before}echo ${line} >> ${join(this.folder, "done")}` },
      target: { host: id },
      user: "test",
    });
    return items[0]?.id ?? "";
  }

  async metrics(): Promise<string> {
    const key = (await readApiFile(this.hub.data))?.key ?? "";
    const answer = await fetch(`${this.hub.url}/metrics`, { headers: { authorization: `Bearer ${key}` } });
    return answer.text();
  }

  /** How often this side has refused messages, by code. */
  async refused(side: Side, id: string): Promise<Readonly<Record<string, number>>> {
    if (side === "agent")
      return (await askStatus(join(this.member(id).agent.data, "agent.sock"))).link.refused;
    const lines = (await this.metrics()).matchAll(/^petrel_link_refused_total\{code="(\w+)"\} (\d+)$/gm);
    return Object.fromEntries(Array.from(lines, ([, code, count]) => [code, Number(count)]));
  }

  /** Work goes on, nothing but honest work was done and stored, each piece once. */
  async expectUnharmed(): Promise<void> {
    for (const id of this.members.keys()) {
      await this.isDone(this.tell(id));
      await this.ask(id);
    }
    const wanted = [...this.told, ...this.asked].toSorted();
    await waitUntil("all that was asked for to be done", () => this.done().length >= wanted.length);
    const executions = await waitUntil("all to have ended", async () => {
      const all = await this.hub.all<Execution>("/v1/executions");
      return all.every(({ status }) => finals.has(status)) ? all : null;
    });
    expect(this.done().toSorted()).toEqual(wanted);
    expect(executions.length).toBe(wanted.length);
    const instances = await this.hub.all<TriggerInstance>("/v1/trigger-instances?trigger=told.line");
    expect(instances.map(({ payload }) => (payload as { line: string }).line).toSorted()).toEqual(
      this.told.toSorted(),
    );
    expect(readdirSync(join(this.folder, "stains"))).toEqual([]);
    expect(await this.hub.all("/v1/dead-letters")).toEqual([]);
    expect(await this.hub.all("/v1/gaps")).toEqual(this.gaps);
    expect(await this.hub.api("GET", "/v1/keys")).toMatchObject({ items: [] });
  }
}

const shared = sharedByFile(async () => {
  const [link, enroll] = [await freePort(), await freePort()];
  const hub = await createHub({ dev: false, broker: `mqtts://127.0.0.1:${link}` });
  await hub.start();
  const files = await tempFolder("broker");
  const words = ["--host", "127.0.0.1", "--out", files, "--data", hub.data];
  expect(await runPetrel(["hub", "broker-config", "mosquitto", ...words])).toMatchObject({ code: 0 });
  const broker = await hostileBroker(files, { link, enroll });
  const folder = await tempFolder("attack");
  mkdirSync(join(folder, "stains"));
  const fleet = new Fleet(hub, broker, folder, enroll);
  await waitUntil("the hub to reach the broker", () =>
    hub.daemon().log().includes("connected to the external broker"),
  );
  await Promise.all(["web-1", "web-2"].map((id) => fleet.join(id)));
  const pack = (await readPackFolder(resolve(import.meta.dirname, "../fixtures/packs-running/told"))).map(
    (file) => ({ ...file, content: Buffer.from(file.content).toString("base64") }),
  );
  await hub.api("POST", "/v1/packs", { files: pack });
  await hub.api("PUT", "/v1/packs/told/assignment", { to: "all", config: { folder } });
  for (const id of fleet.members.keys()) await agentReady(hub, id, ["core", "told"]);
  return fleet;
});

const sealed = (message: object, auth: unknown): string => JSON.stringify({ ...message, auth });
const has = (text: string) => (message: Carried) => message.bytes.includes(text);
const last = (of: readonly Carried[]): Buffer => {
  const found = of.at(-1);
  if (found === undefined) throw new Error("the broker has carried no such message");
  return found.bytes;
};
const ulid = () =>
  `01K${Array.from({ length: 23 }, () => "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[Math.floor(Math.random() * 32)]).join("")}`;

const triggerPacket = (line: string) => ({
  v: 1,
  epoch: ulid(),
  first: 1,
  entries: [
    {
      id: ulid(),
      at: new Date().toISOString(),
      kind: "trigger",
      trigger: "told.line",
      payload: { line },
      sensor: "told.Lines",
    },
  ],
});

/** A request as the hub makes them, with a command of the broker's. */
async function requestPacket(fleet: Fleet, stain: string): Promise<JsonObject> {
  await honestRequest(fleet);
  const { digest } = await fleet.hub.api<{ digest: string }>("GET", "/v1/packs/core");
  const entry = {
    id: ulid(),
    at: new Date().toISOString(),
    kind: "action-request",
    execution: ulid(),
    action: "core.local",
    runner: "local-shell-cmd",
    pack: "core",
    pack_digest: digest,
    entry_point: "",
    runner_parameters: { cmd: `touch ${fleet.stain(stain)}`, timeout: 60 },
    parameters: {},
    timeout: 60,
    idempotent: false,
    expires_at: null,
    user: "test",
    rule: null,
    trigger_instance: null,
  };
  return { v: 1, epoch: ulid(), first: 1, entries: [entry] };
}

/** The largest message of this kind that the broker carried for the agent while `work` was done. */
async function carriedFor(fleet: Fleet, id: string, kind: TopicKind, work: () => Promise<unknown>) {
  const before = fleet.broker.of(id, kind).length;
  await work();
  return last(
    fleet.broker
      .of(id, kind)
      .slice(before)
      .toSorted((a, b) => a.bytes.length - b.bytes.length),
  );
}

/** Has run; the packet that brought it. */
function honestRequest(fleet: Fleet, id = "web-1"): Promise<Buffer> {
  return carriedFor(fleet, id, "down", async () => {
    await fleet.ask(id);
    await fleet.isDone(fleet.asked.at(-1) ?? "");
  });
}

function honestTrigger(fleet: Fleet, id = "web-1"): Promise<Buffer> {
  return carriedFor(fleet, id, "up", () => fleet.isDone(fleet.tell(id)));
}

/** A message with proofs as the present connection's look, without its keys: an HMAC of old, and an envelope. */
function guesses(fleet: Fleet, kind: TopicKind, message: object): readonly (string | Uint8Array)[] {
  // Whoever says what is of this kind has said one in this session.
  const id = keysNamed(last(fleet.broker.of("web-1", kind).filter(({ bytes }) => isEnvelope(bytes))));
  const side = kind === "down" || kind === "up-receipt" ? "hub" : "agent";
  const mac = `h.${id}.zz.${"A".repeat(43)}`;
  const proof = kind === "down" ? `${mac}.${"A".repeat(86)}` : mac;
  const text = sealed(message, kind === "down" ? `s.${"A".repeat(86)}` : null);
  const head = Buffer.from(`petrel 1\0${side}\0web-1\0${kind}\0`);
  const key = { side, key: createSecretKey(Buffer.alloc(32)), id } as const;
  return [sealed(message, proof), enclose(key, head, 1_000_000, Buffer.from(text))];
}

function injectGuesses(fleet: Fleet, kind: TopicKind, message: object): void {
  for (const guess of guesses(fleet, kind, message)) fleet.broker.inject("web-1", kind, guess);
}

/** In place of the next large message of this kind, once, comes one with a byte changed: nobody between can read it. */
function changeOnce(fleet: Fleet, kind: TopicKind): void {
  let isDone = false;
  fleet.broker.meddle(({ agent, kind: its, bytes }) => {
    if (isDone || agent !== "web-1" || its !== kind || bytes.length < 200) return "pass";
    isDone = true;
    const changed = Buffer.from(bytes);
    changed[150] = (changed[150] ?? 0) ^ 1;
    return [changed];
  });
}

/** A new connection, and so new keys. */
async function reconnected(fleet: Fleet, id: string): Promise<void> {
  const hellos = () =>
    fleet.broker.of(id, "hello").filter(({ from, bytes }) => from === id && isEnvelope(bytes, "agent"))
      .length;
  const before = hellos();
  fleet.broker.cut(id);
  await waitUntil(`${id} to be linked anew`, () => hellos() > before);
  await honestTrigger(fleet, id);
}

const forgedHello = (from: Side, key = keyPair().privateKey, more: object = {}) => {
  const { id: session } = newExchange();
  const hello = {
    v: 1,
    type: "hello",
    from,
    session,
    to: null,
    incarnation: ulid(),
    version: "0.1.0",
    capabilities: ["action-request", "assignment", "cancel", "blob", "void"],
    clock: new Date().toISOString(),
    epochs: [],
    ...more,
  };
  const unsigned = JSON.stringify(hello).slice(0, -1);
  const head = Buffer.from(`petrel 1\0${from}\0web-1\0hello\0`);
  return `${unsigned},"auth":"s.${signature(key, head, Buffer.from(unsigned))}"}`;
};

/** What is done, who refuses it, and with which of these codes. */
type Attack = readonly [
  what: string,
  refuses: Side,
  codes: readonly string[],
  attack: (fleet: Fleet) => Promise<void>,
];

const attacks: readonly Attack[] = [
  [
    "a forged trigger without a proof",
    "hub",
    ["WIRE_AUTH"],
    async ({ broker }) => broker.inject("web-1", "up", sealed(triggerPacket("forged"), null)),
  ],
  [
    "a forged trigger with a guessed proof",
    "hub",
    ["WIRE_AUTH"],
    async (fleet) => {
      await honestTrigger(fleet);
      injectGuesses(fleet, "up", triggerPacket("guessed"));
    },
  ],
  [
    "a trigger that is changed on its way",
    "hub",
    ["WIRE_AUTH"],
    async (fleet) => {
      changeOnce(fleet, "up");
      fleet.tell("web-1", "web-1-changed");
      await fleet.isDone("web-1-changed");
    },
  ],
  [
    "a trigger that is played again",
    "hub",
    ["WIRE_REPEATED"],
    async (fleet) => {
      const packet = await honestTrigger(fleet);
      for (let i = 0; i < 5; i++) fleet.broker.inject("web-1", "up", packet);
    },
  ],
  [
    "a trigger of an earlier connection",
    "hub",
    ["WIRE_SESSION"],
    async (fleet) => {
      const packet = await honestTrigger(fleet);
      await reconnected(fleet, "web-1");
      fleet.broker.inject("web-1", "up", packet);
    },
  ],
  [
    "another agent's trigger under this agent's id",
    "hub",
    ["WIRE_SESSION", "WIRE_AUTH"],
    async (fleet) => {
      fleet.broker.inject("web-1", "up", await honestTrigger(fleet, "web-2"));
    },
  ],
  [
    "another agent's hello under this agent's id",
    "hub",
    ["WIRE_AUTH"],
    async ({ broker }) => {
      const hello = broker
        .of("web-2", "hello")
        .filter(({ from }) => from === "web-2")
        .filter(has('"type":"hello"'));
      broker.inject("web-1", "hello", last(hello));
    },
  ],
  [
    "a hello with a stranger's key",
    "hub",
    ["WIRE_AUTH"],
    async ({ broker }) => broker.inject("web-1", "hello", forgedHello("agent")),
  ],
  [
    "a forged question that would set a key",
    "hub",
    ["WIRE_AUTH"],
    async (fleet) => {
      const args = { name: "forged", value: "x", ttl: null, encrypt: false };
      const ask = { v: 1, from: "agent", id: ulid(), op: "datastore.set", args, within: 5_000 };
      const text = JSON.stringify(ask).slice(0, -1);
      for (const guess of guesses(fleet, "up", ask)) fleet.broker.inject("web-1", "ask", guess);
      fleet.broker.inject("web-1", "ask", `${text},"auth":null}`);
    },
  ],
  [
    "a forged receipt for a request that is held up",
    "hub",
    ["WIRE_AUTH"],
    async (fleet) => {
      const held: Carried[] = [];
      fleet.broker.meddle((message) => {
        if (message.agent !== "web-1" || message.kind !== "down") return "pass";
        held.push(message);
        return [];
      });
      await fleet.ask("web-1");
      await waitUntil("the request to be held up", () => held.length > 0);
      const receipt = { v: 1, epoch: ulid(), upTo: 1, credit: { entries: 64, bytes: 1_000_000 } };
      fleet.broker.inject("web-1", "down-receipt", sealed(receipt, null));
      injectGuesses(fleet, "down-receipt", receipt);
      await refusedOnce(fleet, "hub", ["WIRE_AUTH"]);
    },
  ],
  [
    "a forged receipt for a trigger that is held up",
    "agent",
    ["WIRE_AUTH"],
    async (fleet) => {
      const held: Carried[] = [];
      fleet.broker.meddle((message) => {
        if (message.agent !== "web-1" || message.kind !== "up") return "pass";
        held.push(message);
        return [];
      });
      fleet.tell("web-1");
      await waitUntil("the trigger to be held up", () => held.length > 0);
      const receipt = { v: 1, epoch: ulid(), upTo: 1, credit: { entries: 1_024, bytes: 1_000_000 } };
      fleet.broker.inject("web-1", "up-receipt", sealed(receipt, null));
      injectGuesses(fleet, "up-receipt", receipt);
    },
  ],
  [
    "a forged request without a proof",
    "agent",
    ["WIRE_AUTH"],
    async (fleet) =>
      fleet.broker.inject("web-1", "down", sealed(await requestPacket(fleet, "without"), null)),
  ],
  [
    "a forged request with a guessed proof",
    "agent",
    ["WIRE_AUTH"],
    async (fleet) => {
      injectGuesses(fleet, "down", await requestPacket(fleet, "guessed"));
    },
  ],
  [
    "a request that is changed on its way",
    "agent",
    ["WIRE_AUTH"],
    async (fleet) => {
      changeOnce(fleet, "down");
      await fleet.ask("web-1", "web-1-altered");
      await fleet.isDone("web-1-altered");
    },
  ],
  [
    "a request that is played again",
    "agent",
    ["WIRE_REPEATED"],
    async (fleet) => {
      const packet = await honestRequest(fleet);
      for (let i = 0; i < 5; i++) fleet.broker.inject("web-1", "down", packet);
    },
  ],
  [
    "all requests of earlier connections, with their hellos",
    "agent",
    ["WIRE_SESSION"],
    async (fleet) => {
      await honestRequest(fleet);
      await reconnected(fleet, "web-1");
      const old = fleet.broker.carried.filter(
        ({ agent, kind, from }) =>
          agent === "web-1" && from !== "web-1" && (kind === "down" || kind === "hello"),
      );
      for (const { topic, bytes } of old) fleet.broker.say(topic, bytes);
    },
  ],
  [
    "another agent's request",
    "agent",
    ["WIRE_SESSION", "WIRE_AUTH"],
    async (fleet) => {
      fleet.broker.inject("web-1", "down", await honestRequest(fleet, "web-2"));
    },
  ],
  [
    "a forged hello of a hub with keys of its own",
    "agent",
    ["WIRE_AUTH"],
    async ({ broker }) => {
      const key = keyPair().privateKey;
      const hub_keys = statementOf(keyPair().privateKey, 99, [key]);
      broker.inject("web-1", "hello", forgedHello("hub", key, { hub_keys }));
    },
  ],
  [
    "a forged cancel of what runs",
    "agent",
    ["WIRE_AUTH"],
    async (fleet) => {
      const execution = await fleet.ask("web-1", undefined, "sleep 1; ");
      await waitUntil("it to run", async () => {
        const { status } = await fleet.hub.api<Execution>("GET", `/v1/executions/${execution}`);
        return status === "running";
      });
      const entry = { id: ulid(), at: new Date().toISOString(), kind: "cancel", execution };
      const packet = { v: 1, epoch: ulid(), first: 1, entries: [entry] };
      injectGuesses(fleet, "down", packet);
      await fleet.isDone(fleet.asked.at(-1) ?? "");
    },
  ],
];

async function total(fleet: Fleet, side: Side, codes: readonly string[]): Promise<number> {
  const counts = await fleet.refused(side, "web-1");
  return codes.reduce((sum, code) => sum + (counts[code] ?? 0), 0);
}

const before = { hub: 0, agent: 0 };
const refusedOnce = (fleet: Fleet, side: Side, codes: readonly string[]) =>
  waitUntil(
    `the ${side} to refuse with ${codes.join(" or ")}`,
    async () => (await total(fleet, side, codes)) > before[side],
  );

describe("what a broker does to a link", () => {
  test.for(attacks)("%s", async ([, side, codes, attack]) => {
    const fleet = shared();
    before[side] = await total(fleet, side, codes);
    try {
      await attack(fleet);
      await refusedOnce(fleet, side, codes);
    } finally {
      fleet.broker.meddle(null);
    }
    const log = side === "hub" ? fleet.hub.daemon().log() : fleet.member("web-1").daemon.log();
    expect(log).toMatch(new RegExp(`a message was refused.* code=(${codes.join("|")}) `));
    await fleet.expectUnharmed();
  });

  test("ledgers that come in another order, in part, and more than once, are whole in the end", async () => {
    const fleet = shared();
    const held: Carried[] = [];
    fleet.broker.meddle((message) => {
      if (message.kind !== "up" && message.kind !== "down") return "pass";
      held.push(message);
      return [];
    });
    const lines: string[] = [];
    for (let i = 0; i < 5; i++) {
      for (const id of ["web-1", "web-2"]) {
        const line = fleet.tell(id);
        lines.push(line);
        const isHeld = () => held.some(({ agent, kind }) => agent === id && kind === "up");
        await waitUntil(`${line} to be held up, or asked about`, () => isHeld() || i > 0);
        await fleet.ask(id);
      }
    }
    await sleep(500);
    const kept = held.splice(0).reverse();
    for (const { topic, bytes } of kept) fleet.broker.say(topic, bytes.subarray(0, bytes.length - 30));
    // The oldest of them never comes as it was.
    for (const { topic, bytes } of kept.slice(0, -1)) fleet.broker.say(topic, bytes);
    fleet.broker.meddle(null);
    for (const { topic, bytes } of kept.slice(0, -1)) fleet.broker.say(topic, bytes);
    for (const line of [...lines, ...fleet.asked]) await fleet.isDone(line);
    await fleet.expectUnharmed();
  });

  test("nothing that is asked, told or configured can be read on its way", async () => {
    const fleet = shared();
    await honestTrigger(fleet);
    await honestRequest(fleet);
    expect([...fleet.told, ...fleet.asked].length).toBeGreaterThan(1);
    for (const line of [...fleet.told, ...fleet.asked, fleet.folder, "core.local", "told.line"])
      expect(fleet.broker.carried.filter(has(line)).map(({ topic }) => topic)).toEqual([]);
  });

  test("agents that are said to be gone, or to be none, are served", async () => {
    const fleet = shared();
    const gone = { v: 1, state: "offline", incarnation: ulid(), version: "0", at: new Date().toISOString() };
    for (const id of fleet.members.keys()) {
      fleet.broker.inject(id, "presence", sealed(gone, null));
      fleet.broker.inject(id, "presence", "");
    }
    await waitUntil("the hub to have asked them", async () => (await refusals(fleet, "presence")) >= 2);
    // They say nothing by themselves now: the hub has to know that they are there.
    for (const id of fleet.members.keys()) await honestRequest(fleet, id);
    await fleet.expectUnharmed();
  });
});

/** How often the hub has refused something of this kind to who uses its broker. */
async function refusals(fleet: Fleet, reason: string): Promise<number> {
  const text = await fleet.metrics();
  return Number(
    new RegExp(`^petrel_refused_total\\{reason="${reason}"\\} (\\d+)$`, "m").exec(text)?.[1] ?? 0,
  );
}

const identity = (fleet: Fleet, id: string) => fleet.hub.api<IdentityView>("GET", `/v1/identities/${id}`);

async function remove(fleet: Fleet, id: string): Promise<void> {
  const words = ["agent", "remove", id, "--data", fleet.hub.data];
  expect(await runPetrel(words)).toMatchObject({ code: 0 });
}

/** Says this ask again, and waits for the hub's answer. */
async function askAgain(fleet: Fleet, topic: string, bytes: Buffer | string): Promise<void> {
  const answers = () =>
    fleet.broker.carried.filter((one) => one.topic === topic.replace(/ask$/, "answer")).length;
  const before = answers();
  fleet.broker.say(topic, bytes);
  await waitUntil("the hub to answer", () => answers() > before);
}

describe("what a broker does to enrolments", () => {
  test("an agent that was imaged anew does nothing of what its predecessor was asked, and is not heard for it", async () => {
    const fleet = shared();
    await honestRequest(fleet, "web-2");
    await honestTrigger(fleet, "web-2");
    const old = fleet.member("web-2");
    await old.daemon.stop();
    const said = fleet.broker.carried.filter(({ agent }) => agent === "web-2");
    await remove(fleet, "web-2");
    await rm(old.agent.data, { recursive: true });
    await fleet.join("web-2");
    await agentReady(fleet.hub, "web-2", ["core", "told"]);
    await honestRequest(fleet, "web-2");
    // Its predecessor's store has gone, and the hub says so.
    fleet.gaps = await fleet.hub.all("/v1/gaps");
    const { WIRE_SESSION: before = 0 } = await fleet.refused("hub", "web-2");
    for (const { topic, bytes } of said) fleet.broker.say(topic, bytes);
    await waitUntil("both sides to refuse it", async () => {
      const agent = await fleet.refused("agent", "web-2");
      const hub = await fleet.refused("hub", "web-2");
      return (agent.WIRE_SESSION ?? 0) > 0 && (hub.WIRE_SESSION ?? 0) > before;
    });
    await fleet.expectUnharmed();
    // It ends with this test.
    fleet.members.delete("web-2");
  });

  test("a token counts as often as it was made for; an ask that is played again or changed makes no agent", async () => {
    const fleet = shared();
    const { hub, broker, at } = fleet;
    const first = await enrolledAgent(hub, "new-1");
    const token = await newToken(hub, { uses: 5 });
    expect(await first.enroll(token, at)).toMatchObject({ code: 0 });
    const single = await newToken(hub);
    expect(await (await enrolledAgent(hub, "new-2")).enroll(single, at)).toMatchObject({ code: 0 });
    expect(await (await enrolledAgent(hub, "new-3")).enroll(single, at)).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^ENROL_TOKEN/m),
    });

    const [ask] = broker.carried.filter(({ topic }) => topic.endsWith("/ask")).filter(has("new-1"));
    if (ask === undefined) throw new Error("no ask was carried");
    const uses = async () => {
      const { items } = await hub.api<{ items: { id: string; uses: number }[] }>("GET", "/v1/agent-tokens");
      return items.find(({ id }) => id === token.split(".")[1])?.uses;
    };
    const known = await identity(fleet, "new-1");
    await askAgain(fleet, ask.topic, ask.bytes);
    await askAgain(fleet, `${prefix}/v1/enroll/${"0".repeat(32)}/ask`, ask.bytes);
    await askAgain(fleet, ask.topic, ask.bytes.toString("utf8").replaceAll("new-1", "new-9"));
    expect(await identity(fleet, "new-1")).toMatchObject({ key: known.key, enrolled_at: known.enrolled_at });
    expect(await uses()).toBe(4);
    await expect(identity(fleet, "new-9")).rejects.toThrow("404");

    // Removed, enrolled with another key, and removed: the first key does not come back by what it once said.
    await remove(fleet, "new-1");
    await askAgain(fleet, ask.topic, ask.bytes);
    expect(await identity(fleet, "new-1")).toMatchObject({ state: "removed" });
    const second = await enrolledAgent(hub, "new-1");
    expect(await second.enroll(token, at)).toMatchObject({ code: 0 });
    const { key } = await identity(fleet, "new-1");
    await remove(fleet, "new-1");
    await askAgain(fleet, ask.topic, ask.bytes);
    expect(await identity(fleet, "new-1")).toMatchObject({ state: "removed", key });
    expect(await uses()).toBe(3);
    expect(hub.daemon().log()).toContain("refused: an enrolment");
    await fleet.expectUnharmed();
  });

  test(`with certificates of ${certificateSeconds} s, an agent that was away for three times as long is back by itself`, async () => {
    const fleet = shared();
    const { hub, broker } = fleet;
    await hub.stop();
    await hub.start({ PETREL_CERTIFICATE_SECONDS: String(certificateSeconds) });
    const { agent, daemon } = await fleet.join("away-1");
    await agentReady(hub, "away-1", ["core", "told"]);
    await honestTrigger(fleet, "away-1");
    const { key, enrolled_at } = await identity(fleet, "away-1");
    const letIn = broker.ban("away-1");
    // Nor does it get a certificate beside the link.
    broker.meddle(({ kind }) => (kind === null ? [] : "pass"));
    for (let second = 0; second < 3 * certificateSeconds; second++) {
      fleet.tell("away-1");
      await sleep(1_000);
    }
    const [leaf] = certificatesIn(await readFile(join(agent.data, "identity/agent.crt"), "utf8")) ?? [];
    expect(leaf === undefined ? 0 : lifeOf(leaf).notAfter).toBeLessThan(Date.now());
    broker.meddle(null);
    letIn();
    await fleet.expectUnharmed();
    expect(await identity(fleet, "away-1")).toMatchObject({ key, enrolled_at });
    expect(daemon.log()).toContain("was renewed while no broker took the old one");
  });
});
