/** What a rollout does next: a table of looks, and runs of random agents. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AgentFacts,
  countsOf,
  isInFlight,
  isOver,
  step,
  waitingAgent,
} from "../../../../hub/upgrades/rollout.ts";
import { timestamp } from "../../../../shared/clock.ts";
import type { AgentRollout, RolloutAgent, UpgradeReport } from "../../../../shared/model/agent-rollout.ts";
import { noon } from "../../../support/records.ts";

const names = ["a", "b", "c", "d", "e"];

function aRollout(over: Partial<AgentRollout> = {}): AgentRollout {
  return {
    id: "r1",
    version: "2.0.0",
    releases: [],
    labels: null,
    batch: 2,
    max_failures: 1,
    allow_downgrade: false,
    skip_offline: false,
    within: 100,
    settle: 10,
    offline_until: timestamp(noon + 1_000_000),
    state: "running",
    reason: null,
    user: "ann",
    started_at: timestamp(noon),
    ended_at: null,
    batches: 0,
    forgiven: 0,
    counts: countsOf(names.map(waitingAgent)),
    rev: 1,
    ...over,
  };
}

function facts(over: Partial<AgentFacts> = {}): AgentFacts {
  return {
    online: true,
    conflict: false,
    version: "1.0.0",
    capable: true,
    linkedSinceMs: noon - 60_000,
    sensors: () => ["watch.FileWatch"],
    report: null,
    busy: false,
    ...over,
  };
}

function report(
  agent: string,
  state: UpgradeReport["state"],
  over: Partial<UpgradeReport> = {},
): UpgradeReport {
  return { agent, upgrade: "r1", state, code: null, reason: null, received_at: timestamp(noon), ...over };
}

const asked = (agent: string, over: Partial<RolloutAgent> = {}): RolloutAgent => ({
  ...waitingAgent(agent),
  state: "sending",
  from: "1.0.0",
  batch: 1,
  asked_at: timestamp(noon),
  sensors: ["watch.FileWatch"],
  ...over,
});

/** One agent in flight, and what is made of it. */
function judged(over: Partial<AgentFacts> | null, atMs = noon + 1_000, rollout: Partial<AgentRollout> = {}) {
  const known = over === null ? null : facts(over);
  const { changed, withdraw } = step(aRollout(rollout), [asked("a")], () => known, atMs);
  const [agent = asked("a")] = changed;
  return { state: agent.state, code: agent.code, reason: agent.reason, withdraw };
}

describe("an agent that was asked", () => {
  const healthy = { version: "2.0.0", report: report("a", "healthy"), linkedSinceMs: noon - 20_000 };
  it.each<[string, ReturnType<typeof judged>, string, string | null]>([
    ["has said nothing", judged({}), "sending", null],
    [
      "said something of another rollout",
      judged({ report: report("a", "failed", { upgrade: "r0" }) }),
      "sending",
      null,
    ],
    ["fetches", judged({ report: report("a", "sending") }), "sending", null],
    ["installs", judged({ report: report("a", "installing") }), "installing", null],
    ["is well, and its link is up for long enough", judged(healthy), "healthy", null],
    ["is well by its own word, and away", judged({ ...healthy, online: false }), "installing", null],
    [
      "is well by its own word, of another version",
      judged({ ...healthy, version: "1.0.0" }),
      "installing",
      null,
    ],
    ["has just come back", judged({ ...healthy, linkedSinceMs: noon }), "installing", null],
    ["lacks a sensor", judged({ ...healthy, sensors: () => [] }), "installing", null],
    [
      "refuses",
      judged({ report: report("a", "refused", { code: "HOST_REFUSED" }) }),
      "refused",
      "HOST_REFUSED",
    ],
    ["failed", judged({ report: report("a", "failed", { code: "UPGRADE_ROOM" }) }), "failed", "UPGRADE_ROOM"],
    ["went back", judged({ report: report("a", "rolled_back", { code: "X" }) }), "rolled_back", "X"],
    ["said nothing for too long", judged({}, noon + 100_000), "failed", "late"],
    [
      "lacks a sensor for too long",
      judged({ ...healthy, sensors: () => [] }, noon + 100_000),
      "failed",
      "late",
    ],
    ["is not in the fleet any more", judged(null), "skipped", "removed"],
    [
      "left it when the rollout was canceled",
      judged({ report: report("a", "failed", { code: "withdrawn" }) }, noon + 1_000, { state: "canceled" }),
      "skipped",
      "canceled",
    ],
  ])("%s", (_, { state, code }, wantedState, wantedCode) => {
    expect([state, code]).toEqual([wantedState, wantedCode]);
  });

  it("is told to leave what it has not begun in time, and says what it lacks", () => {
    expect(judged({}, noon + 100_000).withdraw).toEqual(["a"]);
    expect(judged({ ...healthy, sensors: () => [] }).reason).toContain("watch.FileWatch");
    expect(judged({ ...healthy, version: "1.0.0" }).reason).toBe("it says that it is version 1.0.0");
  });
});

describe("a batch", () => {
  const waiting = names.map(waitingAgent);
  const asks = (of: Record<string, Partial<AgentFacts> | null>, rollout: Partial<AgentRollout> = {}) =>
    step(aRollout(rollout), waiting, (agent) => (of[agent] === null ? null : facts(of[agent])), noon);

  it("is the first by name that can be asked", () => {
    const done = asks({ a: { online: false }, b: { busy: true }, c: { conflict: true } });
    expect(done.ask).toEqual(["d", "e"]);
    expect(done.rollout.batches).toBe(1);
    expect(done.changed).toMatchObject([
      { agent: "d", state: "sending", from: "1.0.0", batch: 1, sensors: ["watch.FileWatch"] },
      { agent: "e", state: "sending" },
    ]);
  });

  it("leaves out who has the version, who cannot be asked, and who is gone", () => {
    const { ask, changed } = asks({ a: { version: "2.0.0" }, b: { capable: false }, c: null });
    expect(ask).toEqual(["d", "e"]);
    const states = Object.fromEntries(changed.map(({ agent, state, code }) => [agent, `${state} ${code}`]));
    expect(states).toMatchObject({ a: "healthy already", b: "refused too_old", c: "skipped removed" });
  });

  it.each<[string, Partial<AgentRollout>, string]>([
    ["are waited for", {}, "waiting"],
    ["are left out when that was wished", { skip_offline: true }, "skipped"],
    ["are left out when their time is over", { offline_until: timestamp(noon) }, "skipped"],
  ])("whose agents are away: they %s", (_, over, state) => {
    const away = Object.fromEntries(names.map((name) => [name, { online: false }]));
    const { rollout, ask } = asks(away, over);
    expect([ask, rollout.counts[state as "waiting"]]).toEqual([[], 5]);
    expect(rollout.state).toBe(state === "waiting" ? "running" : "done");
    // An id that two machines have is as good as away: otherwise it would hold the rollout for ever.
    const double = asks(Object.fromEntries(names.map((name) => [name, { conflict: true }])), over);
    expect([double.ask, double.rollout.counts, double.rollout.state]).toEqual([
      [],
      rollout.counts,
      rollout.state,
    ]);
    expect(double.changed.every(({ code }) => code === "conflict")).toBe(true);
  });

  it.each<AgentRollout["state"]>(["paused", "stopped", "canceled", "done"])(
    "never begins when %s",
    (state) => {
      expect(asks({}, { state }).ask).toEqual([]);
    },
  );

  it("does not begin before the last one has ended, nor after too many failures", () => {
    const of = (state: RolloutAgent["state"], over: Partial<AgentRollout> = {}) => {
      const agents = [
        asked("a", { state }),
        asked("b", { state: "healthy" }),
        ...names.slice(2).map(waitingAgent),
      ];
      return step(aRollout({ batches: 1, ...over }), agents, () => facts(), noon + 1_000);
    };
    expect(of("installing").ask).toEqual([]);
    expect(of("healthy").ask).toEqual(["c", "d"]);
    expect(of("failed")).toMatchObject({ ask: [], rollout: { state: "stopped", ended_at: null } });
    expect(of("rolled_back", { max_failures: 2 }).ask).toEqual(["c", "d"]);
    expect(of("refused").ask).toEqual(["c", "d"]);
    // Resumed by a person: what had failed before does not count.
    expect(of("failed", { forgiven: 1 }).ask).toEqual(["c", "d"]);
  });
});

interface Simulated {
  online: boolean;
  version: string;
  report: UpgradeReport | null;
  sensors: string[];
}

const events = fc.array(
  fc.record({
    agent: fc.constantFrom(...names),
    what: fc.constantFrom(
      "goes",
      "comes",
      "sending",
      "installing",
      "well",
      "failed",
      "rolled_back",
      "refused",
      "sensor",
    ),
    passes: fc.integer({ min: 0, max: 60 }),
  }),
  { maxLength: 60 },
);

describe("a rollout of random agents", () => {
  it("asks at most a batch, each once, none after too many failures, and comes to an end", () => {
    fc.assert(
      fc.property(
        events,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        (list, batch, most) => {
          const world = new Map<string, Simulated>(
            names.map((name) => [name, { online: true, version: "1.0.0", report: null, sensors: ["s.S"] }]),
          );
          let nowMs = noon;
          let rollout = aRollout({ batch, max_failures: most });
          let agents: readonly RolloutAgent[] = names.map(waitingAgent);
          const everAsked: string[] = [];
          const look = () => {
            const before = agents;
            const failedBefore = before.filter(
              ({ state }) => state === "failed" || state === "rolled_back",
            ).length;
            const done = step(
              rollout,
              agents,
              (agent) => {
                const one = world.get(agent);
                if (one === undefined) return null;
                const { online, version, report: said, sensors } = one;
                return facts({
                  online,
                  version,
                  report: said,
                  sensors: () => sensors,
                  linkedSinceMs: online ? noon : null,
                });
              },
              nowMs,
            );
            const changed = new Map(done.changed.map((each) => [each.agent, each]));
            agents = before.map((each) => changed.get(each.agent) ?? each);
            rollout = done.rollout;
            everAsked.push(...done.ask);
            expect(new Set(everAsked).size).toBe(everAsked.length);
            expect(agents.filter(({ state }) => isInFlight(state)).length).toBeLessThanOrEqual(batch);
            if (failedBefore >= most) expect(done.ask).toEqual([]);
            if (done.ask.length > 0) expect(done.ask.toSorted()).toEqual(done.ask);
            for (const [at, each] of before.entries()) if (isOver(each.state)) expect(agents[at]).toBe(each);
            expect(rollout.counts).toEqual(countsOf(agents));
          };
          look();
          for (const { agent, what, passes } of list) {
            const one = world.get(agent);
            if (one === undefined) continue;
            nowMs += passes * 1_000;
            if (what === "goes") one.online = false;
            else if (what === "comes") one.online = true;
            else if (what === "sensor") one.sensors = one.sensors.length === 0 ? ["s.S"] : [];
            else if (everAsked.includes(agent) || what === "refused") {
              if (what === "well") one.version = "2.0.0";
              one.report = report(agent, what === "well" ? "healthy" : (what as "sending"));
            }
            look();
          }
          // Everybody's time is over.
          nowMs += 2_000_000;
          for (const one of world.values()) one.online = false;
          for (let n = 0; n <= names.length; n++) look();
          const open = agents.filter(({ state }) => !isOver(state));
          if (rollout.state === "stopped") expect(open.every(({ state }) => state === "waiting")).toBe(true);
          else expect([open, rollout.state]).toEqual([[], "done"]);
        },
      ),
      { numRuns: 300 },
    );
  });
});
