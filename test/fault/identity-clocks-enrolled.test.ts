/** A host whose clock is days off becomes an agent, works, and stays who it is. */
import { describe, expect, test } from "vitest";
import type { IdentityView } from "../../hub/enrolment/enrolment-desk.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { sharedByFile } from "../support/at-end.ts";
import { agentIs, enrolledAgent, newToken } from "../support/enrolled-agent.ts";
import { fakeClock, hasFakeClock } from "../support/fake-clock.ts";
import { agentReady, createHub } from "../support/fleet.ts";
import { startPetrel } from "../support/run-petrel.ts";
import { waitUntil } from "../support/wait-until.ts";

const dayMs = 86_400_000;
const ownUser: Record<string, string> = process.getuid?.() === 0 ? { PETREL_AGENT_ACTIONS_USER: "root" } : {};

const shared = sharedByFile(async () => {
  const hub = await createHub({ dev: false });
  await hub.start();
  return hub;
});

describe.skipIf(!hasFakeClock)("a host whose clock is off", () => {
  test.each([
    ["ahead-1", "+2d", 2],
    ["behind-1", "-2d", -2],
  ])(
    "%s, by %s: enrols, runs an action, is shown as skewed, and comes back with its key",
    async (id, offset, days) => {
      const hub = shared();
      const clock = await fakeClock(offset);
      const agent = await enrolledAgent(hub, id);
      const args = ["enroll", "--hub", hub.mqtt, "--id", id, "--data", agent.data];
      const env = { ...clock.env, PETREL_ENROLL_TOKEN: await newToken(hub) };
      expect(await startPetrel(args, { command: "petrel-agent", env }).ended).toMatchObject({ code: 0 });
      const first = agent.start({ ...clock.env, ...ownUser });
      await agentReady(hub, id);
      const before = await hub.api<IdentityView>("GET", `/v1/identities/${id}`);
      await first.stop();
      await agentIs(hub, id, false);
      agent.start({ ...clock.env, ...ownUser });
      await agentIs(hub, id, true);
      const { items } = await hub.api<{ items: readonly Execution[] }>("POST", "/v1/executions", {
        action: "core.local",
        parameters: { cmd: "date +%s" },
        target: { host: id },
        user: "test",
      });
      const ended = await waitUntil("the action to end", async () => {
        const execution = await hub.api<Execution>("GET", `/v1/executions/${items[0]?.id}`);
        return execution.end_timestamp === null ? null : execution;
      });
      expect(ended).toMatchObject({ status: "succeeded" });
      const record = await hub.api<AgentRecord>("GET", `/v1/agents/${id}`);
      expect(Math.abs((record.skew_ms ?? 0) - days * dayMs)).toBeLessThan(60_000);
      const { key, enrolled_at } = before;
      expect(await hub.api("GET", `/v1/identities/${id}`)).toMatchObject({ key, enrolled_at });
    },
  );
});
