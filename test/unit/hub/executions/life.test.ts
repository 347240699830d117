import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type EventType, isFinal, nextStatus, step } from "../../../../hub/executions/life.ts";
import { type Status, statuses } from "../../../../shared/model/execution.ts";
import { anExecution, noon } from "../../../support/records.ts";

const events: readonly EventType[] = [
  "delay",
  "schedule",
  "start",
  "succeed",
  "fail",
  "expire",
  "cancel",
  "stopped",
  "lose",
  "pause",
  "paused",
  "resume",
  "wait",
  "answer",
];

describe("the life of an execution", () => {
  test.each<[Status, EventType, Status | null]>([
    ["requested", "schedule", "scheduled"],
    ["requested", "cancel", "canceled"],
    ["delayed", "schedule", "scheduled"],
    ["scheduled", "start", "running"],
    ["scheduled", "expire", "timeout"],
    ["scheduled", "cancel", "canceling"],
    ["running", "succeed", "succeeded"],
    ["running", "fail", "failed"],
    ["running", "expire", "timeout"],
    ["running", "lose", "abandoned"],
    ["running", "start", "running"],
    ["canceling", "fail", "canceled"],
    ["canceling", "stopped", "canceled"],
    ["pausing", "paused", "paused"],
    ["paused", "resume", "resuming"],
    ["resuming", "start", "running"],
    ["succeeded", "fail", null],
    ["canceled", "succeed", null],
    ["abandoned", "succeed", null],
    ["requested", "succeed", null],
  ])("%s by %s becomes %s", (from, event, to) => {
    expect(nextStatus(from, event)).toBe(to);
  });

  test("exactly the five statuses of StackStorm that complete are final", () => {
    expect(statuses.filter(isFinal).sort()).toEqual([
      "abandoned",
      "canceled",
      "failed",
      "succeeded",
      "timeout",
    ]);
  });

  test("no sequence of events leaves a final status, and each move is logged with its time", async () => {
    await fc.assert(
      fc.property(fc.constantFrom(...statuses), fc.array(fc.constantFrom(...events)), (start, sequence) => {
        let execution = anExecution({ status: start, log: [] });
        let moves = 0;
        for (const type of sequence) {
          const wasFinal = isFinal(execution.status);
          const stepped = step(execution, { type, at: noon + moves });
          if (!stepped.moved) continue;
          expect(wasFinal).toBe(false);
          moves += 1;
          execution = stepped.execution;
          expect(execution.log.at(-1)?.status).toBe(execution.status);
          expect(execution.end_timestamp !== null).toBe(isFinal(execution.status));
        }
        expect(execution.log).toHaveLength(moves);
        expect(execution.rev).toBe(1 + moves);
      }),
    );
  });
});
