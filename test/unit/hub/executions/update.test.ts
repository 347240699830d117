import { describe, expect, test } from "vitest";
import { resultBlobs } from "../../../../hub/executions/result-blobs.ts";
import { setAsideReason } from "../../../../hub/executions/set-aside-report.ts";
import { applyUpdate } from "../../../../hub/executions/update.ts";
import type { Execution } from "../../../../shared/model/execution.ts";
import type { ExecutionUpdateEntry } from "../../../../shared/wire/messages.ts";
import { anExecution, noon } from "../../../support/records.ts";

const update = (over: Partial<ExecutionUpdateEntry>): ExecutionUpdateEntry => ({
  kind: "execution-update",
  id: "01HQ000000000000000000000A",
  at: new Date(noon).toISOString(),
  execution: "01HQ0000000000000000000009",
  status: "succeeded",
  ...over,
});

describe("an agent's report", () => {
  test("moves the execution and brings its result", () => {
    const applied = applyUpdate(
      anExecution({ status: "running" }),
      update({ result: { stdout: "hi" } }),
      noon,
      0,
    );
    expect(applied).toMatchObject({
      changed: true,
      execution: { status: "succeeded", result: { stdout: "hi" }, rev: 2 },
    });
  });

  test("that comes twice changes nothing the second time", () => {
    const first = applyUpdate(anExecution({ status: "running" }), update({}), noon, 0);
    if (!first.changed) throw new Error("the first did not apply");
    expect(applyUpdate(first.execution, update({ result: 2 }), noon, 0)).toEqual({
      changed: false,
      reason: "succeed while succeeded",
      kind: "duplicate",
    });
  });

  test("of a large result after the execution was given up keeps its blob", () => {
    const blob = { digest: `sha256:${"a".repeat(64)}`, size: 200_000 };
    const applied = applyUpdate(anExecution({ status: "abandoned" }), update({ result_blob: blob }), noon, 0);
    if (!applied.changed) throw new Error("the late result was not kept");
    expect(applied.execution).toMatchObject({ result_blob: null, late_result: { result_blob: blob } });
    expect(resultBlobs(applied.execution)).toEqual([blob]);
  });

  test("that had been set aside and is tried again is kept beside the failure that stood for it", () => {
    const failed = anExecution({
      status: "failed",
      reason: setAsideReason("WIRE_PACKET", "in intake during 3 crashes"),
    });
    expect(applyUpdate(failed, update({ result: 1 }), noon, 0)).toMatchObject({
      changed: true,
      execution: { status: "failed", late_result: { status: "succeeded", result: 1 } },
    });
    const other = anExecution({ status: "failed", reason: "exit code 1" });
    expect(applyUpdate(other, update({ result: 1 }), noon, 0).changed).toBe(false);
  });

  test("of a result after the execution was given up is kept beside its status, once", () => {
    const late = applyUpdate(anExecution({ status: "abandoned" }), update({ result: 1 }), noon, 0);
    expect(late).toMatchObject({
      changed: true,
      execution: { status: "abandoned", late_result: { status: "succeeded", result: 1 } },
    });
    if (!late.changed) throw new Error("not kept");
    expect(applyUpdate(late.execution, update({ result: 2 }), noon, 0).changed).toBe(false);
  });

  test("has its times recorded by the hub's clock", () => {
    const tenMinutesAhead = 600_000;
    const applied = applyUpdate(
      anExecution(),
      update({ status: "running", started_at: new Date(noon + tenMinutesAhead).toISOString() }),
      noon + 5,
      tenMinutesAhead,
    );
    expect(applied).toMatchObject({
      changed: true,
      execution: { start_timestamp: new Date(noon).toISOString() },
    });
  });

  test("has times that fit, whatever became of the agent's clock since its hello", () => {
    const made = anExecution({ created_at: new Date(noon - 1_000).toISOString() });
    const twoDays = 2 * 86_400_000;
    for (const [off, expected] of [
      [twoDays, noon],
      [-twoDays, noon - 1_000],
    ] as const) {
      const started_at = new Date(noon + off).toISOString();
      expect(applyUpdate(made, update({ status: "running", started_at }), noon, 0)).toMatchObject({
        execution: { start_timestamp: new Date(expected).toISOString() },
      });
    }
  });

  test.each<[Partial<Execution>, Partial<ExecutionUpdateEntry>, string | null]>([
    [{}, { status: "failed", reason: "exit code 3" }, "exit code 3"],
    [{}, { status: "failed", result: { return_code: 3 } }, "exit code 3"],
    [{}, { status: "failed", result: { exit_code: -9 } }, "exit code -9"],
    [{}, { status: "failed", result: "odd" }, "failed"],
    [{}, { status: "timeout" }, "timed out"],
    [{}, { status: "canceled" }, "canceled"],
    [{}, { status: "abandoned" }, "abandoned"],
    [{}, { status: "succeeded" }, null],
    [{ status: "canceling", reason: "canceled by bo" }, { status: "canceled" }, "canceled by bo"],
    [
      { status: "canceling", reason: "canceled by bo" },
      { status: "failed", reason: "exit code 1" },
      "canceled by bo",
    ],
    [
      { status: "canceling", reason: "canceled by bo" },
      { status: "canceled", reason: "canceled by bo; some of its processes would not go" },
      "canceled by bo; some of its processes would not go",
    ],
  ])("of an end that is no success always has a reason: %j, %j", (before, entry, reason) => {
    const applied = applyUpdate(anExecution({ status: "running", ...before }), update(entry), noon, 0);
    expect(applied).toMatchObject({ changed: true, execution: { reason } });
  });

  test.each<[Execution["status"], Partial<ExecutionUpdateEntry>, readonly string[]]>([
    [
      "scheduled",
      { status: "succeeded", started_at: new Date(noon).toISOString() },
      ["running", "succeeded"],
    ],
    ["scheduled", { status: "failed", started_at: new Date(noon).toISOString() }, ["running", "failed"]],
    ["scheduled", { status: "running", started_at: new Date(noon).toISOString() }, ["running"]],
    // It was refused, or expired before its turn.
    ["scheduled", { status: "timeout" }, ["timeout"]],
    ["running", { status: "succeeded", started_at: new Date(noon).toISOString() }, ["succeeded"]],
    ["canceling", { status: "canceled", started_at: new Date(noon).toISOString() }, ["canceled"]],
  ])("to one that is %s, %j, says its start if nothing has said it before", (status, entry, said) => {
    const before = anExecution({ status, log: [] });
    const applied = applyUpdate(before, update(entry), noon, 0);
    if (!applied.changed) throw new Error("it did not apply");
    expect(applied.execution.log.map((line) => line.status)).toEqual(said);
    expect(applied.execution.rev).toBe(before.rev + 1);
  });

  test("of acceptance alone is counted and changes nothing", () => {
    expect(applyUpdate(anExecution(), update({ status: "accepted" }), noon, 0)).toEqual({
      changed: false,
      reason: "accepted",
      kind: null,
    });
  });
});
