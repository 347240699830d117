/** What goes along with what: each message on its own costs its sender a system call, and the hub a synced batch. */
import { expect, onTestFinished, test } from "vitest";
import type { Timers } from "../../shared/timers.ts";
import { embeddedNetwork } from "../support/broker-networks.ts";
import { cancelEntry, hastyTimers, openLinkEnd, triggerEntry } from "../support/link-end.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Once quiet, nothing is sent because its time has come: no probe, and no receipt that has waited long enough. */
function quietTimers(): Timers & { isQuiet: boolean } {
  const timers = {
    isQuiet: false,
    after: (delayMs: number, callback: () => void) =>
      timers.isQuiet ? () => {} : hastyTimers.after(delayMs, callback),
  };
  return timers;
}

test("the receipt of a request goes behind the result that its take has led to", async () => {
  const timers = quietTimers();
  const network = await embeddedNetwork();
  onTestFinished(() => network.close());
  const heard: string[] = [];
  const hub = await openLinkEnd({
    side: "hub",
    folder: await tempFolder("hub"),
    timers,
    network: {
      transport: network.hub.transport,
      open: (events) =>
        network.hub.open({
          ...events,
          receive: (kind, bytes) => {
            if (kind !== "hello") heard.push(kind);
            events.receive(kind, bytes);
          },
        }),
    },
  });
  onTestFinished(() => hub.close());
  const agent = await openLinkEnd({
    side: "agent",
    folder: await tempFolder("agent"),
    network: network.agent,
    timers,
  });
  onTestFinished(() => agent.close());
  const take = agent.inbox.take.bind(agent.inbox);
  agent.inbox.take = async (...entries) => {
    const outcome = await take(...entries);
    // An action that ends at once: its result is on disk before the take is over.
    await agent.append([triggerEntry() as never]);
    return outcome;
  };
  await waitUntil("both run", () => hub.link.running && agent.link.running);
  timers.isQuiet = true;
  await hub.append([cancelEntry()]);
  await waitUntil("the hub has the receipt", () => hub.counters.receiptsReceived === 1);
  expect(heard).toEqual(["up", "down-receipt"]);
});
