/** What any network must let two links do: run with each transport, in memory and over real brokers. */
import { expect, onTestFinished, test } from "vitest";
import type { Entry } from "../../shared/wire/messages.ts";
import {
  cancelEntry,
  type LinkEnd,
  openLinkEnd,
  type TakenEntry,
  triggerEntry,
} from "../support/link-end.ts";
import type { TestFleet } from "../support/link-identities.ts";
import type { LinkNetwork } from "../support/link-network.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

interface Pair {
  agent: LinkEnd;
  hub: LinkEnd;
  readonly network: LinkNetwork;
  restartAgent(): Promise<void>;
  restartHub(): Promise<void>;
}

const responders = {
  echo: async (args: object) => args as never,
};

async function openPair(makeNetwork: () => Promise<LinkNetwork>, fleet?: TestFleet): Promise<Pair> {
  const network = await makeNetwork();
  const agentFolder = await tempFolder("link-agent");
  const hubFolder = await tempFolder("link-hub");
  const openAgent = () =>
    openLinkEnd({
      side: "agent",
      folder: agentFolder,
      network: network.agent,
      responders,
      authenticator: fleet?.authenticator("agent"),
    });
  const openHub = () =>
    openLinkEnd({
      side: "hub",
      folder: hubFolder,
      network: network.hub,
      responders,
      authenticator: fleet?.authenticator("hub"),
    });
  const pair: Pair = {
    hub: await openHub(),
    agent: await openAgent(),
    network,
    async restartAgent() {
      await pair.agent.crash();
      pair.agent = await openAgent();
    },
    async restartHub() {
      await pair.hub.crash();
      pair.hub = await openHub();
    },
  };
  onTestFinished(async () => {
    await pair.agent.close();
    await pair.hub.close();
    await network.close();
  });
  return pair;
}

const ids = (entries: readonly { entry: Entry }[]) => entries.map(({ entry }) => entry.id);
const drained = (end: LinkEnd) =>
  waitUntil("every entry is receipted", () => end.outbox.figures().entries === 0);

async function expectTaken(end: LinkEnd, sent: readonly Entry[]): Promise<void> {
  expect(ids(await end.inbox.taken())).toEqual(sent.map(({ id }) => id));
}

/** Each epoch's numbers grow by one; epochs may take turns. */
export function expectOrderWithinEpochs(taken: readonly TakenEntry[]): void {
  const marks = new Map<string, number>();
  for (const { epoch, n, last } of taken) {
    expect(n).toBe((marks.get(epoch) ?? 0) + 1);
    marks.set(epoch, last);
  }
}

/** `makeFleet`: with authentication, between identities made anew for each case. */
export function linkCases(makeNetwork: () => Promise<LinkNetwork>, makeFleet?: () => TestFleet): void {
  test("entries of both ledgers arrive once and in order, and are receipted", async () => {
    const { agent, hub } = await openPair(makeNetwork, makeFleet?.());
    const up = Array.from({ length: 300 }, () => triggerEntry({ text: "ä".repeat(100) }));
    const down = Array.from({ length: 200 }, cancelEntry);
    await Promise.all([
      ...up.map((entry) => agent.append([entry])),
      ...down.map((entry) => hub.append([entry])),
    ]);
    await Promise.all([drained(agent), drained(hub)]);
    await expectTaken(hub, up);
    await expectTaken(agent, down);
  });

  test("what was appended without a connection arrives after it", async () => {
    const { agent, hub, network } = await openPair(makeNetwork, makeFleet?.());
    await network.cut();
    const entries = Array.from({ length: 1_500 }, () => triggerEntry());
    await agent.append(entries);
    expect(await hub.inbox.taken()).toEqual([]);
    await network.mend();
    await drained(agent);
    await expectTaken(hub, entries);
  });

  test("connections that break in the middle lose nothing and repeat nothing", async () => {
    const { agent, hub, network } = await openPair(makeNetwork, makeFleet?.());
    const entries = Array.from({ length: 2_000 }, () => triggerEntry({ text: "x".repeat(200) }));
    for (let i = 0; i < entries.length; i += 100) {
      await agent.append(entries.slice(i, i + 100));
      if (i % 500 === 0) {
        await network.cut();
        await network.mend();
      }
    }
    await drained(agent);
    await expectTaken(hub, entries);
  });

  test("either end killed in the middle takes up where its disk stands", async () => {
    const pair = await openPair(makeNetwork, makeFleet?.());
    const entries = Array.from({ length: 1_200 }, () => triggerEntry());
    for (let i = 0; i < entries.length; i += 100) {
      await pair.agent.append(entries.slice(i, i + 100));
      if (i % 300 === 0) await pair.restartHub();
      if (i % 500 === 0) await pair.restartAgent();
    }
    await drained(pair.agent);
    const taken = await pair.hub.inbox.taken();
    expect(ids(taken).toSorted()).toEqual(entries.map(({ id }) => id).toSorted());
    expectOrderWithinEpochs(taken);
  });

  test("the largest entries travel alone if they must", async () => {
    const { agent, hub } = await openPair(makeNetwork, makeFleet?.());
    const entries = Array.from({ length: 5 }, () => triggerEntry({ text: "x".repeat(127 * 1024) }));
    await agent.append(entries);
    await drained(agent);
    await expectTaken(hub, entries);
  });

  test("without credit nothing is sent until credit is granted", async () => {
    const pair = await openPair(makeNetwork, makeFleet?.());
    await waitUntil("the link runs", () => pair.agent.link.running && pair.hub.link.running);
    const { credit } = pair.hub.inbox;
    pair.hub.inbox.credit = () => ({ entries: 0, bytes: 0 });
    pair.hub.link.grant();
    // An answer overtakes nothing: when it is here, so is the credit, and later so would be the entries.
    await pair.agent.link.ask("echo", {}, 100_000);
    const entries = [triggerEntry(), triggerEntry()];
    await pair.agent.append(entries);
    await pair.agent.link.ask("echo", {}, 100_000);
    expect(await pair.hub.inbox.taken()).toEqual([]);
    pair.hub.inbox.credit = credit;
    pair.hub.link.grant();
    await drained(pair.agent);
    await expectTaken(pair.hub, entries);
  });

  test("questions are answered in both directions, and across a broken connection", async () => {
    const { agent, hub, network } = await openPair(makeNetwork, makeFleet?.());
    expect(await agent.link.ask("echo", { from: "agent" }, 100_000)).toEqual({ from: "agent" });
    expect(await hub.link.ask("echo", { from: "hub" }, 100_000)).toEqual({ from: "hub" });
    await expect(hub.link.ask("nonsense", {}, 100_000)).rejects.toMatchObject({ code: "ASK_UNKNOWN" });
    await network.cut();
    const answer = agent.link.ask("echo", { late: true }, 1_000_000);
    await network.mend();
    expect(await answer).toEqual({ late: true });
  });

  test("output arrives with its offsets", async () => {
    const { agent, hub } = await openPair(makeNetwork, makeFleet?.());
    await waitUntil("the link runs", () => agent.link.running && hub.link.running);
    agent.link.output.write("e1", "stdout", 0, "häl");
    agent.link.output.write("e1", "stdout", 4, "lo");
    await waitUntil("two pieces", () => hub.chunks.length === 2);
    expect(hub.chunks.map(({ offset, text }) => [offset, text])).toEqual([
      [0, "häl"],
      [4, "lo"],
    ]);
  });

  test("garbage on a topic is counted and touches nothing", async () => {
    const { agent, hub, network } = await openPair(makeNetwork, makeFleet?.());
    await waitUntil("the link runs", () => agent.link.running && hub.link.running);
    for (const text of ["", "{", '{"v":1,"auth":null}', "\u0000\uffff"]) {
      network.agent.transport.send("up", Buffer.from(text));
      network.agent.transport.send("hello", Buffer.from(text));
      network.agent.transport.send("down-receipt", Buffer.from(text));
    }
    const refused = () =>
      ["WIRE_PACKET", "WIRE_AUTH"].reduce((sum, code) => sum + (hub.link.rejections.get(code) ?? 0), 0);
    await waitUntil("all are counted", () => refused() === 12);
    expect(Object.keys(hub.counters.refused)).toContain("WIRE_PACKET");
    const entry = triggerEntry();
    await agent.append([entry]);
    await drained(agent);
    await expectTaken(hub, [entry]);
  });
}
