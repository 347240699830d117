/** Hub and agent asked to end in the middle of a stream: they end cleanly, and what is left goes on afterwards. */
import { expect, test } from "vitest";
import { createAgent, createHub } from "../support/fleet.ts";
import { createStream, expectExactlyOnce, expectNoOrphans } from "../support/stream.ts";

test("hub and agent that are stopped and started lose nothing: exit code 0 by SIGTERM, 130 by SIGINT", async () => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  await hub.start();
  agent.start();
  // At a pace at which few actions run at once: all of them have to end within the agent's grace time.
  const stream = await createStream(hub, agent, { count: 300, batch: 20 });
  stream.go();
  for (const [lines, signal, code] of [
    [60, "SIGTERM", 0],
    [180, "SIGINT", 130],
  ] as const) {
    await stream.reached("append", lines);
    expect(await agent.stop(signal)).toBe(code);
    await expectNoOrphans(agent.daemon());
    expect(await hub.stop(signal)).toBe(code);
    await hub.start();
    agent.start();
  }
  await expectExactlyOnce(hub, stream);
  // The hub first: an agent that has lost its hub ends as cleanly.
  expect([await hub.stop(), await agent.stop()]).toEqual([0, 0]);
  await expectNoOrphans(agent.daemon(), hub.daemon());
});

test("a hub with its agent beside it, killed or stopped, leaves no process and loses nothing", async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  const stream = await createStream(hub, { id: "hub" }, { count: 240, actions: ["append_again"] });
  stream.go();
  await stream.reached("append_again", 50);
  expect(await hub.stop("SIGINT")).toBe(130);
  await expectNoOrphans(hub.daemon());
  await hub.start();
  await stream.reached("append_again", 120);
  await hub.kill();
  // Its agent ends by itself, since nobody else would end it.
  await expectNoOrphans(hub.daemon());
  await hub.start();
  await expectExactlyOnce(hub, stream);
  expect(await hub.stop()).toBe(0);
  await expectNoOrphans(hub.daemon());
});
