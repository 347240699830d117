/** What a purge leaves alone although whoever asked for it thought that it may go. */
import { expect, test } from "vitest";
import { Batch } from "../../../../hub/store/draft.ts";
import { GenerationCache } from "../../../../hub/store/generation-cache.ts";
import { keys } from "../../../../hub/store/keys.ts";
import { purgeAlone } from "../../../../hub/store/purge.ts";
import { anExecution, noon } from "../../../support/records.ts";

test("an execution whose instance came in since it was looked at stays, and goes with its family", () => {
  const execution = anExecution({ id: "x1", status: "succeeded", trigger_instance: "i1" });
  const family = { place: null, pending: false, enforcements: [], executions: ["x1"] };
  const purged = (place: string | null) => {
    const batch = new Batch(new GenerationCache(0));
    batch.supply(keys.execution("x1"), JSON.stringify(execution));
    batch.supply(keys.family("i1"), JSON.stringify({ ...family, place }));
    batch.supply(keys.namedBy("x1"), undefined);
    return [batch.run((draft) => purgeAlone(draft, "x1", noon + 1_000)), batch.isEmpty];
  };
  expect(purged(null)).toEqual([
    { instances: 0, executions: 1, enforcements: 0, bytes: expect.any(Number) },
    false,
  ]);
  expect(purged("0001")).toEqual([null, true]);
});
