/** A stream of 2,000 triggers through an external broker that is killed again and again and remembers nothing; then the hub is. */
import { expect, test } from "vitest";
import { createAgent, createHub } from "../support/fleet.ts";
import { mosquittoMissing, startMosquitto } from "../support/mosquitto-process.ts";
import { createStream, expectExactlyOnce, expectNoOrphans } from "../support/stream.ts";

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
    const stream = await createStream(hub, agent, { count: 2_000 });
    stream.go();
    for (const lines of [100, 700, 1_300]) {
      await stream.reached("append", lines);
      await broker.kill();
      await broker.start();
    }
    // Its agents stay connected to the broker, and hear nothing of it.
    await stream.reached("append", 1_600);
    await hub.kill();
    await hub.start();
    await expectExactlyOnce(hub, stream);
    expect([await agent.stop(), await hub.stop()]).toEqual([0, 0]);
    await expectNoOrphans(agent.daemon(), hub.daemon());
  },
);
