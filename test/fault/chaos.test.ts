/** A short campaign: thirty deaths of hub, agents and sensors at named points and in between. `npm run chaos` is the long one. */
import { expect, test } from "vitest";
import { campaign } from "../chaos/campaign.ts";

test("every promise is kept through thirty kills", async () => {
  const verdict = await campaign({
    seed: 1,
    kills: 30,
    broker: "embedded",
    agents: 3,
    settleMs: 120_000,
    awaitResults: false,
    patienceMs: 6_000,
    tries: 1,
    say: console.log,
    progress: () => {},
  });
  expect(verdict.findings, JSON.stringify([...verdict.hits])).toEqual([]);
  expect(verdict.kills).toBeGreaterThanOrEqual(30);
  expect([...verdict.hits.values()].filter((hits) => hits > 0).length).toBeGreaterThan(10);
}, 600_000);
