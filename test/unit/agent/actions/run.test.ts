/** A run's clock, also of one that began under the agent before. */
import { expect, it } from "vitest";
import { Run } from "../../../../agent/actions/run.ts";
import { manualTime } from "../../../support/manual-time.ts";

function startedRun(...clock: Parameters<Run["startClock"]>) {
  const { clock: time, timers, advance } = manualTime();
  const run = new Run({ execution: "E", timers, monotonic: () => time.monotonic() });
  run.startClock(...clock);
  return { run, advance };
}

const clocks: readonly (readonly [string, Parameters<Run["startClock"]>, number])[] = [
  ["its own", [60], 60_000],
  ["what the agent before has left of it", [60, 37_667.72767600001], 37_667.72767600001],
];

it.each(clocks)("a run ends after %s, and says the whole timeout", (_, clock, leftMs) => {
  const { run, advance } = startedRun(...clock);
  expect(run.remainingMs).toBe(leftMs);
  advance(leftMs - 1);
  expect(run.stopReason).toBeNull();
  advance(1);
  expect(run.stopReason).toEqual({ kind: "timeout", seconds: 60 });
});
