/** The power of a hub, of an agent, of both goes in the middle of a stream: what was promised was on disk. */
import { randomInt } from "node:crypto";
import { dirname } from "node:path";
import { expect, type TestContext, test } from "vitest";
import { createAgent, createHub, type TestAgent, type TestHub } from "../support/fleet.ts";
import { createPower, killHome, type Power, powerRecorder } from "../support/power.ts";
import {
  createStream,
  expectNothingSetAside,
  expectOneFamilyEach,
  linesByExecution,
  type Stream,
  settledHistory,
  shown,
} from "../support/stream.ts";

const count = 200;
/** Lines that have been written when the power goes. */
const lossesAt = [20, 80, 140];

/** Machines of their own: each has its power. */
interface Fleet {
  readonly hub: TestHub;
  readonly agent: TestAgent;
  readonly hubPower: Power;
  readonly agentPower: Power;
}

async function startFleet(context: TestContext): Promise<Fleet> {
  const library = await powerRecorder();
  if (library === null) return context.skip();
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  const hubPower = await createPower(library, dirname(hub.data), hub.data);
  const agentPower = await createPower(library, dirname(agent.data), agent.data);
  await hub.start(hubPower.env);
  agent.start(agentPower.env);
  return { hub, agent, hubPower, agentPower };
}

/** All at once, then what was not on disk goes. */
async function losePower(fleet: Fleet, which: "hub" | "agent" | "both"): Promise<void> {
  const { hub, agent, hubPower, agentPower } = fleet;
  const lost = [
    { name: "hub", home: hub.daemon().home, power: hubPower },
    { name: "agent", home: agent.daemon().home, power: agentPower },
  ].filter(({ name }) => which === "both" || which === name);
  await Promise.all(lost.map(({ home }) => killHome(home)));
  const torn = randomInt(2) === 0 ? 0 : Math.random();
  for (const { power } of lost) await power.cut(torn);
  for (const { name } of lost) {
    if (name === "hub") await hub.start(hubPower.env);
    else agent.start(agentPower.env);
  }
}

/** Nothing ran twice; what did not run is named. */
async function expectPromises(hub: TestHub, stream: Stream): Promise<void> {
  const history = await settledHistory(hub, stream);
  expectOneFamilyEach(history, stream);
  const written = linesByExecution(stream, "append", history);
  expect([...written.values()].filter((times) => times > 1)).toEqual([]);
  const missing = history.executions.filter(({ id }) => !written.has(id));
  expect(missing.filter(({ status }) => status !== "abandoned").map(shown)).toEqual([]);
  const lost = history.executions.filter(({ status }) => status !== "succeeded" && status !== "abandoned");
  expect(lost.map(shown)).toEqual([]);
  await expectNothingSetAside(hub);
}

/** Matches nothing; that it was accepted is what counts. */
const rule = (name: string) => ({
  name,
  trigger: { type: "stream.number" },
  criteria: { "trigger.number": { type: "equals", pattern: -1 } },
  action: { ref: "core.noop" },
});

test("when the power of hub, agent, or both goes, what was promised is kept, and nothing runs twice", async (context) => {
  const fleet = await startFleet(context);
  const { hub, agent } = fleet;
  const stream = await createStream(hub, agent, { count });
  stream.go();
  for (const [at, which] of (["hub", "agent", "both"] as const).entries()) {
    await stream.reached("append", lossesAt[at] ?? count);
    await hub.api("POST", "/v1/rules", rule(`made_${which}`));
    await losePower(fleet, which);
    const rules = await hub.all<{ readonly ref: string }>("/v1/rules");
    expect(rules.map(({ ref }) => ref)).toContain(`default.made_${which}`);
  }
  await expectPromises(hub, stream);
});
