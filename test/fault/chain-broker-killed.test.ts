/** A stream of triggers through an external broker that is killed again and again and remembers nothing; then the hub is. */
import { expect, test } from "vitest";
import { createAgent, createHub } from "../support/fleet.ts";
import { mosquittoMissing, startMosquitto } from "../support/mosquitto-process.ts";
import {
  createStream,
  expectExactlyOnce,
  expectNoOrphans,
  linesAt,
  streamLength,
} from "../support/stream.ts";

const missing = await mosquittoMissing();
if (missing !== null) console.warn(`NOT TESTED: a killed external broker: ${missing}`);

test.skipIf(missing !== null)(
  "a broker that is killed three times, and a hub once behind it, lose nothing and double nothing",
  async () => {
    const broker = await startMosquitto();
    const hub = await createHub({ broker: `mqtt://127.0.0.1:${broker.port}` });
    const agent = await createAgent(hub, "web-1");
    await hub.start();
    agent.start();
    const stream = await createStream(hub, agent, { count: streamLength });
    stream.go();
    for (const share of [0.05, 0.35, 0.65]) {
      await stream.reached("append", linesAt(share));
      await broker.kill();
      await broker.start();
    }
    // Its agents stay connected to the broker, and hear nothing of it.
    await stream.reached("append", linesAt(0.8));
    await hub.kill();
    await hub.start();
    await expectExactlyOnce(hub, stream);
    expect([await agent.stop(), await hub.stop()]).toEqual([0, 0]);
    await expectNoOrphans(agent.daemon(), hub.daemon());
  },
);
