/**
 * The broker is in an attacker's hands, with its rightful certificate: a real hub and real agents behind it, enrolled
 * through it. Whatever it forges, changes, plays again, holds up or moves is refused and counted, runs nothing and leaves
 * nothing in the store; and a genuine trigger still leads to a genuine action. PETREL_CERTIFICATE_LIFE=60 is the life of
 * certificates in seconds where it matters (as a rule 8); the agent is away for three times that.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { certificatesIn, lifeOf } from "../../shared/identity/certificates.ts";
import { sharedByFile } from "../support/at-end.ts";
import {
  attacks,
  ledgersInPieces,
  readOnTheWay,
  saidToBeGone,
  underAttack,
} from "../support/broker-attacks.ts";
import { identity, imagedAnew, tokenTwice } from "../support/enrolment-attacks.ts";
import { agentReady, freePort } from "../support/fleet.ts";
import { honestTrigger, hostileFleet } from "../support/hostile-fleet.ts";

const certificateSeconds = Number(process.env.PETREL_CERTIFICATE_LIFE ?? 8);

const shared = sharedByFile(async () =>
  hostileFleet({ host: "127.0.0.1", link: await freePort(), enroll: await freePort() }),
);

describe("what a broker does to a link", () => {
  test.for(attacks)("%s", async (attack) => void (await underAttack(shared(), attack)));

  test("ledgers that come in another order, in part, and more than once, are whole in the end", () =>
    ledgersInPieces(shared()));

  test("nothing that is asked, told or configured can be read on its way", () => readOnTheWay(shared()));

  test("agents that are said to be gone, or to be none, are served", () => saidToBeGone(shared()));
});

describe("what a broker does to enrolments", () => {
  test("an agent that was imaged anew does nothing of what its predecessor was asked, and is not heard for it", () =>
    imagedAnew(shared()));

  test("a token counts as often as it was made for; an ask that is played again or changed makes no agent", () =>
    tokenTwice(shared()));

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
