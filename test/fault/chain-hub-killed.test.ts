/** A stream of triggers while the hub, with its broker, is killed again and again. */
import { test } from "vitest";
import { createAgent, createHub } from "../support/fleet.ts";
import {
  createStream,
  expectExactlyOnce,
  expectNoOrphans,
  linesAt,
  streamLength,
} from "../support/stream.ts";

test("a hub that is killed three times holds each trigger once, and each ran once", async () => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  await hub.start();
  agent.start();
  const stream = await createStream(hub, agent, { count: streamLength });
  stream.go();
  for (const share of [0.05, 0.35, 0.65]) {
    await stream.reached("append", linesAt(share));
    await hub.kill();
    await hub.start();
  }
  await expectExactlyOnce(hub, stream);
  await agent.stop();
  await hub.stop();
  await expectNoOrphans(agent.daemon(), hub.daemon());
});
