/** What an agent's answer about an open execution leads to. */
import { describe, expect, test } from "vitest";
import { answered, OpenWork, unknownReason } from "../../../../hub/agents/open-work.ts";
import type { Json, JsonObject } from "../../../../shared/json.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { Execution } from "../../../../shared/model/execution.ts";
import { anExecution, noon } from "../../../support/records.ts";
import { testSealer } from "../../../support/test-sealer.ts";
import { waitUntil } from "../../../support/wait-until.ts";

const running = anExecution({ status: "running" });

describe("an open execution of which the agent says that it", () => {
  test("has ended, ends with the result that the agent kept", () => {
    const ended_at = new Date(noon - 1_000).toISOString();
    const answer = { phase: "settled", result: { status: "succeeded", result: { n: 1 }, ended_at } };
    expect(answered(running, answer, noon, 0, testSealer())).toMatchObject({
      status: "succeeded",
      result: { n: 1 },
      rev: running.rev + 1,
    });
  });

  test("is unknown, is abandoned with that reason", () => {
    expect(answered(running, { phase: "unknown" }, noon, 0, testSealer())).toMatchObject({
      status: "abandoned",
      reason: unknownReason,
    });
  });

  test.each([
    [{ status: "requested" }],
    [{ status: "constructor" }],
    [{ status: "succeeded", result_blob: { digest: "../../etc/passwd", size: 1 } }],
    [{ status: "succeeded", result_blob: "x" }],
    [{ status: "failed", reason: 5 }],
    [{ status: "succeeded", ended_at: "yesterday" }],
    [{ status: "succeeded", result: JSON.parse('{"__proto__": 1}') }],
  ])(
    "is a report that no entry could carry: %j, has failed with that reason and takes nothing of it",
    (result) => {
      const answer = { phase: "settled", result } as unknown as Json;
      const {
        status,
        reason,
        result_blob,
        result: kept,
      } = answered(running, answer, noon, 0, testSealer()) ?? running;
      expect({ status, result_blob, kept }).toEqual({ status: "failed", result_blob: null, kept: null });
      expect(reason).toMatch(/^WIRE_PACKET: /);
    },
  );

  test.each([[{ phase: "accepted" }], [{ phase: "started" }], [null], ["x"], [{ phase: "settled" }]])(
    "is %j, stays as it is",
    (answer) => expect(answered(running, answer as Json, noon, 0, testSealer())).toBeNull(),
  );
});

test("asks a while after the greeting, about what was sent and is not on its way", async () => {
  const later: (() => void)[] = [];
  const asked: JsonObject[] = [];
  const settled: Execution[] = [];
  const open = [
    anExecution({ id: "sent" }),
    anExecution({ id: "on-its-way" }),
    anExecution({ id: "waits", status: "delayed" }),
  ];
  const request = { n: 1, last: 1, size: 1, entry: { kind: "action-request", execution: "on-its-way" } };
  const work = new OpenWork({
    store: {
      openExecutions: async () => open,
      execution: async (id) => open.find((each) => each.id === id) ?? null,
      updateExecution: async (execution) => settled.push(execution) > 0,
      schedule: async () => {},
      downEpochs: async () => [{ id: "E", first: 1, last: 1 }],
      readDown: async () => [request as never],
    },
    ask: async (_agent, _op, args) => {
      asked.push(args);
      return { phase: "unknown" };
    },
    sealer: testSealer(),
    skewMs: () => 0,
    now: () => noon,
    timers: {
      after: (_ms, callback) => {
        later.push(callback);
        return () => {};
      },
    },
    log: silentLogger,
  });
  work.greeted("web-1");
  expect(asked).toEqual([]);
  later[0]?.();
  await waitUntil("it has asked", () => settled.length > 0);
  await work.close();
  expect(asked).toEqual([{ execution: "sent" }]);
  expect(settled.map(({ id, status }) => [id, status])).toEqual([["sent", "abandoned"]]);
});
