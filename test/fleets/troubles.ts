/** What happens to the networks of a fleet that is at work, and whether all of that work is done in the end, once. */
import { setTimeout as sleep } from "node:timers/promises";
import { agentIs } from "../support/enrolled-agent.ts";
import type { ToldFleet } from "../support/told-fleet.ts";
import type { Network } from "./network-process.ts";
import type { Report } from "./report.ts";

/** Longer than it takes either end to see that nobody is there (1.5 times a keepalive of 30 s). */
export const silenceSeconds = 75;

/** Each second, each of these agents sees a line, and is asked for something; also while nobody can be reached. */
export async function busyFor(
  fleet: ToldFleet,
  seconds: number,
  ids = [...fleet.members.keys()],
): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    for (const id of ids) {
      fleet.tell(id);
      await fleet.ask(id);
    }
    await sleep(1_000);
  }
}

/** When the last of them was linked, as the hub has it; seconds since this is called. */
export async function backAfter(fleet: ToldFleet, ids: readonly string[]): Promise<string> {
  const from = Date.now();
  for (const id of ids) {
    await fleet.isDone(fleet.tell(id));
    await agentIs(fleet.hub, id, true);
  }
  return `back after ${((Date.now() - from) / 1_000).toFixed(1)} s`;
}

/** Nothing is lost, nothing came twice; says how much it was. */
export async function wholeOf(fleet: ToldFleet): Promise<string> {
  const from = Date.now();
  await fleet.expectUnharmed();
  const seconds = ((Date.now() - from) / 1_000).toFixed(0);
  return `${fleet.told.length} triggers and ${fleet.asked.length} requests, all done, none twice (${seconds} s)`;
}

/** `trouble`: a step after which everything has to be whole. `common`: those that every way to the hub has to stand. */
export function troubles(report: Report, network: Network, fleet: ToldFleet, lead = "") {
  const trouble = (what: string, work: () => Promise<string | undefined>) =>
    report.step(`${lead}${what}`, async () => {
      const seen = await work();
      return [seen, await wholeOf(fleet)].filter(Boolean).join("; ");
    });
  const common = async () => {
    await trouble("the cable of web-1 is out for 20 s", async () => {
      network.cable("web-1", "out");
      await busyFor(fleet, 20);
      network.cable("web-1", "in");
      return undefined;
    });
    await trouble(`web-1 is silently cut off for ${silenceSeconds} s, while it has much to say`, async () => {
      network.mute("web-1", true);
      await busyFor(fleet, silenceSeconds);
      network.mute("web-1", false);
      return backAfter(fleet, ["web-1"]);
    });
    await trouble(`the hub is silently cut off for ${silenceSeconds} s`, async () => {
      network.mute("hub", true);
      await busyFor(fleet, silenceSeconds);
      network.mute("hub", false);
      return backAfter(fleet, ["web-1", "web-2"]);
    });
    await trouble("the network of web-1 is bad for 20 s", async () => {
      const { how, good } = network.bad("web-1");
      await busyFor(fleet, 20);
      good();
      return how;
    });
  };
  return { trouble, common };
}
