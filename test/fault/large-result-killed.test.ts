/** A large result whose way is interrupted by the death of either end: what has arrived is not sent again. */
import { expect, test } from "vitest";
import type { Execution } from "../../shared/model/execution.ts";
import { agentReady, createAgent, createHub } from "../support/fleet.ts";
import { packsRunning, userOf } from "../support/fleet-user.ts";
import { meteredProxy } from "../support/metered-proxy.ts";
import { waitUntil } from "../support/wait-until.ts";

const MiB = 1024 * 1024;
const bytes = 12 * MiB;
/** As much passes before each death. */
const step = 5 * MiB;
/** On the wire ranges are base64 in JSON. */
const onTheWire = (bytes * 4) / 3;

test("a hub and an agent killed in the middle of a result of 12 MiB fetch and send only the rest of it", async () => {
  const hub = await createHub();
  await hub.start();
  const proxy = await meteredProxy(Number(new URL(hub.mqtt).port));
  const agent = await createAgent({ mqtt: `mqtt://127.0.0.1:${proxy.port}` }, "web-1");
  agent.start();
  await userOf(hub).says("pack", "register", `${packsRunning}/chain`);
  await agentReady(hub, "web-1", ["chain", "core"]);
  const before = proxy.passed();
  const held = async () => {
    const stop = proxy.passed() + step;
    proxy.allow(step);
    await waitUntil("half a result on the wire", () => proxy.passed() >= stop);
  };
  const body = { action: "chain.big", parameters: { bytes }, target: { host: "web-1" } };
  const { items } = await hub.api<{ items: Execution[] }>("POST", "/v1/executions", body);

  await held();
  await hub.kill();
  await hub.start();
  await held();
  await agent.kill();
  proxy.allow(Number.POSITIVE_INFINITY);
  agent.start();

  const whole = await waitUntil(
    "the whole result",
    async () => {
      const found = await hub.api<Execution>("GET", `/v1/executions/${items[0]?.id}`);
      return found.result !== null && found;
    },
    120_000,
    200,
  );
  const { text } = (whole.result as { result: { text: string } }).result;
  expect([text.length, text.at(0), text.at(-1)]).toEqual([bytes, "<", ">"]);
  // Four ranges are in flight at each death, and may be asked for again; so may what the hub had not written yet.
  const sent = proxy.passed() - before;
  expect(sent).toBeGreaterThan(onTheWire);
  expect(sent).toBeLessThan(onTheWire + 2 * MiB);
});
