/** What a hub notes of an agent that has seen newer keys of it than its own. */
import { expect, test } from "vitest";
import { openAgentRegistry } from "../../../../hub/agents/agent-registry.ts";
import { createGreeter } from "../../../../hub/agents/greeting.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { systemJitter, systemTimers } from "../../../../shared/system-process.ts";
import { failingStore } from "../../../support/failing-store.ts";
import { anAgent } from "../../../support/records.ts";

test("is said once, however often the agent says hello, and nothing of keys that are not newer", async () => {
  const { store } = await failingStore();
  await store.putAgent(anAgent({ id: "web-1" }), null);
  const said: unknown[] = [];
  const log = {
    ...silentLogger,
    error: (message: string, fields: object = {}) => void said.push({ message, ...fields }),
  };
  const registry = await openAgentRegistry({ store, timers: systemTimers, jitter: systemJitter, log });
  const conflicts = { greeted: async () => {} };
  const greet = createGreeter({ store, registry, conflicts, now: Date.now, log });
  for (const serial of [5, 4, 7, 7, 7]) await greet.keysSeen("web-1", serial, { serial: 5 });
  expect(said).toMatchObject([{ agent: "web-1", seen: 7, offered: 5 }]);
  expect(await store.agent("web-1")).toMatchObject({ hub_keys_serial: 7 });
  const rev = async () => (await store.agent("web-1"))?.rev;
  const before = await rev();
  // Lower ones and higher ones in turn, as no agent of ours says them.
  for (const serial of [6, 7, 6, 7, 6]) await greet.keysSeen("web-1", serial, { serial: 5 });
  expect([await rev(), said.length]).toEqual([before, 1]);
  // A flood, rising: what comes while one is written is written once, and it is no news that the hub is refused.
  await Promise.all(Array.from({ length: 100 }, (_, n) => greet.keysSeen("web-1", 8 + n, { serial: 5 })));
  expect(await store.agent("web-1")).toMatchObject({ hub_keys_serial: 107, rev: (before ?? 0) + 2 });
  expect(said.length).toBe(1);
  // Whoever is no agent any more is made none by its hello.
  await greet.keysSeen("gone", 7, { serial: 5 });
  expect(await store.agent("gone")).toBeNull();
  await registry.close();
});
