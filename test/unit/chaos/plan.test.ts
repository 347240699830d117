import { describe, expect, test } from "vitest";
import { agentPoints } from "../../../agent/kill-points.ts";
import { hubPoints } from "../../../hub/kill-points.ts";
import { type Life, planOf, randomFrom, weather } from "../../chaos/plan.ts";

const points = [...hubPoints, ...agentPoints];
const atPoints = (lives: readonly Life[]) =>
  lives.map(({ point }) => point).filter((point) => point !== null);

describe("the plan of a campaign", () => {
  test("is the same for the same seed, and another for another", () => {
    const options = { seed: 7, kills: 50, agents: 3 };
    expect(planOf(options)).toEqual(planOf(options));
    expect(planOf({ ...options, seed: 8 })).not.toEqual(planOf(options));
  });

  test.each([1, 7, 4711])("has each point five times in 200 kills (seed %i)", (seed) => {
    const { hub, agents, weatherKills } = planOf({ seed, kills: 200, agents: 3 });
    const planned = [...atPoints(hub), ...agents.flatMap(atPoints)];
    for (const point of points) {
      expect(planned.filter((each) => each === point).length, point).toBeGreaterThanOrEqual(5);
    }
    expect(hub.length + agents.flat().length + weatherKills).toBe(200);
  });

  test("has points of the hub for the hub alone, and of agents for agents, evenly", () => {
    const { hub, agents } = planOf({ seed: 3, kills: 120, agents: 3 });
    expect(atPoints(hub).filter((point) => !(hubPoints as readonly string[]).includes(point))).toEqual([]);
    expect(
      agents.flatMap(atPoints).filter((point) => !(agentPoints as readonly string[]).includes(point)),
    ).toEqual([]);
    const lengths = agents.map((lives) => lives.length);
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
  });

  test("strikes different points in a short campaign, none twice", () => {
    const { hub, agents } = planOf({ seed: 5, kills: 30, agents: 3 });
    const planned = [...atPoints(hub), ...agents.flatMap(atPoints)];
    expect(new Set(planned).size).toBe(planned.length);
    expect(planned.length).toBeGreaterThanOrEqual(24);
  });
});

describe("the weather", () => {
  const options = { seed: 9, kills: 0, agents: 2, external: true };
  const first = (count: number, mayKill: boolean, external = true) => {
    const source = weather({ ...options, external }, () => mayKill);
    return Array.from({ length: count }, () => source.next().value.trouble);
  };

  test("kills only while it may", () => {
    expect(first(300, true).filter(({ kind }) => kind.startsWith("kill")).length).toBeGreaterThan(30);
    expect(first(300, false).filter(({ kind }) => kind.startsWith("kill"))).toEqual([]);
  });

  test("spares a broker that is the hub itself", () => {
    const kinds = new Set(first(300, true, false).map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual([
      "cut",
      "hold",
      "kill sensor",
      "slow",
      "stop agent",
      "stop hub",
      "stop sensor",
    ]);
    expect(first(300, true).some((trouble) => "agent" in trouble && trouble.agent === null)).toBe(true);
    expect(first(300, true, false).some((trouble) => "agent" in trouble && trouble.agent === null)).toBe(
      false,
    );
  });
});

test("chance is spread evenly over what it is asked for", () => {
  const random = randomFrom(1);
  const seen = [0, 0, 0, 0];
  for (let i = 0; i < 4_000; i++) {
    const at = random(4);
    seen[at] = (seen[at] ?? 0) + 1;
  }
  for (const count of seen) expect(count).toBeGreaterThan(800);
});
