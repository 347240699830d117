/**
 * `npm run fleet:networks [-- networks|attacks]`: a hub, two hosts and somebody else's broker, each in a network of its own, and what happens to
 * networks: cables, silence, loss, other addresses. Then the broker is in an attacker's hands. Needs root and `ip`.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { IdentityView } from "../../hub/enrolment/enrolment-desk.ts";
import { cleanedUpAfter } from "../support/at-end.ts";
import {
  attacks,
  ledgersInPieces,
  readOnTheWay,
  saidToBeGone,
  underAttack,
} from "../support/broker-attacks.ts";
import { imagedAnew, tokenTwice } from "../support/enrolment-attacks.ts";
import { fakeClock, hasFakeClock } from "../support/fake-clock.ts";
import { agentReady, createHub } from "../support/fleet.ts";
import { type HostileFleet, hostileFleet } from "../support/hostile-fleet.ts";
import { runPetrel } from "../support/run-petrel.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { ToldFleet } from "../support/told-fleet.ts";
import { waitUntil } from "../support/wait-until.ts";
import { inPlaces, type Network } from "./network-process.ts";
import { listenAt } from "./relay-process.ts";
import { Report } from "./report.ts";
import { backAfter, busyFor, silenceSeconds, troubles, wholeOf } from "./troubles.ts";

const places = ["hub", "web-1", "web-2", "broker"] as const;
const hubName = "hub.fleet.test";
const brokerName = "broker.fleet.test";

/** Agents run where their ids say, others at web-1. */
const placeOf = (id: string) => (places.find((place) => place === id) ?? "web-1") as string;

async function petrel(data: string, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runPetrel([...words, "--data", data]);
  if (code !== 0) throw new Error(`petrel ${words.join(" ")}: ${stderr}`);
  return stdout;
}

async function overNetworks(report: Report, network: Network): Promise<void> {
  const place = network.place("hub");
  const hub = await createHub({ dev: false, host: hubName });
  await hub.start();
  const env = (id: string) => network.env(placeOf(id));
  const fleet = new ToldFleet(hub, await tempFolder("told"), { env });
  const port = new URL(hub.mqtt).port;
  await report.step("web-1 enrols with a token, by name", async () => {
    await fleet.join("web-1");
    await agentReady(hub, "web-1");
    const { items } = await hub.api<{ items: { address: string }[] }>("GET", "/v1/agents");
    return `from ${items[0]?.address}`;
  });
  await report.step("web-2 waits to be approved, by an IPv6 address", async () => {
    const agent = await fleet.newcomer("web-2");
    const shown = await petrel(hub.data, "hub", "root", "show");
    const root = /sha256:[0-9a-f]{64}/.exec(shown)?.[0] ?? "";
    const enrolling = agent.enroll(null, ["--root", root, "--hub", `mqtts://[${place.v6}]:${port}`]);
    const { fingerprint } = await waitUntil("it to wait", async () => {
      const { items } = await hub.api<{ items: IdentityView[] }>("GET", "/v1/identities?state=pending");
      return items.find(({ agent: id }) => id === "web-2");
    });
    await petrel(hub.data, "agent", "approve", "web-2", "--fingerprint", fingerprint);
    expect(await enrolling).toMatchObject({ code: 0 });
    fleet.starts(agent);
    await agentReady(hub, "web-2");
    return undefined;
  });
  await report.step("an action on each, and what each sees", async () => {
    await fleet.getsPack();
    return wholeOf(fleet);
  });
  await report.step("a file changes on web-1, a rule acts on web-2", async () => {
    const watched = await tempFolder("watched");
    await hub.api("PUT", "/v1/packs/watch/assignment", { to: "all", config: { paths: [{ path: watched }] } });
    const rule = join(await tempFolder("rule"), "rule.yaml");
    writeFileSync(
      rule,
      JSON.stringify({
        name: "across",
        enabled: true,
        trigger: { type: "watch.file_changed" },
        criteria: {
          "trigger.status": { type: "equals", pattern: "created" },
          "origin.agent": { type: "equals", pattern: "web-1" },
        },
        action: { ref: "told.append", parameters: { line: "{{ trigger.path }}" }, target: { host: "web-2" } },
      }),
    );
    await petrel(hub.data, "rule", "create", rule);
    for (const id of fleet.members.keys()) await agentReady(hub, id, ["core", "told", "watch"]);
    // From the end of its first look on: what was there before belongs to the baseline.
    for (const { daemon } of fleet.members.values())
      await waitUntil("it to watch", () => daemon.log().includes("sensor running sensor=watch.FileWatch"));
    for (const name of ["one", "two", "three"]) {
      const path = join(watched, name);
      writeFileSync(path, name);
      fleet.asked.push(path);
      await fleet.isDone(path);
    }
    return wholeOf(fleet);
  });

  const { trouble, common } = troubles(report, network, fleet);
  await common();
  await trouble("web-1 has another address", async () => {
    const { v4, v6 } = network.place("web-1");
    const before = await addressOf(fleet, "web-1");
    network.move("web-1", v4, "10.213.7.52");
    network.move("web-1", v6, "fd13:7::52");
    await busyFor(fleet, 5);
    const seen = await backAfter(fleet, ["web-1"]);
    const after = await waitUntil("the hub to show it", async () => {
      const address = await addressOf(fleet, "web-1");
      return address !== before && address;
    });
    return `${seen}; ${before} → ${after}`;
  });
  await trouble("the hub has another address, and its name follows", async () => {
    network.move("hub", place.v4, "10.213.7.101");
    network.names({ [hubName]: [place.v6, "10.213.7.101"] });
    await busyFor(fleet, 5);
    return backAfter(fleet, ["web-1", "web-2"]);
  });
  await trouble("its name has an address where nobody is besides", async () => {
    network.names({ [hubName]: ["10.213.7.99", "10.213.7.101"] });
    network.cable("web-1", "out");
    await busyFor(fleet, silenceSeconds, ["web-1"]);
    network.cable("web-1", "in");
    return backAfter(fleet, ["web-1"]);
  });
  await trouble("the hub has another IPv6 address, and web-2 is told so", async () => {
    network.move("hub", place.v6, "fd13:7::101");
    const member = fleet.member("web-2");
    await member.daemon.stop();
    fleet.starts(member.agent, { PETREL_HUB: `mqtts://[fd13:7::101]:${port}` });
    return backAfter(fleet, ["web-2"]);
  });
  await trouble("web-2 is cut off while both see things, and the hub is killed meanwhile", async () => {
    network.mute("web-2", true);
    await busyFor(fleet, 5);
    await hub.kill();
    for (const id of ["web-1", "web-2"]) for (let i = 0; i < 10; i++) fleet.tell(id);
    await hub.start();
    await busyFor(fleet, 5);
    network.mute("web-2", false);
    return undefined;
  });
  for (const [id, offset] of [
    ["ahead-1", "+2d"],
    ["behind-1", "-2d"],
  ] as const) {
    if (!hasFakeClock) continue;
    await report.step(`a host whose clock is off by ${offset} enrols, and works`, () =>
      clockOff(fleet, id, offset),
    );
  }
}

async function clockOff(fleet: ToldFleet, id: string, offset: string): Promise<string> {
  const { env } = await fakeClock(offset);
  const member = await fleet.join(id, env);
  await agentReady(fleet.hub, id, ["core", "told"]);
  await fleet.expectUnharmed();
  await member.daemon.stop();
  fleet.members.delete(id);
  return "and what it was asked for is done, once";
}

async function addressOf(fleet: ToldFleet, id: string): Promise<string | null> {
  return (await fleet.hub.api<{ address: string | null }>("GET", `/v1/agents/${id}`)).address;
}

/** A broker in a place of its own, in an attacker's hands, with its rightful certificate. */
async function underAttacks(report: Report, network: Network): Promise<void> {
  const { sockets } = await listenAt(network.env("broker"), { link: 8883, enroll: 8884 });
  let made: HostileFleet | null = null;
  await report.step("web-1 and web-2 enrol through an attacker's broker, and work", async () => {
    made = await hostileFleet({
      host: brokerName,
      link: 8883,
      enroll: 8884,
      sockets,
      env: (id) => network.env(placeOf(id)),
    });
    return undefined;
  });
  // Said already.
  if (made === null) return;
  const fleet: HostileFleet = made;
  const { trouble, common } = troubles(report, network, fleet, "external broker: ");
  await common();
  await trouble(`the broker is silently cut off for ${silenceSeconds} s`, async () => {
    network.mute("broker", true);
    await busyFor(fleet, silenceSeconds);
    network.mute("broker", false);
    return backAfter(fleet, ["web-1", "web-2"]);
  });
  for (const attack of attacks) {
    const [what] = attack;
    await report.step(`attack: ${what}`, async () => {
      return underAttack(fleet, attack);
    });
  }
  await report.step("attack: ledgers in another order, in part, and more than once", async () => {
    await ledgersInPieces(fleet);
    return "whole in the end";
  });
  await report.step("what is asked, told or configured is looked for in all that was carried", async () => {
    await readOnTheWay(fleet);
    return "none of it can be read";
  });
  await report.step("attack: agents are said to be gone", async () => {
    await saidToBeGone(fleet);
    return "refused by the hub (presence), served all the same";
  });
  await report.step("attack: all of an agent that was imaged anew is played again", async () => {
    await imagedAnew(fleet);
    return "WIRE_SESSION at the hub and at the agent, counted, nothing done";
  });
  await report.step("attack: a token used twice; an ask played again or changed", async () => {
    await tokenTwice(fleet);
    return "ENROL_TOKEN, no agent made";
  });
}

await inPlaces(import.meta.filename, places, async (network) => {
  const report = new Report();
  const [only] = process.argv.slice(2);
  const { hub, broker } = { hub: network.place("hub"), broker: network.place("broker") };
  network.names({ [hubName]: [hub.v6, hub.v4], [brokerName]: [broker.v6, broker.v4] });
  if (only !== "attacks") await cleanedUpAfter(() => overNetworks(report, network));
  if (only !== "networks") await cleanedUpAfter(() => underAttacks(report, network));
  report.end();
});
