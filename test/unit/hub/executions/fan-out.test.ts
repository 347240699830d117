/** Who is next in a fan-out, and how it ends: a table, and runs of random ends. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Child,
  conclusionOf,
  nextAgents,
  progressOf,
  type RollOut,
  rolloutExecution,
} from "../../../../hub/executions/fan-out.ts";
import type { Execution, Status } from "../../../../shared/model/execution.ts";
import { aNewExecution } from "../../../support/records.ts";
import { testSealer } from "../../../support/test-sealer.ts";

const agents = ["a", "b", "c", "d"];

function parent(rollOut: RollOut, of: readonly string[] = agents): Execution {
  return rolloutExecution({ ...aNewExecution(), agents: of }, rollOut, testSealer());
}

const child = (status: Status, over: Partial<Child> = {}): Child => ({
  id: "x",
  status,
  attempt: 1,
  start_timestamp: null,
  reason: null,
  rev: 1,
  policies: undefined,
  ...over,
});
const children = (states: Readonly<Record<string, Status>>) =>
  new Map(Object.entries(states).map(([agent, status]) => [agent, child(status)]));

describe("next are", () => {
  it.for<[what: string, rollOut: RollOut, states: Record<string, Status>, next: string[]]>([
    ["all at once", {}, {}, ["a", "b", "c", "d"]],
    ["a batch", { batch: 2 }, {}, ["a", "b"]],
    ["nobody while the batch is full", { batch: 2 }, { a: "running", b: "scheduled" }, []],
    ["one for each that ends", { batch: 2 }, { a: "succeeded", b: "running" }, ["c"]],
    ["those after a failure too", { batch: 2 }, { a: "failed", b: "running" }, ["c"]],
    ["the canaries alone", { batch: 2, canary: 1 }, {}, ["a"]],
    ["nobody while a canary runs", { batch: 2, canary: 1 }, { a: "running" }, []],
    ["a batch after the canaries", { batch: 2, canary: 1 }, { a: "succeeded" }, ["b", "c"]],
    ["nobody after a canary that failed", { batch: 2, canary: 1 }, { a: "timeout" }, []],
    ["some while few enough fail", { batch: 1, max_failures: 1 }, { a: "failed" }, ["b"]],
    ["nobody when too many fail", { batch: 1, max_failures: 1 }, { a: "failed", b: "abandoned" }, []],
    ["nobody when all are there", { batch: 9 }, { a: "failed", b: "failed", c: "running", d: "delayed" }, []],
  ])("%s", ([, rollOut, states, next]) => {
    expect(nextAgents(parent(rollOut), children(states))).toEqual(next);
  });

  it("nobody while one that failed is tried again", () => {
    const retries = [{ policy: "p", on: "failure" as const, most: 1, delay: 0 }];
    const again = child("failed", { policies: { gates: [], retries } });
    const plan = parent({ batch: 1, max_failures: 0 });
    expect(nextAgents(plan, new Map([["a", again]]))).toEqual([]);
    expect(conclusionOf(plan, new Map([["a", again]]))).toBeNull();
  });
});

describe("the end", () => {
  it("does not wait for another attempt on an agent that is too old", () => {
    const retries = [{ policy: "p.again", on: "failure" as const, most: 3, delay: 0 }];
    const failed = { policies: { gates: [], retries } };
    const open = (reason: string) =>
      progressOf(new Map([["a", child("failed", { ...failed, reason })]])).open;
    expect([open("exit code 1"), open("AGENT_TOO_OLD: upgrade it")]).toEqual([1, 0]);
  });

  it.for<[rollOut: RollOut, states: Record<string, Status>, end: object | null]>([
    [{}, { a: "succeeded", b: "succeeded", c: "succeeded", d: "running" }, null],
    [{}, { a: "succeeded", b: "succeeded", c: "succeeded", d: "succeeded" }, { type: "succeed" }],
    [
      {},
      { a: "succeeded", b: "failed", c: "timeout", d: "canceled" },
      { type: "fail", reason: "3 of 4 did not succeed" },
    ],
    [
      { batch: 1, max_failures: 0 },
      { a: "succeeded", b: "failed" },
      { type: "fail", reason: "1 of 4 did not succeed; 2 not started: more than 0 failed" },
    ],
    [{ batch: 1 }, { a: "succeeded" }, null],
  ])("%o %o", ([rollOut, states, end]) => {
    const found = conclusionOf(parent(rollOut), children(states));
    if (end === null) expect(found).toBeNull();
    else expect(found).toMatchObject(end);
  });

  it("comes whatever the children do, with no more than a batch under way, and few failures too many", () => {
    const plan = fc.record(
      {
        batch: fc.integer({ min: 1, max: 5 }),
        canary: fc.integer({ min: 0, max: 3 }),
        max_failures: fc.integer({ min: 0, max: 5 }),
      },
      { requiredKeys: [] },
    );
    const ends = fc.array(fc.constantFrom<Status>("succeeded", "failed", "abandoned"), {
      minLength: 12,
      maxLength: 12,
    });
    fc.assert(
      fc.property(plan, ends, fc.integer({ min: 1, max: 12 }), (rollOut, statuses, count) => {
        const of = Array.from({ length: count }, (_, n) => `agent-${n}`);
        const whole = parent(rollOut, of);
        const all = new Map<string, Child>();
        let failed = 0;
        for (let turn = 0; turn < 100; turn++) {
          const next = nextAgents(whole, all);
          for (const agent of next) all.set(agent, child("running"));
          const open = [...all].filter(([, { status }]) => status === "running");
          const most = Math.max(rollOut.batch ?? count, rollOut.canary ?? 0);
          expect(open.length).toBeLessThanOrEqual(most);
          const end = conclusionOf(whole, all);
          if (end !== null) {
            expect(open).toEqual([]);
            if (end.type === "succeed") expect([failed, all.size]).toEqual([0, count]);
            if (rollOut.max_failures !== undefined)
              expect(failed).toBeLessThanOrEqual(rollOut.max_failures + most);
            return;
          }
          const [agent = ""] = open[0] ?? [];
          const status = statuses[of.indexOf(agent)] ?? "succeeded";
          if (status !== "succeeded") failed++;
          all.set(agent, child(status));
        }
        throw new Error("it never ended");
      }),
    );
  });
});
