/** What a broker in somebody else's hands does to enrolments. */
import { rm } from "node:fs/promises";
import { expect } from "vitest";
import type { IdentityView } from "../../hub/enrolment/enrolment-desk.ts";
import { newToken } from "./enrolled-agent.ts";
import { agentReady } from "./fleet.ts";
import { prefix } from "./hostile-broker.ts";
import { type HostileFleet, has, honestRequest, honestTrigger, refusals } from "./hostile-fleet.ts";
import { runPetrel } from "./run-petrel.ts";
import { waitUntil } from "./wait-until.ts";

export const identity = (fleet: HostileFleet, id: string) =>
  fleet.hub.api<IdentityView>("GET", `/v1/identities/${id}`);

async function remove(fleet: HostileFleet, id: string): Promise<void> {
  const words = ["agent", "remove", id, "--data", fleet.hub.data];
  expect(await runPetrel(words)).toMatchObject({ code: 0 });
}

/** Says this ask again, and waits for the hub's answer. */
async function askAgain(fleet: HostileFleet, topic: string, bytes: Buffer | string): Promise<void> {
  const answers = () =>
    fleet.broker.carried.filter((one) => one.topic === topic.replace(/ask$/, "answer")).length;
  const before = answers();
  fleet.broker.say(topic, bytes);
  await waitUntil("the hub to answer", () => answers() > before);
}

/** An agent that was imaged anew does nothing of what its predecessor was asked, and is not heard for it. */
export async function imagedAnew(fleet: HostileFleet): Promise<void> {
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
}

/** A token counts as often as it was made for; an ask that is played again or changed makes no agent. */
export async function tokenTwice(fleet: HostileFleet): Promise<void> {
  const { hub, broker, at } = fleet;
  const first = await fleet.newcomer("new-1");
  const token = await newToken(hub, { uses: 5 });
  expect(await first.enroll(token, at)).toMatchObject({ code: 0 });
  const single = await newToken(hub);
  expect(await (await fleet.newcomer("new-2")).enroll(single, at)).toMatchObject({ code: 0 });
  expect(await (await fleet.newcomer("new-3")).enroll(single, at)).toMatchObject({
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
  const second = await fleet.newcomer("new-1");
  expect(await second.enroll(token, at)).toMatchObject({ code: 0 });
  const { key } = await identity(fleet, "new-1");
  await remove(fleet, "new-1");
  await askAgain(fleet, ask.topic, ask.bytes);
  expect(await identity(fleet, "new-1")).toMatchObject({ state: "removed", key });
  expect(await uses()).toBe(3);
  expect(hub.daemon().log()).toContain("refused: an enrolment");
  expect(await refusals(fleet, "enrolment")).toBeGreaterThan(0);
  await fleet.expectUnharmed();
}
