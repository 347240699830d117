/** What an agent's entries lead to, decided without a store. */
import { describe, expect, test } from "vitest";
import { lastSeq } from "../../../../hub/files/baseline-anchors.ts";
import { type TakeContext, takeEntries } from "../../../../hub/intake/take-entries.ts";
import type { Outcome } from "../../../../hub/store/port/intake.ts";
import type { JsonObject } from "../../../../shared/json.ts";
import type { Execution } from "../../../../shared/model/execution.ts";
import type { ExecutionUpdateEntry, UpEntry } from "../../../../shared/wire/messages.ts";
import { anAgent, anExecution, noon } from "../../../support/records.ts";
import { testSealer } from "../../../support/test-sealer.ts";

const at = new Date(noon).toISOString();
const execution = anExecution();

function context(known: readonly Execution[] = [execution], counted: string[] = []): TakeContext {
  let next = 0;
  return {
    agent: anAgent({ rev: 4 }),
    nowMs: noon,
    sealer: testSealer(),
    newId: () => `made-${++next}`,
    execution: async (id) => known.find((each) => each.id === id) ?? null,
    expect: (instance) => instance,
    judge: async (instance) => ({
      instance: { ...instance, status: "processed" },
      enforcements: [],
      executions: [],
      dispatches: [],
    }),
    count: (what) => counted.push(what),
    lost: () => {},
    idleReport: () => {},
    lastSeq: async () => 0,
  };
}

const numbered = (...entries: readonly UpEntry[]) =>
  entries.map((entry, i) => ({ n: i + 1, last: i + 1, entry, size: 1 }));
const update = (over: Partial<ExecutionUpdateEntry>): ExecutionUpdateEntry => ({
  id: "u1",
  at,
  kind: "execution-update",
  execution: execution.id,
  status: "running",
  ...over,
});

describe("in a database that was restored from a backup", () => {
  const lost = "01K0000000ABCDEFGHJKMNPQRS";
  const remadeId = "01M0000000ABCDEFGHJKMNPQRS";
  const recovery = (over: Partial<NonNullable<TakeContext["recovery"]>> = {}) => ({
    restoredAtMs: noon,
    open: async () => [],
    family: async () => null,
    ...over,
  });
  const accepted = (over: Partial<ExecutionUpdateEntry> = {}) =>
    update({ execution: lost, status: "accepted", action: "core.local", trigger_instance: null, ...over });

  test("news of an execution go to the one that was made again for the same purpose", async () => {
    const remade = anExecution({ id: remadeId });
    const effects = await takeEntries(numbered(update({ execution: lost, status: "succeeded", result: 1 })), {
      ...context([]),
      recovery: recovery({ open: async () => [remade] }),
    });
    expect(effects).toMatchObject([
      { type: "execution", expectRev: 1, execution: { id: remadeId, status: "succeeded" } },
    ]);
  });

  test("also when its trigger comes in the same packet", async () => {
    const remade = anExecution({ id: remadeId, trigger_instance: "t1" });
    const trigger = { kind: "trigger", id: "t1", at, trigger: "a.b", payload: {}, sensor: null } as const;
    const given = context([]);
    const effects = await takeEntries(
      numbered(
        trigger,
        accepted({ trigger_instance: "t1" }),
        update({ execution: lost, status: "succeeded" }),
      ),
      {
        ...given,
        judge: async (instance, skewMs): Promise<Outcome> => {
          const outcome = await given.judge(instance, skewMs);
          return { ...outcome, executions: [remade] };
        },
        recovery: recovery(),
      },
    );
    expect(effects.map(({ type }) => type)).toEqual(["outcome", "execution"]);
  });

  test("one that nothing asks for again comes back as a record, with what is said of it next", async () => {
    const effects = await takeEntries(
      numbered(accepted(), update({ id: "u2", execution: lost, status: "succeeded", result: 7 })),
      { ...context([]), recovery: recovery() },
    );
    expect(effects).toMatchObject([
      { type: "recovered", execution: { id: lost, action: "core.local", status: "scheduled" } },
      { type: "execution", expectRev: 1, execution: { id: lost, status: "succeeded", result: 7 } },
    ]);
  });

  test("also when all that is heard of it is how it ended as it was taken up", async () => {
    const ended = accepted({ status: "succeeded", result: 7, started_at: at, ended_at: at });
    const effects = await takeEntries(numbered(ended), { ...context([]), recovery: recovery() });
    expect(effects).toMatchObject([
      { type: "recovered", execution: { id: lost, action: "core.local", status: "scheduled", rev: 1 } },
      { type: "execution", expectRev: 1, execution: { status: "succeeded", result: 7, rev: 2 } },
    ]);
    const [, { execution }] = effects as [unknown, { execution: Execution }];
    expect(execution.log.map(({ status }) => status)).toEqual(["scheduled", "running", "succeeded"]);
  });

  test("not how one ended of which only that is known", async () => {
    const counted: string[] = [];
    const ended = update({ execution: lost, status: "succeeded", result: 7, started_at: at });
    expect(await takeEntries(numbered(ended), { ...context([], counted), recovery: recovery() })).toEqual([]);
    expect(counted).toHaveLength(1);
  });

  const families: readonly (readonly [string, readonly Execution[] | null])[] = [
    ["has not come back yet", null],
    ["has made it again, and that has ended", [anExecution({ id: remadeId, status: "succeeded" })]],
  ];
  test.each(families)("one whose trigger %s is counted only", async (_, family) => {
    const counted: string[] = [];
    const entries = numbered(accepted({ trigger_instance: "t1" }));
    const given = { ...context([], counted), recovery: recovery({ family: async () => family }) };
    expect(await takeEntries(entries, given)).toEqual([]);
    expect(counted).toHaveLength(1);
  });

  test("one that was made after the restore, by nobody here, is a dead letter as ever", async () => {
    const given = { ...context([]), recovery: recovery({ restoredAtMs: 0 }) };
    expect(await takeEntries(numbered(accepted()), given)).toMatchObject([{ type: "dead-letter" }]);
  });
});

describe("taking entries", () => {
  test.each([
    ["by the hub's clock, when the agent knows it", at, false],
    ["an hour ago by the hub's clock", new Date(noon - 3_600_000).toISOString(), true],
    ["by the agent's clock alone", undefined, true],
  ])("a trigger's lateness is judged %s", async (_, hub_at, late) => {
    // Its clock was set back two days after its hello.
    const occurred = new Date(noon - 2 * 86_400_000).toISOString();
    const trigger = {
      kind: "trigger",
      id: "t1",
      at: occurred,
      trigger: "a.b",
      payload: {},
      sensor: null,
    } as const;
    const [effect] = await takeEntries(
      numbered({ ...trigger, ...(hub_at !== undefined && { hub_at }) }),
      context(),
    );
    expect(effect).toMatchObject({ outcome: { instance: { late, occurrence_time: occurred } } });
  });

  test("several reports of one execution make one record, one revision on", async () => {
    const entries = numbered(update({}), update({ id: "u2", status: "succeeded", result: 1 }));
    const effects = await takeEntries(entries, context());
    expect(effects).toMatchObject([
      { type: "execution", expectRev: 1, execution: { rev: 2, status: "succeeded", result: 1 } },
    ]);
  });

  test("a large result is put down for fetching in the same batch, once", async () => {
    const result_blob = { digest: `sha256:${"a".repeat(64)}`, size: 500_000 };
    const [first, job, ...rest] = await takeEntries(
      numbered(update({ status: "succeeded", result_blob })),
      context(),
    );
    expect(rest).toEqual([]);
    expect(job).toMatchObject({
      type: "job",
      job: {
        kind: "fetch-result",
        dueAt: noon,
        data: { execution: execution.id, agent: "web-1", ...result_blob },
      },
    });
    if (first?.type !== "execution") throw new Error("no execution");
    const again = await takeEntries(
      numbered(update({ status: "succeeded", result_blob })),
      context([first.execution]),
    );
    expect(again).toEqual([]);
  });

  test("a report about another agent's execution is a dead letter", async () => {
    const effects = await takeEntries(numbered(update({})), context([anExecution({ agent: "web-2" })]));
    expect(effects).toMatchObject([{ type: "dead-letter", letter: { code: "NOT_FOUND", agent: "web-1" } }]);
  });

  test("an inventory changes the agent's record once, and triggers behind it carry the new labels", async () => {
    const inventory: UpEntry = {
      id: "i1",
      at,
      kind: "inventory",
      host: "web-1.new",
      version: "2",
      platform: "linux",
      labels: { role: "db" },
      runners: ["noop"],
      packs: {},
    };
    const trigger: UpEntry = { id: "t1", at, kind: "trigger", trigger: "a.b", payload: null, sensor: null };
    const effects = await takeEntries(numbered(inventory, trigger, { ...inventory, id: "i2" }), context());
    expect(effects).toMatchObject([
      { type: "outcome", outcome: { instance: { origin: { host: "web-1.new", labels: { role: "db" } } } } },
      { type: "agent", expectRev: 4, agent: { rev: 5, labels: { role: "db" } } },
    ]);
  });

  test("an inventory says which policy its host has, or, of an older agent, nothing", async () => {
    const inventory = (over: object): UpEntry => ({
      ...{ id: "i1", at, kind: "inventory", host: "h", version: "2", platform: "linux" },
      ...{ labels: {}, runners: [], packs: {}, ...over },
    });
    const told = async (...entries: readonly UpEntry[]) =>
      (await takeEntries(numbered(...entries), context())).find(({ type }) => type === "agent");
    const named = inventory({ policy: "sha256:1" });
    expect(await told(named)).toMatchObject({ agent: { policy: "sha256:1" } });
    expect(await told(named, inventory({ policy: null }))).toMatchObject({ agent: { policy: null } });
    expect(await told(named, inventory({}))).not.toHaveProperty("agent.policy");
  });

  test("an inventory says which format its database has, or, of an older agent, nothing", async () => {
    const inventory = (over: object): UpEntry => ({
      ...{ id: "i1", at, kind: "inventory", host: "h", version: "2", platform: "linux" },
      ...{ labels: {}, runners: [], packs: {}, ...over },
    });
    const told = async (...entries: readonly UpEntry[]) =>
      (await takeEntries(numbered(...entries), context())).find(({ type }) => type === "agent");
    expect(await told(inventory({ store_format: 2 }))).toMatchObject({ agent: { store_format: 2 } });
    const back = await told(inventory({ store_format: 2 }), inventory({}));
    expect(back).not.toHaveProperty("agent.store_format");
  });

  test("an entry of a kind that this hub does not know is a dead letter, and the next is taken", async () => {
    const unknown = { id: "x1", at, kind: "weather", sunny: true } as unknown as UpEntry;
    const effects = await takeEntries(numbered(unknown, update({})), context());
    expect(effects.map(({ type }) => type)).toEqual(["dead-letter", "execution"]);
  });
});

test("what was expected is known before rules judge, with the offset that the agent's clock had at the time", async () => {
  const entry = (over: object) =>
    ({
      kind: "trigger",
      id: "t1",
      at,
      trigger: "watch.file_changed",
      payload: {},
      sensor: null,
      ...over,
    }) as const;
  const asked: [string, number][] = [];
  const judged: unknown[] = [];
  const given = context();
  const hourBefore = new Date(noon - 3_600_000).toISOString();
  await takeEntries(numbered(entry({ hub_at: hourBefore }), entry({ id: "t2" })), {
    ...given,
    agent: anAgent({ skew_ms: 5_000 }),
    expect: (instance, skewMs) => {
      asked.push([instance.id, skewMs]);
      return { ...instance, payload: { expected: { id: "W1" } } };
    },
    judge: (instance, skewMs) => {
      judged.push(instance.payload);
      return given.judge(instance, skewMs);
    },
  });
  expect(asked).toEqual([
    ["t1", 3_600_000],
    ["t2", 5_000],
  ]);
  expect(judged).toEqual([{ expected: { id: "W1" } }, { expected: { id: "W1" } }]);
});

describe("what is told of a baseline", () => {
  const anchor = (generation: number, id = "t1", more: JsonObject = {}): UpEntry => ({
    ...{ kind: "trigger", id, at, trigger: "watch.baseline_anchor", sensor: null },
    payload: { generation, count: 3, digest: "ab".repeat(32), sweep: 1, at, ...more },
  });
  const triggers = (effects: Awaited<ReturnType<typeof takeEntries>>) =>
    effects.flatMap((effect) => (effect.type === "outcome" ? [effect.outcome.instance.trigger] : []));

  test("is remembered, and what follows it is nothing to tell", async () => {
    const effects = await takeEntries(numbered(anchor(5), anchor(6, "t2")), context());
    expect(triggers(effects)).toEqual(["watch.baseline_anchor", "watch.baseline_anchor"]);
    expect(effects.at(-1)).toMatchObject({ type: "agent", agent: { baseline: { generation: 6, count: 3 } } });
  });

  test.each([[5], [6]])("is told as set back when it is generation %i after 6", async (generation) => {
    const known = { generation: 6, count: 4, digest: "cd".repeat(32), sweep: 1 };
    const effects = await takeEntries(numbered(anchor(generation)), {
      ...context(),
      agent: anAgent({ baseline: known }),
    });
    expect(triggers(effects)).toEqual(["watch.baseline_anchor", "watch.baseline_tampered"]);
    expect(effects[1]).toMatchObject({
      outcome: { instance: { id: "made-1", payload: { cause: "rolled-back" } } },
    });
  });

  test.each([
    ["knows of fewer changes than it had told", { told: 7 }, 8, true],
    ["knows of as many", { told: 8 }, 8, false],
    ["is of an older version", {}, 8, false],
    ["has told nothing that is still known", { told: 0 }, 0, false],
  ])("and %s: told as set back or not, whatever its generation says", async (_, more, last, isFound) => {
    const known = { generation: 6, count: 4, digest: "cd".repeat(32), sweep: 1 };
    const effects = await takeEntries(numbered(anchor(9, "t1", more)), {
      ...context(),
      agent: anAgent({ baseline: known }),
      lastSeq: async () => last,
    });
    expect(triggers(effects).includes("watch.baseline_tampered")).toBe(isFound);
    expect(effects.at(-1)).toMatchObject({ type: "agent", agent: { baseline: { generation: 9, ...more } } });
  });

  test("is compared with the greatest number among changes in any order", () => {
    expect(lastSeq([{ seq: 3 }, { seq: 9 }, { seq: 4 }, {}, null, { seq: -1 }, { seq: "12" }])).toBe(9);
    expect(lastSeq([])).toBe(0);
  });

  test("and makes no sense is kept, and nothing concluded from it", async () => {
    const wrong = { ...anchor(5), payload: { generation: -1, count: 3, digest: "", sweep: 1 } } as UpEntry;
    const effects = await takeEntries(numbered(wrong), context());
    expect(effects.map(({ type }) => type)).toEqual(["outcome"]);
  });
});
