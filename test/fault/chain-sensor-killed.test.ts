/** A stream of triggers whose sensor is killed again and again: a cursor and keys make each one trigger. */
import { test } from "vitest";
import { createAgent, createHub } from "../support/fleet.ts";
import {
  createStream,
  expectExactlyOnce,
  expectNoOrphans,
  linesAt,
  streamLength,
} from "../support/stream.ts";

test("a sensor that is killed three times tells each trigger once", async () => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  await hub.start();
  agent.start();
  const stream = await createStream(hub, agent, { count: streamLength });
  stream.go();
  for (const share of [0.05, 0.35, 0.65]) {
    await stream.reached("append", linesAt(share));
    await stream.killSensor(agent.daemon());
  }
  await expectExactlyOnce(hub, stream);
  await agent.stop();
  await hub.stop();
  await expectNoOrphans(agent.daemon(), hub.daemon());
});
