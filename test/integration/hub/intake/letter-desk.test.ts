/** Dead letters on a real store: tried again, refused again, dropped. */
import { expect, test } from "vitest";
import { LetterDesk } from "../../../../hub/intake/letter-desk.ts";
import type { TakeContext } from "../../../../hub/intake/take-entries.ts";
import type { DeadLetter } from "../../../../hub/store/port/history.ts";
import type { Json } from "../../../../shared/json.ts";
import type { TriggerInstance } from "../../../../shared/model/trigger.ts";
import { anAgent, anExecution, anInstance } from "../../../support/records.ts";
import { idOf, startApi } from "../../../support/start-api.ts";

const at = "2026-01-31T12:00:00.000Z";
const trigger = { kind: "trigger", id: idOf(1), at, trigger: "mypack.seen", payload: { n: 1 }, sensor: null };

/** A desk on a real store with one letter in it. */
async function deskWith(entry: Json, changes: Partial<DeadLetter> = {}) {
  const { store } = await startApi();
  const claim = await store.claimAgent("hub-1", "web-1", 60_000, Date.now());
  if (claim === null) throw new Error("the agent is claimed by another hub");
  const letter: DeadLetter = {
    id: idOf(9),
    agent: "web-1",
    received_at: at,
    code: "WIRE_PACKET",
    reason: "r",
    entry,
    ...changes,
  };
  await store.takeIn({
    claim,
    epoch: "e",
    expectMark: 0,
    newMark: 1,
    effects: [{ type: "dead-letter", letter }],
  });
  const context = {
    agent: anAgent({ id: "web-1" }),
    nowMs: Date.parse(at),
    newId: () => idOf(50),
    execution: (id: string) => store.execution(id),
    count: () => {},
    expect: (instance: TriggerInstance) => instance,
    judge: async (instance) => ({
      instance: { ...instance, status: "processed", rule_set_version: 3 },
      enforcements: [],
      executions: [],
      dispatches: [],
    }),
  } satisfies Partial<TakeContext>;
  const desk = new LetterDesk({ store, context: async () => context as unknown as TakeContext });
  return { store, desk, letters: async () => (await store.deadLetters({ limit: 10 })).items };
}

test("a letter that is of use today is taken in as if it had just come, and is gone", async () => {
  const { store, desk, letters } = await deskWith(trigger);
  expect(await desk.retry(idOf(9))).toEqual({ id: idOf(9), done: [`trigger instance ${idOf(1)}`] });
  expect(await store.instance(idOf(1))).toMatchObject({ status: "processed", origin: { agent: "web-1" } });
  expect(await letters()).toEqual([]);
});

test("a letter whose trigger has come in the meantime makes no second one", async () => {
  const { store, desk, letters } = await deskWith(trigger);
  const instance = anInstance({ id: idOf(1), rule_set_version: 1 });
  await store.emit({ instance, enforcements: [], executions: [], dispatches: [] });
  expect(await desk.retry(idOf(9))).toMatchObject({ done: ["known already"] });
  expect(await store.instance(idOf(1))).toMatchObject({ rule_set_version: 1 });
  expect(await letters()).toEqual([]);
});

test.for<[what: string, entry: Json]>([
  ["of a kind nobody knows", { kind: "from-the-future", id: idOf(2), at }],
  ["that is not whole", { kind: "trigger" }],
  ["that is nothing", null],
])("a letter %s is refused, and stays", async ([_what, entry]) => {
  const { desk, letters } = await deskWith(entry);
  await expect(desk.retry(idOf(9))).rejects.toMatchObject({ code: "WIRE_PACKET" });
  expect(await letters()).toMatchObject([{ id: idOf(9) }]);
  await desk.drop(idOf(9));
  expect(await letters()).toEqual([]);
});

const lost = { what: "whole", code: "KEY_FILE", message: "datastore.key is missing" } as const;

test.each([
  ["how it ended", "running", "result"],
  ["what came late", "abandoned", "late_result"],
] as const)(
  "a letter that lost its secret result tells %s, and that the result is gone",
  async (_, status, field) => {
    const update = {
      kind: "execution-update",
      id: idOf(1),
      at,
      execution: idOf(3),
      status: "succeeded",
      secret: true,
    };
    const { store, desk, letters } = await deskWith(update, { left_out: [{ field: "result", ...lost }] });
    await store.createExecutions(
      [anExecution({ id: idOf(3), agent: "web-1", status, sealed: { output: {} } })],
      [],
    );
    expect(await desk.retry(idOf(9))).toMatchObject({ done: [`execution ${idOf(3)}`] });
    expect(await store.execution(idOf(3))).toMatchObject({
      status: status === "running" ? "succeeded" : status,
      sealed: { left_out: [{ field, ...lost }] },
    });
    expect(await letters()).toEqual([]);
  },
);
