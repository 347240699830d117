/** What a broker in somebody else's hands does to a link, who refuses it, and by which code. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { Execution } from "../../shared/model/execution.ts";
import type { Side } from "../../shared/wire/messages.ts";
import type { Carried } from "./hostile-broker.ts";
import {
  changeOnce,
  forgedHello,
  guesses,
  type HostileFleet,
  has,
  honestRequest,
  honestTrigger,
  injectGuesses,
  last,
  reconnected,
  refusals,
  requestPacket,
  sealed,
  triggerPacket,
  ulid,
} from "./hostile-fleet.ts";
import { keyPair, statementOf } from "./link-identities.ts";
import { waitUntil } from "./wait-until.ts";

/** What is done, who refuses it, and with which of these codes. */
export type Attack = readonly [
  what: string,
  refuses: Side,
  codes: readonly string[],
  attack: (fleet: HostileFleet) => Promise<void>,
];

export const attacks: readonly Attack[] = [
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

async function total(fleet: HostileFleet, side: Side, codes: readonly string[]): Promise<number> {
  const counts = await fleet.refused(side, "web-1");
  return codes.reduce((sum, code) => sum + (counts[code] ?? 0), 0);
}

const before = { hub: 0, agent: 0 };
const refusedOnce = (fleet: HostileFleet, side: Side, codes: readonly string[]) =>
  waitUntil(
    `the ${side} to refuse with ${codes.join(" or ")}`,
    async () => (await total(fleet, side, codes)) > before[side],
  );

/** Does it: it is refused by that code, logged, and without effect; work goes on. Resolves to how that was counted. */
export async function underAttack(fleet: HostileFleet, [, side, codes, attack]: Attack): Promise<string> {
  before[side] = await total(fleet, side, codes);
  try {
    await attack(fleet);
    await refusedOnce(fleet, side, codes);
  } finally {
    fleet.broker.meddle(null);
  }
  const line = new RegExp(`a message was refused.* code=(${codes.join("|")}) `);
  const daemon = side === "hub" ? fleet.hub.daemon() : fleet.member("web-1").daemon;
  // The count comes over HTTP, the line through a pipe: neither waits for the other.
  await waitUntil(`the ${side}'s log to tell of it`, async () => line.test(daemon.log()));
  await fleet.expectUnharmed();
  return `${codes.join(" or ")} at the ${side}: ${before[side]} → ${await total(fleet, side, codes)}, logged, nothing done`;
}

/** Ledgers that come in another order, in part, and more than once, are whole in the end. */
export async function ledgersInPieces(fleet: HostileFleet): Promise<void> {
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
}

/** Agents that are said to be gone, or to be none, are served. */
export async function saidToBeGone(fleet: HostileFleet): Promise<void> {
  const gone = { v: 1, state: "offline", incarnation: ulid(), version: "0", at: new Date().toISOString() };
  for (const id of fleet.members.keys()) {
    fleet.broker.inject(id, "presence", sealed(gone, null));
    fleet.broker.inject(id, "presence", "");
  }
  await waitUntil("the hub to have asked them", async () => (await refusals(fleet, "presence")) >= 2);
  // They say nothing by themselves now: the hub has to know that they are there.
  for (const id of fleet.members.keys()) await honestRequest(fleet, id);
  await fleet.expectUnharmed();
}

/** Nothing that is asked, told or configured can be read on its way. */
export async function readOnTheWay(fleet: HostileFleet): Promise<void> {
  await honestTrigger(fleet);
  await honestRequest(fleet);
  expect([...fleet.told, ...fleet.asked].length).toBeGreaterThan(1);
  for (const line of [...fleet.told, ...fleet.asked, fleet.folder, "core.local", "told.line"])
    expect(fleet.broker.carried.filter(has(line)).map(({ topic }) => topic)).toEqual([]);
}
