import { describe, expect, test } from "vitest";
import type { Execution } from "../../../shared/model/execution.ts";
import type { Enforcement } from "../../../shared/model/rule.ts";
import type { Evidence } from "../../chaos/evidence.ts";
import { broken } from "../../chaos/promises.ts";
import { anExecution, anInstance } from "../../support/records.ts";

const origin = { agent: "a1", host: "h", labels: {} };
const instance = (id: string, number: number, large = false) =>
  anInstance({ id, trigger: "chaos.number", payload: { number, large }, origin, status: "processed" });
const run = (id: string, action: string, instanceId: string, over: Partial<Execution> = {}) =>
  anExecution({
    id,
    action: `chaos.${action}`,
    agent: "a1",
    trigger_instance: instanceId,
    status: "succeeded",
    ...over,
  });
const enforcement = (id: string, rule: string, instanceId: string, execution: string): Enforcement => ({
  id,
  trigger_instance: instanceId,
  rule: `chaos.${rule}`,
  enforced_at: "",
  status: "succeeded",
  failure_reason: null,
  executions: [execution],
  shadow: false,
});

/** Two numbers of one agent, the second with a large result: everything as it should be. */
const well: Evidence = {
  agents: [
    {
      id: "a1",
      accepted: [1, 2],
      outbox: [
        {
          epoch: "E1",
          mark: 3,
          entries: [
            { n: 1, id: "i1", kind: "trigger", trigger: "chaos.number" },
            { n: 2, id: "i2", kind: "trigger", trigger: "chaos.number" },
            { n: 3, id: "u1", kind: "execution-update" },
            { n: 4, id: "s1", kind: "sensor-event" },
          ],
        },
      ],
      open: [],
      results: new Map(Object.entries({ x1: "succeeded", x3: "abandoned" })),
      down: 0,
    },
  ],
  instances: [instance("i1", 1), instance("i2", 2, true)],
  toldInstances: [
    anInstance({ id: "t1", trigger: "chaos.told", payload: { count: 4 }, status: "processed" }),
    anInstance({ id: "t2", trigger: "chaos.told", payload: { count: 5 }, status: "processed" }),
  ],
  noiseLeft: 3,
  enforcements: [
    enforcement("n1", "on_number_append", "i1", "x1"),
    enforcement("n2", "on_number_append_again", "i1", "x2"),
    enforcement("n3", "on_number_append", "i2", "x3"),
    enforcement("n4", "on_number_append_again", "i2", "x4"),
    enforcement("n5", "on_number_large", "i2", "x5"),
  ],
  executions: [
    run("x1", "append", "i1"),
    run("x2", "append_again", "i1"),
    run("x3", "append", "i2", { status: "abandoned", reason: "agent died" }),
    run("x4", "append_again", "i2"),
    run("x5", "large", "i2"),
    anExecution({ id: "x6", action: "chaos.weigh", status: "succeeded", result: { result: { length: 10 } } }),
  ],
  lines: new Map([
    ["append", new Map([["x1", 1]])],
    ["append_again", new Map(Object.entries({ x2: 1, x4: 2 }))],
    ["large", new Map([["x5", 1]])],
    ["weigh", new Map([["run-1", 1]])],
  ]),
  made: [{ execution: "x6", name: "run-1", length: 10, canceled: false }],
  told: [
    { count: 4, answered: "t1", again: "t1" },
    { count: 5, answered: null, again: "t2" },
  ],
  letters: [],
  retried: [],
  gaps: [],
  large: new Map([["x5", 150_000]]),
  orphans: [],
  memory: { hub: 100, agent: 90 },
};

const [agent] = well.agents;
const [epoch] = agent?.outbox ?? [];
if (agent === undefined || epoch === undefined) throw new Error("the evidence has no agent");
const withAgent = (over: Partial<typeof agent>): Evidence => ({ ...well, agents: [{ ...agent, ...over }] });
const without = <T extends { readonly id: string }>(items: readonly T[], id: string) =>
  items.filter((item) => item.id !== id);
const changed = (id: string, over: Partial<Execution>): Evidence => ({
  ...well,
  executions: well.executions.map((each) => (each.id === id ? { ...each, ...over } : each)),
});
const withLines = (action: string, counts: Readonly<Record<string, number>>): Evidence => ({
  ...well,
  lines: new Map([...well.lines, [action, new Map(Object.entries(counts))]]),
});

describe("held against the evidence, the promises", () => {
  test("are kept where nothing is wrong", () => expect(broken(well)).toEqual([]));

  test("are kept by a report that was set aside and tried again: how it ended stands beside the failure", () => {
    const failed = changed("x4", { status: "failed", late_result: { status: "succeeded", result: null } });
    expect(broken(failed)).toEqual([
      expect.stringContaining("idempotent and did not succeed: x4 chaos.append_again"),
    ]);
    const letter = {
      id: "d1",
      agent: "a1",
      received_at: "",
      code: "WIRE_PACKET",
      reason: "in intake during 3 crashes",
      entry: { kind: "execution-update", execution: "x4" },
    };
    expect(broken({ ...failed, retried: [letter] })).toEqual([]);
  });

  const cases: readonly [what: string, evidence: Evidence, finding: RegExp][] = [
    ["a lost trigger", withAgent({ accepted: [1, 2, 3] }), /accepted from the sensor and not on the hub: 3/],
    [
      "a trigger taken twice",
      { ...well, instances: [...well.instances, instance("i3", 2)] },
      /on the hub more than once: 2/,
    ],
    [
      "a hole in the history",
      { ...well, instances: without(well.instances, "i1") },
      /skipped in the history: 1/,
    ],
    [
      "what was told twice by one request",
      {
        ...well,
        toldInstances: [
          ...well.toldInstances,
          anInstance({ id: "t3", trigger: "chaos.told", payload: { count: 5 }, status: "processed" }),
        ],
      },
      /told by one request and there more than once: 5/,
    ],
    [
      "what was told and is lost",
      { ...well, toldInstances: without(well.toldInstances, "t1") },
      /not what the answer said: 4 \(answered t1, then t1, is undefined\)/,
    ],
    [
      "another answer to the same request",
      { ...well, told: [{ count: 4, answered: "t9", again: "t1" }, ...well.told.slice(1)] },
      /not what the answer said: 4/,
    ],
    ["what nobody asked to be told", { ...well, told: well.told.slice(0, 1) }, /told and never asked for: 5/],
    ["a changed order", { ...well, instances: well.instances.toReversed() }, /another order than epoch E1/],
    [
      "an undelivered entry",
      withAgent({ outbox: [{ ...epoch, mark: 2 }] }),
      /still in the outbox: execution-update u1/,
    ],
    ["an unsettled journal", withAgent({ open: ["x9"] }), /not settled in the journal: x9/],
    [
      "an ending that the hub has otherwise",
      withAgent({ results: new Map([["x3", "succeeded"]]) }),
      /ended otherwise than the hub has it: x3 on a1 succeeded, on the hub x3 chaos.append on a1 abandoned/,
    ],
    ["an unreceipted request", withAgent({ down: 2 }), /2 entries are still in its down ledger/],
    [
      "an entry that never came",
      { ...well, instances: without(well.instances, "i2") },
      /in an outbox and not on the hub: i2/,
    ],
    [
      "an instance from nowhere",
      withAgent({ outbox: [{ ...epoch, entries: epoch.entries.slice(1) }] }),
      /on the hub and in no outbox: i1/,
    ],
    [
      "an instance that was not judged",
      { ...well, instances: [instance("i1", 1), { ...instance("i2", 2, true), status: "pending" }] },
      /not processed: i2 pending/,
    ],
    [
      "a missing enforcement",
      { ...well, enforcements: without(well.enforcements, "n5") },
      /enforcements missing: i2 chaos.on_number_large/,
    ],
    [
      "a second execution",
      { ...well, executions: [...well.executions, run("x7", "append", "i1")] },
      /executions made twice: i1 chaos.append/,
    ],
    [
      "an execution nobody asked for",
      { ...well, executions: [...well.executions, run("x7", "large", "i1")] },
      /executions that nothing asked for: i1 chaos.large/,
    ],
    ["a second run", withLines("append", { x1: 2 }), /append: ran more than once: x1/],
    ["a success without a run", withLines("append", {}), /succeeded without having run once: x1/],
    ["a run of nothing known", withLines("append", { x1: 1, y: 1 }), /that the hub does not have: y/],
    [
      "an idempotent action that never ran",
      withLines("append_again", { x2: 1 }),
      /idempotent and never ran: x4/,
    ],
    [
      "an idempotent action given up",
      changed("x4", { status: "abandoned", reason: "agent died" }),
      /idempotent and did not succeed: x4/,
    ],
    ["a failure without a cause", changed("x1", { status: "failed" }), /neither succeeded nor abandoned: x1/],
    ["a large result that is lost", { ...well, large: new Map([["x5", null]]) }, /never came: x5/],
    ["a large result that is cut", { ...well, large: new Map([["x5", 9]]) }, /of another length: x5 9/],
    [
      "a forgotten run by hand",
      { ...well, executions: without(well.executions, "x6") },
      /not on the hub: x6/,
    ],
    ["a second run by hand", withLines("weigh", { "run-1": 2 }), /made by hand and ran 2 times/],
    ["parameters cut short", changed("x6", { result: { result: { length: 9 } } }), /length 9/],
    ["an open execution", changed("x6", { status: "running" }), /executions without an end: x6/],
    ["a silent loss", changed("x3", { reason: null }), /abandoned without a reason: x3/],
    [
      "a dead letter",
      {
        ...well,
        letters: [{ id: "l1", agent: "a1", received_at: "", code: "", reason: "odd", entry: null }],
      },
      /dead letters: l1 odd/,
    ],
    [
      "a gap",
      {
        ...well,
        gaps: [
          {
            id: "g",
            agent: "a1",
            direction: "up",
            epoch: "E1",
            from: 1,
            to: 2,
            reason: "lost",
            recorded_at: "",
          },
        ],
      },
      /gaps: a1 up E1 1-2 lost/,
    ],
    ["a process left behind", { ...well, orphans: ["77 sleep"] }, /processes left behind: 77 sleep/],
    ["a hub that grows", { ...well, memory: { hub: 900, agent: 1 } }, /the hub grew to 900 MiB/],
    ["an agent that grows", { ...well, memory: { hub: 1, agent: 900 } }, /an agent grew to 900 MiB/],
    ["a purge too far", { ...well, noiseLeft: 0 }, /the campaign's own mistake/],
  ];
  test.each(cases)("show %s", (_what, evidence, finding) => {
    expect(broken(evidence).join("\n")).toMatch(finding);
  });

  test("allow an order that an operator made by trying a dead letter again", () => {
    const letter = { id: "i1", agent: "a1", received_at: "", code: "", reason: "", entry: null };
    expect(broken({ ...well, instances: well.instances.toReversed(), retried: [letter] })).toEqual([]);
  });
});
