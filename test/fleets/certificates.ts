/**
 * `npm run fleet:certificates`: certificates that live for 60 s, and agents that are away for 180 s: one is killed, one is
 * cut off and goes on watching. Behind the hub's own broker, and behind an external one that judges dates. Both are back by
 * themselves, with their id and key, and tell once what happened meanwhile. Needs root and `ip`; takes about five minutes.
 */
import { writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { IdentityView } from "../../hub/enrolment/enrolment-desk.ts";
import { certificatesIn, lifeOf } from "../../shared/identity/certificates.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { cleanedUpAfter } from "../support/at-end.ts";
import { agentIs } from "../support/enrolled-agent.ts";
import { agentReady, createHub } from "../support/fleet.ts";
import { hostileFleet } from "../support/hostile-fleet.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { ToldFleet } from "../support/told-fleet.ts";
import { waitUntil } from "../support/wait-until.ts";
import { inPlaces, type Network } from "./network-process.ts";
import { listenAt } from "./relay-process.ts";
import { Report } from "./report.ts";

const lifeSeconds = Number(process.env.PETREL_CERTIFICATE_LIFE ?? 60);
const awaySeconds = 3 * lifeSeconds;
const places = ["hub", "web-1", "web-2", "broker"] as const;
/** Of the hub. */
const shortLife = { PETREL_CERTIFICATE_SECONDS: String(lifeSeconds) };

interface Watching {
  readonly fleet: ToldFleet;
  readonly folder: string;
  /** Paths that were made in it. */
  readonly made: string[];
}

async function ownBroker(network: Network): Promise<ToldFleet> {
  const hub = await createHub({ dev: false, host: network.place("hub").v4 });
  await hub.start(shortLife);
  const fleet = new ToldFleet(hub, await tempFolder("told"), { env: (id) => network.env(id) });
  for (const id of ["web-1", "web-2"]) await fleet.join(id);
  await fleet.getsPack();
  return fleet;
}

async function otherBroker(network: Network): Promise<ToldFleet> {
  const { sockets } = await listenAt(network.env("broker"), { link: 8883, enroll: 8884 });
  const host = network.place("broker").v4;
  const env = (id: string) => network.env(id);
  return hostileFleet({ host, link: 8883, enroll: 8884, sockets, env, hub: shortLife });
}

async function watching(fleet: ToldFleet): Promise<Watching> {
  const folder = await tempFolder("watched");
  const config = { paths: [{ path: folder }] };
  await fleet.hub.api("PUT", "/v1/packs/watch/assignment", { to: "all", config });
  // From the end of its first look on: what was there before belongs to the baseline.
  for (const { daemon } of fleet.members.values())
    await waitUntil("it to watch", () => daemon.log().includes("sensor running sensor=watch.FileWatch"));
  return { fleet, folder, made: [] };
}

function makeFile({ folder, made }: Watching): void {
  const path = join(folder, `file-${made.length}`);
  writeFileSync(path, path);
  made.push(path);
}

/** Each path that was made is told by this agent, once, and nothing else is. */
async function expectTold({ fleet, made }: Watching, id: string): Promise<void> {
  const told = async () => {
    const all = await fleet.hub.all<TriggerInstance>("/v1/trigger-instances?trigger=watch.file_changed");
    return all
      .filter(({ origin }) => origin?.agent === id)
      .map(
        ({ payload }) => `${(payload as { status: string }).status} ${(payload as { path: string }).path}`,
      );
  };
  await waitUntil(`${id} to have told all`, async () => (await told()).length >= made.length);
  expect((await told()).toSorted()).toEqual(made.map((path) => `created ${path}`).toSorted());
}

const identity = (fleet: ToldFleet, id: string) => fleet.hub.api<IdentityView>("GET", `/v1/identities/${id}`);

async function certificateEnds(fleet: ToldFleet, id: string): Promise<number> {
  const file = join(fleet.member(id).agent.data, "identity/agent.crt");
  const [leaf] = certificatesIn(await readFile(file, "utf8")) ?? [];
  return leaf === undefined ? 0 : lifeOf(leaf).notAfter;
}

await inPlaces(import.meta.filename, places, async (network) => {
  const report = new Report();
  await cleanedUpAfter(async () => {
    const fleets = new Map<string, Watching>();
    for (const [kind, make] of [
      ["the hub's own broker", ownBroker],
      ["an external broker", otherBroker],
    ] as const) {
      await report.step(`${kind}: two agents enrol, and watch`, async () => {
        const all = await watching(await make(network));
        makeFile(all);
        fleets.set(kind, all);
        for (const id of ["web-1", "web-2"]) await expectTold(all, id);
        return undefined;
      });
    }
    await report.step(`certificates are renewed while agents are there (life ${lifeSeconds} s)`, async () => {
      for (const { fleet } of fleets.values()) {
        for (const id of fleet.members.keys()) {
          const first = await certificateEnds(fleet, id);
          await waitUntil(
            "a renewed one to be in use",
            async () => (await certificateEnds(fleet, id)) > first,
          );
        }
      }
      return undefined;
    });
    const before = new Map<string, IdentityView>();
    await report.step(`web-1 is killed and web-2 cut off for ${awaySeconds} s; files change`, async () => {
      for (const [kind, { fleet }] of fleets) {
        for (const id of fleet.members.keys()) before.set(`${kind} ${id}`, await identity(fleet, id));
        await fleet.member("web-1").daemon.kill();
      }
      network.mute("web-2", true);
      for (let second = 0; second < awaySeconds; second++) {
        for (const all of fleets.values()) {
          if (second % 5 === 0) makeFile(all);
          for (const id of all.fleet.members.keys()) all.fleet.tell(id);
        }
        await sleep(1_000);
      }
      for (const { fleet } of fleets.values()) {
        for (const id of fleet.members.keys()) {
          await agentIs(fleet.hub, id, false);
          expect(await certificateEnds(fleet, id)).toBeLessThan(Date.now());
        }
      }
      network.mute("web-2", false);
      for (const { fleet } of fleets.values()) fleet.starts(fleet.member("web-1").agent);
      return "no certificate is valid any more";
    });
    for (const [kind, all] of fleets) {
      for (const id of ["web-1", "web-2"]) {
        await report.step(`${kind}: ${id} is back by itself`, async () => {
          const { fleet } = all;
          await agentReady(fleet.hub, id, ["core", "told", "watch"]);
          const { key, enrolled_at } = before.get(`${kind} ${id}`) ?? {};
          expect(await identity(fleet, id)).toMatchObject({ key, enrolled_at, state: "active" });
          await expectTold(all, id);
          await waitUntil(
            "a certificate to be in use that counts",
            async () => (await certificateEnds(fleet, id)) > Date.now(),
          );
          return `same id, key and date of enrolment; ${all.made.length} changes told once`;
        });
      }
      await report.step(`${kind}: what sensors told meanwhile`, async () => {
        await all.fleet.expectUnharmed();
        return `${all.fleet.told.length} triggers, each once, no gap`;
      });
    }
  });
  report.end();
});
