/** Questions and answers beside the ledgers. */
import { expect, test } from "vitest";
import { PetrelError } from "../../../../shared/errors.ts";
import { type AnswerBody, Answerer, type AskBody, Asker } from "../../../../shared/link/ask.ts";
import { manualTime } from "../../../support/manual-time.ts";

function asker() {
  const time = manualTime();
  const sent: AskBody[] = [];
  let made = 0;
  const asking = new Asker({ ...time, newId: () => `q${++made}`, send: (ask) => sent.push(ask) });
  const answer = (id: string, more: Partial<AnswerBody>) =>
    asking.answer({ v: 1, from: "hub", auth: null, id, ...more });
  return { asking, sent, answer, time };
}

test("four questions are under way, the others wait their turn", async () => {
  const { asking, sent, answer } = asker();
  asking.connected();
  const answers = Array.from({ length: 6 }, (_, i) => asking.ask("op", { i }, 1_000));
  expect(sent.map(({ id }) => id)).toEqual(["q1", "q2", "q3", "q4"]);
  answer("q2", { value: "two" });
  expect(await answers[1]).toBe("two");
  expect(sent.map(({ id }) => id)).toEqual(["q1", "q2", "q3", "q4", "q5"]);
});

test("without an answer in time it is ASK_TIMEOUT, and a late answer is ignored", async () => {
  const { asking, answer, time } = asker();
  asking.connected();
  const asked = asking.ask("op", {}, 1_000);
  time.advance(1_000);
  await expect(asked).rejects.toMatchObject({ code: "ASK_TIMEOUT" });
  answer("q1", { value: 1 });
});

test("the deadline counts for a question that waits its turn", async () => {
  const { asking, sent, time } = asker();
  const asked = asking.ask("op", {}, 1_000);
  time.advance(1_000);
  await expect(asked).rejects.toMatchObject({ code: "ASK_TIMEOUT" });
  asking.connected();
  expect(sent).toEqual([]);
});

test("a new connection brings open questions again, with the time that is left", async () => {
  const { asking, sent, answer, time } = asker();
  asking.connected();
  const asked = asking.ask("op", {}, 1_000);
  asking.disconnected();
  time.advance(400);
  asking.connected();
  expect(sent.map(({ id, within }) => [id, within])).toEqual([
    ["q1", 1_000],
    ["q1", 600],
  ]);
  answer("q1", { value: true });
  expect(await asked).toBe(true);
});

test("the peer's error comes back with its code, one unknown here as INTERNAL", async () => {
  const { asking, answer } = asker();
  asking.connected();
  const [known, unknown] = [asking.ask("op", {}, 1_000), asking.ask("op", {}, 1_000)];
  answer("q1", { error: { code: "BLOB_MISSING", message: "m" } });
  answer("q2", { error: { code: "toString", message: "m" } });
  await expect(known).rejects.toMatchObject({ code: "BLOB_MISSING", message: "m" });
  await expect(unknown).rejects.toMatchObject({ code: "INTERNAL" });
});

test("closing ends every question, and takes no more", async () => {
  const { asking, time } = asker();
  const asked = asking.ask("op", {}, 1_000);
  asking.close();
  await expect(asked).rejects.toMatchObject({ code: "LINK_CLOSED" });
  await expect(asking.ask("op", {}, 1_000)).rejects.toMatchObject({ code: "LINK_CLOSED" });
  expect(time.pending()).toEqual([]);
});

function answerer() {
  const time = manualTime();
  const sent: AnswerBody[] = [];
  const open: (() => void)[] = [];
  const answering = new Answerer({
    ...time,
    send: (answer) => sent.push(answer),
    responders: {
      double: async ({ n }) => Number(n) * 2,
      much: async () => "ü".repeat(200_000),
      refuse: async () => {
        throw new PetrelError("BLOB_MISSING", "none");
      },
      wait: () => new Promise((resolve) => open.push(() => resolve(null))),
    },
  });
  const ask = (id: string, op: string, args = {}) => answering.answer({ id, op, args, within: 1_000 });
  return { ask, sent, open, time };
}

test("a question is answered with a value, an error, or as unknown", async () => {
  const { ask, sent } = answerer();
  await ask("a", "double", { n: 4 });
  await ask("b", "refuse");
  await ask("c", "nonsense");
  await ask("d", "toString");
  expect(sent).toEqual([
    { id: "a", value: 8 },
    { id: "b", error: { code: "BLOB_MISSING", message: "none" } },
    { id: "c", error: { code: "ASK_UNKNOWN", message: "no question is called nonsense" } },
    { id: "d", error: { code: "ASK_UNKNOWN", message: "no question is called toString" } },
  ]);
});

test("a question that comes twice while it is worked on is worked on once", async () => {
  const { ask, sent, open } = answerer();
  const both = [ask("a", "wait"), ask("a", "wait")];
  expect(open).toHaveLength(1);
  open[0]?.();
  await Promise.all(both);
  expect(sent).toHaveLength(1);
});

test("a flood of questions is worked on sixteen at a time, and not at all beyond", async () => {
  const { ask, sent, open } = answerer();
  const asked = Array.from({ length: 100 }, (_, i) => ask(`q${i}`, "wait"));
  expect(open).toHaveLength(16);
  for (const answer of open) answer();
  await Promise.all(asked);
  expect(sent).toHaveLength(16);
});

test("an answer after the deadline is not sent", async () => {
  const { ask, sent, open, time } = answerer();
  const asked = ask("a", "wait");
  time.advance(1_001);
  open[0]?.();
  await asked;
  expect(sent).toEqual([]);
});

test("what no packet can carry is refused at once, instead of waited for in vain", async () => {
  const { asking, sent } = asker();
  asking.connected();
  const much = { text: "\u0001".repeat(50_000) };
  await expect(asking.ask("op", much, 1_000)).rejects.toMatchObject({ code: "WIRE_TOO_LARGE" });
  expect(sent).toEqual([]);
  const answering = answerer();
  await answering.ask("a", "much");
  expect(answering.sent).toEqual([
    { id: "a", error: { code: "WIRE_TOO_LARGE", message: expect.any(String) } },
  ]);
});
