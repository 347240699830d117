/** Fan-outs over a store that is a map: what happens while they read. */
import { expect, it } from "vitest";
import { childId, rolloutExecution } from "../../../../hub/executions/fan-out.ts";
import { FanOuts } from "../../../../hub/executions/fan-outs.ts";
import type { ChangeListener } from "../../../../hub/store/port/changes.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { Execution } from "../../../../shared/model/execution.ts";
import { manualTime } from "../../../support/manual-time.ts";
import { aNewExecution, anExecution, noon } from "../../../support/records.ts";
import { testSealer } from "../../../support/test-sealer.ts";

it("a child that ends while it is read is not taken for one that runs", async () => {
  const parent = rolloutExecution({ ...aNewExecution(), agents: ["web-1"] }, {}, testSealer());
  const id = childId(parent.id, "web-1");
  const child = anExecution({ id, parent: parent.id, status: "running", rev: 2 });
  const records = new Map<string, Execution>([
    [parent.id, parent],
    [id, child],
  ]);
  let tell: ChangeListener<"execution" | "reopened"> = () => {};
  let reads = 0;
  const time = manualTime(noon);
  const fanOuts = new FanOuts({
    sealer: testSealer(),
    store: {
      execution: async (asked) => {
        const found = records.get(asked) ?? null;
        if (asked === id && ++reads === 1) {
          const execution: Execution = { ...child, status: "succeeded", rev: 3 };
          records.set(id, execution);
          tell([{ type: "execution", execution }]);
        }
        return found;
      },
      openExecutions: async () => [parent],
      createExecutions: async () => {},
      updateExecution: async (execution) => {
        records.set(execution.id, execution);
        return true;
      },
      subscribeChanges: (listener: ChangeListener<"execution" | "reopened">) => {
        tell = listener;
        return () => {};
      },
    },
    catalogue: () => ({ actions: new Map() }),
    settled: async () => {},
    shrink: async (dispatches) => dispatches,
    cancel: async () => {},
    now: () => time.clock.now(),
    timers: time.timers,
    jitter: () => 0.5,
    log: silentLogger,
  });
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  await fanOuts.close();
  expect(records.get(parent.id)?.status).toBe("succeeded");
});
