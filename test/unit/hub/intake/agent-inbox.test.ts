/** The hub's receiving end: what a take promises, and to whom it is told when. */
import { expect, test } from "vitest";
import { createAgentInbox } from "../../../../hub/intake/agent-inbox.ts";
import type { TakeIn, TakeInResult } from "../../../../hub/store/port/intake.ts";
import type { Store } from "../../../../hub/store/store.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import type { NumberedEntry } from "../../../../shared/link/ports.ts";
import type { TriggerInstance } from "../../../../shared/model/trigger.ts";
import type { UpEntry } from "../../../../shared/wire/messages.ts";
import { anAgent, anExecution, noon } from "../../../support/records.ts";
import { testSealer } from "../../../support/test-sealer.ts";

const claim = { agent: "web-1", hub: "hub-1", fence: 1, epoch: "down-1", until: noon };
const trigger = (n: number): NumberedEntry<UpEntry> => ({
  n,
  last: n,
  size: 1,
  entry: {
    id: `t${n}`,
    at: new Date(noon).toISOString(),
    kind: "trigger",
    trigger: "a.b",
    payload: null,
    sensor: null,
  },
});

const ended = anExecution({ status: "succeeded", agent: "web-1" });
const report = (n: number, status: "succeeded" | "failed" | "accepted"): NumberedEntry<UpEntry> => ({
  n,
  last: n,
  size: 1,
  entry: {
    id: `u${n}`,
    at: new Date(noon).toISOString(),
    kind: "execution-update",
    execution: ended.id,
    status,
  },
});

/** An inbox whose store answers as it is told to; `events` is what happened, in order. */
function inbox(answers: readonly (TakeInResult | Error)[]) {
  const events: string[] = [];
  const takes: TakeIn[] = [];
  const takeIn = async (take: TakeIn): Promise<TakeInResult> => {
    const answer = answers[takes.push(take) - 1];
    await new Promise((resolve) => setImmediate(resolve));
    if (answer === undefined || answer instanceof Error) throw answer ?? new Error("asked too often");
    events.push(answer.done ? "on disk" : answer.why);
    return answer;
  };
  const made = createAgentInbox({
    store: { takeIn, marks: async () => new Map() } as unknown as Store,
    claim: () => claim,
    lost: () => events.push("lost"),
    context: async (nowMs) => ({
      agent: anAgent(),
      nowMs,
      sealer: testSealer(),
      newId: () => "made",
      execution: async (id) => (id === ended.id ? ended : null),
      expect: (instance: TriggerInstance) => instance,
      judge: async (instance) => ({ instance, enforcements: [], executions: [], dispatches: [] }),
      count: () => {},
      lost: () => {},
      idleReport: () => {},
      lastSeq: async () => 0,
    }),
    now: () => noon,
    newId: () => "made",
    budget: {
      credit: () => ({ entries: 1, bytes: 1 }),
      room: { enter: () => true, leave: () => {} },
    },
    taken: (effects, idle) => events.push(["told of", effects.length, ...idle].join(" ")),
  });
  return { inbox: made, events, takes };
}

test("a take is told once it is on disk, and not before", async () => {
  const { inbox: made, events, takes } = inbox([{ done: true }]);
  expect(await made.take("E1", 4, [trigger(5), trigger(6)])).toEqual({ taken: true, upTo: 6 });
  expect(events).toEqual(["on disk", "told of 2"]);
  expect(takes).toMatchObject([{ claim, epoch: "E1", expectMark: 4, newMark: 6 }]);
});

test("a record that changed meanwhile has the take decided again, and it is told once", async () => {
  const conflict = { done: false, why: "conflict", id: "x" } as const;
  const { inbox: made, events } = inbox([conflict, conflict, { done: true }]);
  expect(await made.take("E1", 0, [trigger(1)])).toEqual({ taken: true, upTo: 1 });
  expect(events).toEqual(["conflict", "conflict", "on disk", "told of 1"]);
});

test("a mark that stands elsewhere takes nothing, and says where it stands", async () => {
  const { inbox: made, events } = inbox([{ done: false, why: "mark", mark: 9 }]);
  expect(await made.take("E1", 4, [trigger(5)])).toEqual({ taken: false, upTo: 9 });
  expect(events).toEqual(["mark"]);
});

test("an agent that another hub serves is given up, and nothing of it is promised", async () => {
  const { inbox: made, events } = inbox([{ done: false, why: "not-owner" }]);
  await expect(made.take("E1", 4, [trigger(5)])).rejects.toMatchObject({ code: "LINK_CLOSED" });
  expect(events).toEqual(["not-owner", "lost"]);
});

test("a batch that could not be written is told to nobody", async () => {
  const { inbox: made, events } = inbox([new PetrelError("STORE_WRITE", "a batch could not be written")]);
  await expect(made.take("E1", 4, [trigger(5)])).rejects.toMatchObject({ code: "STORE_WRITE" });
  expect(events).toEqual([]);
});

test("reports that change nothing are told once their take is on disk, however often it was decided", async () => {
  const conflict = { done: false, why: "conflict", id: "x" } as const;
  const { inbox: made, events } = inbox([conflict, { done: true }]);
  await made.take("E1", 0, [report(1, "succeeded"), report(2, "failed"), report(3, "accepted")]);
  expect(events).toEqual(["conflict", "on disk", "told of 0 duplicate late"]);
});
