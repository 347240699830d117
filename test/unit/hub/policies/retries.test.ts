/** What becomes of a retry whose action has gone meanwhile. */
import { expect, it } from "vitest";
import { retryOf } from "../../../../hub/policies/applied.ts";
import { retryWork } from "../../../../hub/policies/retries.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { Execution } from "../../../../shared/model/execution.ts";
import { anExecution } from "../../../support/records.ts";
import { testSealer } from "../../../support/test-sealer.ts";

it("an attempt that cannot be made is there, failed, and the last", async () => {
  const ended: Execution = {
    ...anExecution(),
    status: "failed",
    attempt: 1,
    parent: "01PARENT",
    policies: { gates: [], retries: [{ policy: "p.retry", on: "failure", most: 3, delay: 60 }] },
  };
  const made: Execution[] = [];
  const work = retryWork({
    store: {
      execution: async () => ended,
      createExecutions: async (executions) => void made.push(...executions),
    },
    catalogue: () => ({ actions: new Map() }),
    shrink: async (dispatches) => dispatches,
    sealer: testSealer(),
    now: () => 0,
    log: silentLogger,
  });
  await work({ execution: ended.id });
  expect(made).toMatchObject([
    {
      status: "failed",
      reason: "ACTION_UNKNOWN: the action is no longer registered",
      attempt: 2,
      rerun_of: ended.id,
      retried_by: "p.retry",
      parent: "01PARENT",
      rev: 1,
    },
  ]);
  expect(made[0] && retryOf(made[0])).toBeNull();
});
