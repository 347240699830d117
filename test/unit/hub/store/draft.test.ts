/** One batch in the making: what plans that fail have written is not in it, whatever they wrote over. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Batch, type Draft, NotLoaded } from "../../../../hub/store/draft.ts";
import { GenerationCache } from "../../../../hub/store/generation-cache.ts";
import type { Change } from "../../../../hub/store/port/changes.ts";
import type { StoreOp } from "../../../../shared/storage/committer-store.ts";

type Step =
  | { readonly does: "put" | "putLate"; readonly key: string; readonly value: number }
  | { readonly does: "remove" | "row" | "dropRow"; readonly key: string }
  | { readonly does: "tell"; readonly change: Change }
  | { readonly does: "apply"; readonly name: number };

interface Plan {
  readonly steps: readonly Step[];
  readonly ends: "well" | "refused" | "thrown" | "not loaded";
}

const key = fc.constantFrom("r/a", "r/b", "r/c");
const row = fc.constantFrom("es/a", "es/b");
const change = fc.constantFrom<Change>(
  { type: "down", agent: "web-1" },
  { type: "down", agent: "web-2" },
  { type: "rules", version: 2 },
);
const step = fc.oneof(
  fc.record({ does: fc.constantFrom("put" as const, "putLate" as const), key, value: fc.nat(9) }),
  fc.record({ does: fc.constant("remove" as const), key }),
  fc.record({ does: fc.constantFrom("row" as const, "dropRow" as const), key: row }),
  fc.record({ does: fc.constant("tell" as const), change }),
  fc.record({ does: fc.constant("apply" as const), name: fc.nat(9) }),
);
const plan = fc.record({
  steps: fc.array(step, { maxLength: 6 }),
  ends: fc.constantFrom<Plan["ends"]>("well", "refused", "thrown", "not loaded"),
});

const batchOf = () => new Batch(new GenerationCache(1_000));

function carryOut(draft: Draft, { steps, ends }: Plan, applied: number[]): string {
  for (const each of steps) {
    if (each.does === "put" || each.does === "putLate") draft[each.does](each.key, { n: each.value });
    else if (each.does === "tell") draft.change(each.change);
    else if (each.does === "apply") draft.whenCommitted(() => void applied.push(each.name));
    else draft[each.does](each.key);
  }
  if (ends === "thrown") throw new Error("a plan's own");
  if (ends === "not loaded") draft.get("e/elsewhere");
  return ends === "refused" ? draft.refuse("no") : "yes";
}

/** Runs all of `plans`, and answers what the batch is then. */
function outcomeOf(plans: readonly Plan[]) {
  const batch = batchOf();
  const applied: number[] = [];
  for (const each of plans) {
    try {
      batch.run((draft) => carryOut(draft, each, applied));
    } catch (error) {
      if (!(error instanceof NotLoaded) && (error as Error).message !== "a plan's own") throw error;
    }
  }
  const byKey = (a: StoreOp, b: StoreOp) => (a.key < b.key ? -1 : 1);
  const { changes, bytes, isEmpty } = batch;
  const ops = batch.operations().sort(byKey);
  batch.committed();
  return { ops, changes: [...changes], bytes, isEmpty, applied };
}

test("what plans that throw or refuse have done is as if they had not been", () => {
  fc.assert(
    fc.property(fc.array(plan, { maxLength: 8 }), (plans) => {
      expect(outcomeOf(plans)).toEqual(outcomeOf(plans.filter(({ ends }) => ends === "well")));
    }),
  );
});

test("a plan sees what those before it wrote, and itself, and nothing of those that failed", () => {
  const batch = batchOf();
  batch.supply("r/a", '{"n":1}');
  expect(() =>
    batch.run((draft) => {
      draft.put("r/a", { n: 2 });
      draft.remove("r/a");
      draft.get("r/b");
    }),
  ).toThrow(NotLoaded);
  expect(batch.run((draft) => draft.get("r/a"))).toEqual({ n: 1 });
  batch.run((draft) => draft.put("r/a", { n: 3 }));
  expect(
    batch.run((draft) => {
      draft.put("r/a", { n: 4 });
      return draft.refuse(draft.get("r/a"));
    }),
  ).toEqual({ n: 4 });
  expect(batch.run((draft) => draft.get("r/a"))).toEqual({ n: 3 });
  expect(batch.operations()).toEqual([{ type: "put", key: "r/a", value: '{"n":3}' }]);
});

test("of a record that plans put one over the other, JSON is made once: of the last, as the batch is written", () => {
  const cache = new GenerationCache(1_000);
  const batch = new Batch(cache);
  const spelt: number[] = [];
  const counted = (n: number) => ({
    n,
    toJSON: () => {
      spelt.push(n);
      return { n };
    },
  });
  for (const n of [1, 2, 3]) batch.run((draft) => draft.putLate("x/a", counted(n)));
  expect(batch.run((draft) => draft.get("x/a"))).toMatchObject({ n: 3 });
  batch.run((draft) => {
    draft.putLate("x/a", counted(4));
    draft.refuse("no");
  });
  expect([batch.isEmpty, spelt]).toEqual([false, []]);
  expect(batch.operations()).toEqual([{ type: "put", key: "x/a", value: '{"n":3}' }]);
  batch.committed();
  expect([cache.get("x/a")?.text, spelt]).toEqual(['{"n":3}', [3]]);
});
