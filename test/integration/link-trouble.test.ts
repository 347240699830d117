/** What a link does with poison, failing disks, restored stores and peers of other versions. */
import { cp, rm } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import type { NumberedEntry } from "../../shared/link/ports.ts";
import { devAuthenticator } from "../../shared/wire/authenticator.ts";
import { encodePacket } from "../../shared/wire/codec.ts";
import type { Entry } from "../../shared/wire/messages.ts";
import { cancelEntry, type LinkEnd, newId, openLinkEnd, triggerEntry } from "../support/link-end.ts";
import { memoryNetwork } from "../support/link-network.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

async function openPair(agentOptions: Partial<Parameters<typeof openLinkEnd>[0]> = {}) {
  const network = memoryNetwork();
  const folders = { agent: await tempFolder("trouble-agent"), hub: await tempFolder("trouble-hub") };
  const openHub = () => openLinkEnd({ side: "hub", folder: folders.hub, network: network.hub });
  const openAgent = () =>
    openLinkEnd({ side: "agent", folder: folders.agent, network: network.agent, ...agentOptions });
  const pair = { network, folders, openHub, openAgent, hub: await openHub(), agent: await openAgent() };
  onTestFinished(async () => {
    await pair.agent.close();
    await pair.hub.close();
    await network.close();
  });
  return pair;
}
const drained = (end: LinkEnd, within = 15_000) =>
  waitUntil("every entry is receipted", () => end.outbox.figures().entries === 0, within);
const ids = (entries: readonly { entry: Entry }[]) => entries.map(({ entry }) => entry.id);

/** The codec of the peer refuses it; the own outbox takes it. */
const poison = () => ({ ...triggerEntry(), trigger: 5 }) as unknown as Entry;

describe("poison", () => {
  test("halving finds exactly the bad entries; all others arrive in order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 60 }), async (bad) => {
        const { agent, hub } = await openPair();
        const entries = bad.map((isBad) => (isBad ? poison() : triggerEntry()));
        await agent.append(entries);
        const { id } = agent.outbox.epochs().at(-1) ?? { id: "" };
        await drained(agent);
        const taken = await hub.inbox.taken();
        const good = entries.filter((_, i) => !bad[i]);
        expect(ids(taken.filter(({ entry }) => entry.kind === "trigger"))).toEqual(
          ids(good.map((entry) => ({ entry }))),
        );
        const numbers = bad.flatMap((isBad, i) => (isBad ? [i + 1] : []));
        expect(taken.filter(({ entry }) => entry.kind === "void").map(({ n }) => n)).toEqual(numbers);
        const gaps = taken.flatMap(({ entry }) => (entry.kind === "link-gap" ? [entry] : []));
        expect(gaps.every(({ epoch }) => epoch === id)).toBe(true);
        expect(gaps.map(({ from }) => from).toSorted((a, b) => a - b)).toEqual(numbers);
        await agent.close();
        await hub.close();
      }),
      { numRuns: 30, endOnFailure: true },
    );
  });

  test("a kind of entry that the peer does not know becomes a void for it", async () => {
    const { agent, hub } = await openPair();
    const strange = { ...triggerEntry(), kind: "later" } as unknown as Entry;
    const known = triggerEntry();
    await agent.append([strange, known]);
    await drained(agent);
    const taken = await hub.inbox.taken();
    expect(taken.map(({ n, entry }) => [n, entry.kind])).toEqual([
      [1, "void"],
      [2, "trigger"],
    ]);
    expect(taken[0]?.entry).toMatchObject({ reason: "the peer does not know entries of kind later" });
  });

  test("a well-formed entry of an unknown kind reaches the inbox as it came", async () => {
    const { agent, hub, network } = await openPair();
    await waitUntil("the link runs", () => agent.link.running && hub.link.running);
    const entry = { ...triggerEntry(), kind: "later" } as unknown as Entry;
    const numbered: NumberedEntry = { n: 1, last: 1, entry, size: 1 };
    network.agent.transport.send(
      "up",
      encodePacket("up", { epoch: "other", first: 1, entries: [numbered] }, devAuthenticator),
    );
    const taken = await waitUntil("it is taken", async () => (await hub.inbox.taken())[0]);
    expect(taken).toEqual({ epoch: "other", n: 1, last: 1, entry });
  });
});

describe("a receiver whose disk refuses", () => {
  test("receipts nothing, and takes everything once when it works again", async () => {
    const { agent, hub } = await openPair();
    await waitUntil("the link runs", () => agent.link.running && hub.link.running);
    const entries = Array.from({ length: 100 }, () => triggerEntry());
    const { marks } = hub.inbox;
    let failures = 0;
    hub.inbox.marks = (epochs) =>
      marks(epochs).catch((error) => {
        failures++;
        throw error;
      });
    await hub.database.level.close();
    await agent.append(entries);
    await waitUntil("it failed, and again after a probe", () => failures > 1);
    expect(agent.outbox.figures().entries).toBe(100);
    await hub.database.level.open();
    await hub.database.committer.resume();
    await drained(agent);
    expect(ids(await hub.inbox.taken())).toEqual(entries.map(({ id }) => id));
  });
});

describe("a receiver that was restored from a backup", () => {
  test("gets again what the sender still keeps, with no gap", async () => {
    const pair = await openPair();
    const entries = Array.from({ length: 60 }, () => triggerEntry());
    await pair.agent.append(entries.slice(0, 20));
    await drained(pair.agent);
    await pair.hub.close();
    await cp(pair.folders.hub, `${pair.folders.hub}-backup`, { recursive: true });
    pair.hub = await pair.openHub();
    await pair.agent.append(entries.slice(20));
    await drained(pair.agent);
    await pair.hub.close();
    await rm(pair.folders.hub, { recursive: true });
    await cp(`${pair.folders.hub}-backup`, pair.folders.hub, { recursive: true });
    onTestFinished(() => rm(`${pair.folders.hub}-backup`, { recursive: true }));
    pair.hub = await pair.openHub();
    const taken = await waitUntil("all are there again", async () => {
      const found = await pair.hub.inbox.taken();
      return found.length >= 60 ? found : null;
    });
    expect(ids(taken)).toEqual(entries.map(({ id }) => id));
    expect(await pair.hub.inbox.gaps()).toEqual([]);
  });

  test("records a gap for what is deleted, and goes on behind it", async () => {
    const pair = await openPair({ limits: { keepBytes: 0, maxEpochs: 1 } });
    const epoch = pair.agent.outbox.epochs().at(-1)?.id ?? "";
    await pair.agent.append(Array.from({ length: 25 }, () => triggerEntry({ text: "x".repeat(60_000) })));
    await drained(pair.agent);
    for (let i = 0; i < 3; i++) {
      await pair.agent.append([triggerEntry()]);
      await drained(pair.agent);
    }
    const kept = pair.agent.outbox.epochs().find(({ id }) => id === epoch);
    expect(kept?.first).toBeGreaterThan(1);
    await pair.hub.close();
    await rm(pair.folders.hub, { recursive: true });
    pair.hub = await pair.openHub();
    const after = triggerEntry();
    await pair.agent.append([after]);
    await waitUntil("the new entry", async () => ids(await pair.hub.inbox.taken()).includes(after.id));
    const [gap, ...others] = await pair.hub.inbox.gaps();
    expect(others).toEqual([]);
    expect(gap).toMatchObject({ epoch, from: 1 });
    expect((await pair.hub.inbox.taken())[0]?.n).toBe((gap?.to ?? 0) + 1);
  });
});

test("a sender that ignores its credit fills nothing, and is served all the same", async () => {
  const { agent, hub, network } = await openPair();
  await waitUntil("the link runs", () => agent.link.running && hub.link.running);
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { take } = hub.inbox;
  hub.inbox.take = async (...args) => {
    await held;
    return take(...args);
  };
  const text = "x".repeat(1_000);
  const entries = Array.from({ length: 5_000 }, () => triggerEntry({ text }));
  entries.forEach((entry, i) => {
    const packet = { epoch: "flood", first: i + 1, entries: [{ n: i + 1, last: i + 1, entry, size: 1 }] };
    hub.link.receive("up", encodePacket("up", packet, devAuthenticator));
  });
  release();
  const taken = await waitUntil("what was queued is taken", async () => {
    const found = await hub.inbox.taken();
    return found.length > 1 ? found : null;
  });
  expect(taken.length).toBeLessThan(300);
  const honest = triggerEntry();
  await agent.append([honest]);
  await waitUntil("the ledger goes on", async () => ids(await hub.inbox.taken()).includes(honest.id));
  expect(network.sent.get("up-receipt")).toBeGreaterThan(0);
});

test("packets that arrive during a take go together in the next", async () => {
  const { agent, hub } = await openPair();
  await waitUntil("the link runs", () => agent.link.running && hub.link.running);
  await Promise.all(Array.from({ length: 400 }, () => agent.append([triggerEntry()])));
  await drained(agent);
  expect(hub.inbox.takes.reduce((sum, size) => sum + size, 0)).toBe(400);
  expect(hub.inbox.takes.length).toBeLessThan(200);
});

test("what a peer says of itself on a shared topic is not taken for the other's", async () => {
  const { agent, hub } = await openPair();
  // The memory network gives a sender its own hello and asks back, as a broker does.
  await hub.append([cancelEntry()]);
  await drained(hub);
  await expect(agent.link.ask(`op-${newId().toLowerCase()}`, {}, 100_000)).rejects.toMatchObject({
    code: "ASK_UNKNOWN",
  });
  expect([...agent.link.rejections.values(), ...hub.link.rejections.values()]).toEqual([]);
});
