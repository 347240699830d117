/** Two links with more to say than fits: a backlog that fresh entries pass, and a peer that takes nothing for a while. */
import { expect, onTestFinished, test } from "vitest";
import type { Inbox, SharedRoom } from "../../shared/link/ports.ts";
import type { Timers } from "../../shared/timers.ts";
import { type LinkEnd, openLinkEnd, triggerEntry } from "../support/link-end.ts";
import { memoryNetwork } from "../support/link-network.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const open = async () => {
  const network = memoryNetwork();
  const folder = await tempFolder("overload-agent");
  const ends: LinkEnd[] = [];
  onTestFinished(async () => {
    for (const end of ends) await end.close();
    await network.close();
  });
  const opened = async (end: Promise<LinkEnd>) => {
    ends.push(await end);
    return end;
  };
  const hubFolder = await tempFolder("overload-hub");
  return {
    network,
    agent: (timers?: Timers) =>
      opened(openLinkEnd({ side: "agent", folder, network: network.agent, ...(timers && { timers }) })),
    hub: () => opened(openLinkEnd({ side: "hub", folder: hubFolder, network: network.hub })),
  };
};
const triggers = (count: number) => Array.from({ length: count }, () => triggerEntry());
const drained = (end: LinkEnd) =>
  waitUntil("every entry is receipted", () => end.outbox.figures().entries === 0);

test("fresh entries are taken before a backlog of the same agent ends; each epoch in its own order", async () => {
  const pair = await open();
  const agent = await pair.agent();
  const backlog = [];
  for (let i = 0; i < 24; i++) backlog.push(...(await agent.append(triggers(500))));
  const hub = await pair.hub();
  await waitUntil("the first entries", async () => hub.inbox.takes.length > 0);
  const fresh = [];
  for (let i = 0; i < 20; i++) fresh.push(...(await agent.append(triggers(1))));
  await drained(agent);
  const taken = (await hub.inbox.taken()).map(({ entry }) => entry.id);
  expect(taken.toSorted()).toEqual([...backlog, ...fresh].map(({ entry }) => entry.id).toSorted());
  const places = fresh.map(({ entry }) => taken.indexOf(entry.id));
  // The last of the fresh ones comes with more than half of the backlog still to be sent.
  expect(Math.max(...places)).toBeLessThan(backlog.length / 2);
  expect(places.toSorted((a, b) => a - b)).toEqual(places);
  const epochs = Map.groupBy(await hub.inbox.taken(), ({ epoch }) => epoch);
  expect(epochs.size).toBeGreaterThan(1);
  for (const entries of epochs.values())
    expect(entries.map(({ n }) => n)).toEqual(entries.map((_, i) => i + 1));
});

test("what was dropped for want of room comes at once when there is, without waiting for a probe", async () => {
  const pair = await open();
  const hub = await pair.hub();
  let free = false;
  const room: SharedRoom = { enter: () => free, leave: () => {} };
  Object.assign(hub.inbox as Inbox, { room });
  // Of an agent whose timers never come a probe cannot be hoped for.
  const agent = await pair.agent({ after: () => () => {} });
  await waitUntil("the link runs", () => agent.link.running && hub.link.running);
  const sent = await agent.append(triggers(10));
  await waitUntil("a packet was dropped", () => (pair.network.sent.get("up") ?? 0) > 0);
  expect(await hub.inbox.taken()).toEqual([]);
  free = true;
  hub.link.grant();
  await drained(agent);
  expect((await hub.inbox.taken()).map(({ entry }) => entry.id)).toEqual(sent.map(({ entry }) => entry.id));
});
