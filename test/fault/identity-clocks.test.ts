/** Clocks that are wrong by days, and clocks that are set while things run. */
import { describe, expect, test } from "vitest";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { fakeClock, hasFakeClock } from "../support/fake-clock.ts";
import { createAgent, createHub, type TestHub } from "../support/fleet.ts";
import { createStream, expectExactlyOnce, settledHistory } from "../support/stream.ts";

const dayMs = 86_400_000;

/** What the hub wrote down is in hub time, whatever the agents believe. */
async function expectHubTime(hub: TestHub, fromMs: number, toMs: number): Promise<void> {
  const within = (text: string | null) => {
    const ms = Date.parse(text ?? "");
    return ms >= fromMs - 5_000 && ms <= toMs + 5_000;
  };
  const instances = await hub.all<TriggerInstance>("/v1/trigger-instances");
  expect(instances.filter(({ received_at }) => !within(received_at))).toEqual([]);
  const executions = await hub.all<Execution>("/v1/executions");
  const outside = executions.filter(
    ({ created_at, start_timestamp, end_timestamp }) =>
      ![created_at, start_timestamp, end_timestamp].every(within),
  );
  expect(outside).toEqual([]);
}

describe.skipIf(!hasFakeClock)("an agent's clock", () => {
  test.each([
    ["+2d", 2],
    ["-2d", -2],
  ])("%s off changes nothing but its own times: nothing expires, nothing is late", async (offset, days) => {
    const hub = await createHub();
    const agent = await createAgent(hub, "web-1");
    const clock = await fakeClock(offset);
    const startedMs = Date.now();
    await hub.start();
    agent.start({ ...clock.env });
    const stream = await createStream(hub, agent, { count: 60 });
    stream.go();
    await expectExactlyOnce(hub, stream);
    const { items } = await hub.api<{ items: readonly AgentRecord[] }>("GET", "/v1/agents");
    expect(Math.abs((items[0]?.skew_ms ?? 0) - days * dayMs)).toBeLessThan(30_000);
    const instances = await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=stream.number");
    expect(instances.filter(({ late }) => late)).toEqual([]);
    expect(Math.abs(Date.parse(instances[0]?.occurrence_time ?? "") - startedMs - days * dayMs)).toBeLessThan(
      120_000,
    );
    await expectHubTime(hub, startedMs, Date.now());
  });

  test("set forth and back by days during a run loses nothing and runs nothing twice", async () => {
    const hub = await createHub();
    const agent = await createAgent(hub, "web-1");
    const clock = await fakeClock("+0");
    const startedMs = Date.now();
    await hub.start();
    agent.start({ ...clock.env });
    const stream = await createStream(hub, agent, { count: 200, batch: 20 });
    stream.go();
    await stream.reached("append", 40);
    clock.set("+2d");
    await stream.reached("append", 80);
    clock.set("-2d");
    await stream.reached("append", 120);
    await agent.kill();
    agent.start({ ...clock.env });
    await stream.told();
    const { instances, executions } = await settledHistory(hub, stream);
    expect(
      instances.map(({ payload }) => (payload as { number: number }).number).sort((a, b) => a - b),
    ).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    // What ran when the agent was killed is named so; nothing expired.
    const ends = new Set(executions.map(({ status }) => status));
    expect([...ends].filter((status) => status !== "succeeded" && status !== "abandoned")).toEqual([]);
    const ran = stream.lines("append").map(({ execution }) => execution);
    expect(new Set(ran).size).toBe(ran.length);
    await expectHubTime(hub, startedMs, Date.now());
  });
});

test.skipIf(!hasFakeClock)(
  "a hub whose clock is set back two days goes on in its own time, also after a restart",
  async () => {
    const hub = await createHub();
    const agent = await createAgent(hub, "web-1");
    const clock = await fakeClock("+2d");
    const aheadMs = Date.now() + 2 * dayMs;
    await hub.start({ ...clock.env });
    agent.start();
    const stream = await createStream(hub, agent, { count: 150, batch: 20 });
    stream.go();
    await stream.reached("append", 40);
    clock.set("+0");
    await stream.reached("append", 80);
    await hub.kill();
    await hub.start({ ...clock.env });
    await expectExactlyOnce(hub, stream);
    await expectHubTime(hub, aheadMs, Date.now() + 2 * dayMs);
    const received = (await hub.all<TriggerInstance>("/v1/trigger-instances")).map(
      ({ received_at }) => received_at,
    );
    expect(received).toEqual([...received].sort());
    const ids = (await hub.all<Execution>("/v1/executions")).map(({ id }) => id);
    expect(ids).toEqual([...ids].sort());
  },
);
