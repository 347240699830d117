/** A real agent that is away for sixty days of its hub's time, with requests waiting for it. */
import { expect, test } from "vitest";
import { awayReason } from "../../hub/agents/lost-agents.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { fakeClock, hasFakeClock } from "../support/fake-clock.ts";
import { agentReady, createAgent, createHub } from "../support/fleet.ts";
import { handmadeAgent } from "../support/handmade-agent.ts";
import { createStream } from "../support/stream.ts";
import { waitUntil } from "../support/wait-until.ts";

const count = 60;
/** Every third may run for 90 days. */
const isLasting = (number: number) => number % 3 === 0;

const rule = (name: string, operator: string, more: object) => ({
  name,
  enabled: true,
  trigger: { type: "stream.number" },
  criteria: { "trigger.lasting": { type: operator, pattern: true } },
  action: {
    ref: "stream.append",
    parameters: { number: "{{ trigger.number }}" },
    target: { host: "web-1" },
  },
  ...more,
});

test.skipIf(!hasFakeClock)(
  "after sixty days an agent runs what has not expired, each once, and nothing else",
  async () => {
    const hub = await createHub();
    const agent = await createAgent(hub, "web-1");
    const clock = await fakeClock("+0");
    await hub.start({ ...clock.env });
    agent.start();
    // Its sensor never begins.
    const stream = await createStream(hub, agent, { count: 0, actions: [] });
    await hub.api("POST", "/v1/rules", rule("soon", "nequals", {}));
    await hub.api("POST", "/v1/rules", rule("lasting", "equals", { expires: 90 * 86_400 }));
    await agent.stop();

    const teller = await handmadeAgent(hub, "teller");
    const at = new Date().toISOString();
    const entries = Array.from({ length: count }, (_, n) => ({
      ...{ kind: "trigger", id: `01K${String(n + 1).padStart(23, "0")}`, at, sensor: null },
      trigger: "stream.number",
      payload: { number: n + 1, lasting: isLasting(n + 1), actions: [] },
    }));
    await teller.send(...entries);
    const statuses = async () => {
      const found = await hub.all<Execution>("/v1/executions?action=stream.append");
      return Map.groupBy(found, ({ status }) => status);
    };
    await waitUntil("all requests wait", async () => (await statuses()).get("scheduled")?.length === count);

    clock.set("+60d");
    agent.start();
    await agentReady(hub, "web-1", ["core", "stream"]);
    const ended = await waitUntil(
      "all to have ended",
      async () => {
        const now = await statuses();
        return ["scheduled", "running", "delayed"].every((status) => !now.has(status as never)) && now;
      },
      120_000,
    );
    const numbers = Array.from({ length: count }, (_, n) => n + 1);
    const lasting = numbers.filter(isLasting);
    const sorted = (some: readonly unknown[]) => some.map(Number).toSorted((a, b) => a - b);
    expect(sorted(ended.get("succeeded")?.map(({ parameters }) => parameters.number) ?? [])).toEqual(lasting);
    expect(sorted(stream.lines("append").map(({ number }) => number))).toEqual(lasting);
    // A hub that has given them up before the agent could say so calls them abandoned.
    const others = [...ended.values()].flat().filter(({ status }) => status !== "succeeded");
    expect(others).toHaveLength(count - lasting.length);
    for (const { status, reason } of others) {
      expect(["timeout expired", `abandoned ${awayReason}`]).toContain(`${status} ${reason}`);
    }
  },
);
