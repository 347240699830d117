/** A stream of triggers told while there is no hub at all, and one while the hub is frozen. */
import { expect, test } from "vitest";
import { createAgent, createHub } from "../support/fleet.ts";
import { createStream, expectExactlyOnce, expectNoOrphans, streamLength } from "../support/stream.ts";

test("what was told while the hub was away arrives once, also over a restart and a kill of the agent", async () => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  await hub.start();
  agent.start();
  const stream = await createStream(hub, agent, { count: streamLength, batch: 100, pause: 100 });
  await hub.kill();
  // Knows its pack from before, and works without ever having spoken to a hub in this life.
  expect(await agent.stop()).toBe(0);
  agent.start();
  stream.go();
  await stream.told();
  await agent.kill();
  agent.start();
  await hub.start();
  await expectExactlyOnce(hub, stream);
  expect([await agent.stop(), await hub.stop()]).toEqual([0, 0]);
  await expectNoOrphans(agent.daemon(), hub.daemon());
});

test("a hub that stands still for seconds and goes on has everything once", async () => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  await hub.start();
  agent.start();
  const stream = await createStream(hub, agent, { count: 300 });
  stream.go();
  for (const lines of [50, 150]) {
    await stream.reached("append", lines);
    hub.daemon().child.kill("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    hub.daemon().child.kill("SIGCONT");
  }
  await expectExactlyOnce(hub, stream);
  expect([await agent.stop(), await hub.stop()]).toEqual([0, 0]);
  await expectNoOrphans(agent.daemon(), hub.daemon());
});
