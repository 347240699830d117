import { expect, test } from "vitest";
import { LineBudget } from "../../../../agent/sensors/line-budget.ts";

test("a burst passes, then a steady rate, and what was left out is counted once", () => {
  const budget = new LineBudget({ perSecond: 10, burst: 5 });
  const verdicts = Array.from({ length: 8 }, () => budget.judge(0));
  expect(verdicts.filter(({ passes }) => passes).length).toBe(5);
  expect(budget.judge(50).passes).toBe(false);
  expect(budget.judge(100)).toEqual({ passes: true, skipped: 4 });
  expect(budget.judge(100).passes).toBe(false);
  expect(budget.judge(200)).toEqual({ passes: true, skipped: 1 });
});

test("a clock that steps back gives nothing and breaks nothing", () => {
  const budget = new LineBudget({ perSecond: 10, burst: 1 });
  expect(budget.judge(1_000).passes).toBe(true);
  expect(budget.judge(0).passes).toBe(false);
  expect(budget.judge(100).passes).toBe(true);
});
