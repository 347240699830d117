/** Binaries to hand out, rollouts and what agents say of upgrades: each step all or none, and only from where it stood. */
import { describe, expect, it } from "vitest";
import { countsOf, waitingAgent } from "../../../hub/upgrades/rollout.ts";
import { timestamp } from "../../../shared/clock.ts";
import type { AgentRelease } from "../../../shared/model/agent-release.ts";
import type { AgentRollout, UpgradeReport } from "../../../shared/model/agent-rollout.ts";
import type { UpgradeEntry } from "../../../shared/wire/messages.ts";
import { noon } from "../../support/records.ts";
import { claimed, id, ledger, nowAndReopened, type OpenStore, take } from "./world.ts";

const blob = (letter: string) => `sha256:${letter.repeat(64)}`;
const release = (version: string, letter: string): AgentRelease => ({
  v: 1,
  version,
  arch: "x64",
  sha256: letter.repeat(64),
  bytes: 10,
  parts: [{ digest: blob(letter), size: 5 }],
  min_agent: null,
  min_hub: null,
  added_at: timestamp(noon),
  added_by: "ann",
});

function rollout(n: number, over: Partial<AgentRollout> = {}): AgentRollout {
  return {
    id: id(n),
    version: "2.0.0",
    releases: [],
    labels: null,
    batch: 1,
    max_failures: 1,
    allow_downgrade: false,
    skip_offline: false,
    within: 900,
    settle: 30,
    offline_until: timestamp(noon),
    state: "running",
    reason: null,
    user: "ann",
    started_at: timestamp(noon),
    ended_at: null,
    batches: 0,
    forgiven: 0,
    counts: countsOf([]),
    rev: 1,
    ...over,
  };
}

const request = (n: number): UpgradeEntry => ({
  kind: "upgrade",
  id: id(n),
  at: timestamp(noon),
  upgrade: id(1),
  releases: [],
  allow_downgrade: false,
  expires_at: timestamp(noon),
});

export function upgradeCases(open: OpenStore): void {
  describe("upgrades of agents", () => {
    it("a binary is kept under version and architecture, the first one, with its parts", async () => {
      const world = await open();
      const { store } = world;
      expect(await store.putAgentRelease(release("2.0.0", "a"))).toEqual(release("2.0.0", "a"));
      expect(await store.putAgentRelease(release("2.0.0", "b"))).toEqual(release("2.0.0", "a"));
      expect(await store.putAgentRelease(release("2.1.0", "c"))).toEqual(release("2.1.0", "c"));
      const begun = rollout(1, { releases: [release("2.0.0", "a")] });
      await store.changeRollout({ rollout: begun, expectRev: null, agents: [], dispatches: [] });
      expect(await store.removeAgentRelease("2.0.0", "x64")).toBe(true);
      expect(await store.removeAgentRelease("2.0.0", "x64")).toBe(false);
      for await (const now of nowAndReopened(world)) {
        expect(await now.agentReleases()).toEqual([release("2.1.0", "c")]);
        // The rollout that has begun needs its own.
        expect([...(await now.referencedBlobs())].sort()).toEqual([blob("a"), blob("c")]);
      }
    });

    it("a step writes rollout, agents and requests, or, from another revision, nothing", async () => {
      const world = await open();
      const { store } = world;
      await claimed(store);
      const agents = [waitingAgent("web-1"), waitingAgent("web-2")];
      const first = { rollout: rollout(1), expectRev: null, agents, dispatches: [] };
      expect(await store.changeRollout(first)).toBe(true);
      expect(await store.changeRollout(first)).toBe(false);
      const asked = { ...waitingAgent("web-1"), state: "sending" as const };
      const next = { rollout: rollout(1, { rev: 2, batches: 1 }), expectRev: 1, agents: [asked] };
      expect(
        await store.changeRollout({ ...next, dispatches: [{ agent: "web-1", entry: request(9) }] }),
      ).toBe(true);
      expect(
        await store.changeRollout({ ...next, dispatches: [{ agent: "web-1", entry: request(10) }] }),
      ).toBe(false);
      for await (const now of nowAndReopened(world)) {
        expect(await now.rollout(id(1))).toEqual(rollout(1, { rev: 2, batches: 1 }));
        expect(await now.rolloutAgents(id(1))).toEqual([asked, waitingAgent("web-2")]);
        expect(await ledger(now)).toEqual([`1 ${id(9)}`]);
        expect(await now.rollout(id(2))).toBeNull();
      }
    });

    it("what an agent says takes the place of what it said, with its mark", async () => {
      const world = await open();
      const { store } = world;
      const said = (state: UpgradeReport["state"]) => ({
        ...{ agent: "web-1", upgrade: id(1), code: null, reason: null, received_at: timestamp(noon) },
        state,
      });
      const claim = await claimed(store);
      const report = (state: UpgradeReport["state"]) => [
        { type: "upgrade-report" as const, report: said(state) },
      ];
      expect(await store.takeIn(take(claim, 0, report("sending")))).toEqual({ done: true });
      expect(await store.takeIn(take(claim, 1, report("healthy")))).toEqual({ done: true });
      expect(await store.takeIn(take(claim, 1, report("failed")))).toMatchObject({ done: false, mark: 2 });
      for await (const now of nowAndReopened(world))
        expect(await now.upgradeReports()).toEqual([said("healthy")]);
    });

    it("a rollout is forgotten with its agents, and no other", async () => {
      const { store } = await open();
      for (const n of [1, 2])
        await store.changeRollout({
          rollout: rollout(n),
          expectRev: null,
          agents: [waitingAgent("web-1")],
          dispatches: [],
        });
      await store.dropRollout(id(1));
      expect(await store.rollouts()).toEqual([rollout(2)]);
      expect(await store.rolloutAgents(id(1))).toEqual([]);
      expect(await store.rolloutAgents(id(2))).toEqual([waitingAgent("web-1")]);
    });
  });
}
