/** A stream of triggers while the agent is killed again and again, for an action of each kind. */
import { expect, test } from "vitest";
import { createAgent, createHub } from "../support/fleet.ts";
import {
  createStream,
  expectNoOrphans,
  expectNothingSetAside,
  expectOneFamilyEach,
  linesAt,
  linesByExecution,
  settledHistory,
  shown,
  streamLength,
} from "../support/stream.ts";

test("an agent that is killed four times runs nothing twice and names what it cannot know; what is idempotent runs again", async () => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  await hub.start();
  agent.start();
  const stream = await createStream(hub, agent, { count: streamLength, actions: ["append", "append_again"] });
  stream.go();
  for (const share of [0.05, 0.25, 0.45, 0.7]) {
    await stream.reached("append", linesAt(share));
    await agent.kill();
    agent.start();
  }
  const history = await settledHistory(hub, stream);
  expectOneFamilyEach(history, stream);

  const once = history.executions.filter(({ action }) => action === "stream.append");
  const written = linesByExecution(stream, "append", history);
  expect([...written.values()].filter((times) => times > 1)).toEqual([]);
  expect(once.filter(({ status }) => status !== "succeeded" && status !== "abandoned").map(shown)).toEqual(
    [],
  );
  const missing = once.filter(({ id }) => !written.has(id));
  expect(missing.filter(({ status }) => status !== "abandoned").map(shown)).toEqual([]);

  const again = history.executions.filter(({ action }) => action === "stream.append_again");
  expect(again.filter(({ status }) => status !== "succeeded").map(shown)).toEqual([]);
  expect(linesByExecution(stream, "append_again", history).size).toBe(stream.count);

  await expectNothingSetAside(hub);
  expect([await agent.stop(), await hub.stop()]).toEqual([0, 0]);
  await expectNoOrphans(agent.daemon(), hub.daemon());
});
