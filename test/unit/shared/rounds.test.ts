/** Rounds of work: none is lost between two of them, and a failure is not the end. */
import { expect, it } from "vitest";
import { Rounds } from "../../../shared/rounds.ts";
import { manualTime } from "../../support/manual-time.ts";

/** Rounds that end when they are told to. */
function heldRounds() {
  const time = manualTime();
  const open: { readonly end: () => void; readonly fail: (error: Error) => void }[] = [];
  const failures: unknown[] = [];
  let begun = 0;
  const rounds = new Rounds({
    timers: time.timers,
    jitter: () => 0.5,
    backoff: { firstMs: 100, mostMs: 1_000 },
    work: () => {
      begun++;
      return new Promise((end, fail) => open.push({ end, fail }));
    },
    failed: (error) => failures.push(error),
  });
  const settle = async (how: "end" | "fail" = "end") => {
    const round = open.shift();
    if (round === undefined) throw new Error("no round is under way");
    if (how === "end") round.end();
    else round.fail(new Error("refused"));
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { time, rounds, settle, failures, begun: () => begun, open };
}

it("however often it is asked for during a round, one more follows", async () => {
  const { rounds, settle, begun } = heldRounds();
  void rounds.ask();
  for (let i = 0; i < 5; i++) void rounds.ask();
  expect(begun()).toBe(1);
  await settle();
  expect(begun()).toBe(2);
  await settle();
  expect(begun()).toBe(2);
});

it("a wish that comes in any turn after the last look begins a round", async () => {
  for (let turns = 0; turns < 8; turns++) {
    const { rounds, begun, open } = heldRounds();
    void rounds.ask();
    open.shift()?.end();
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    void rounds.ask();
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun(), `after ${turns} turns`).toBe(2);
  }
});

it("the promise of a wish waits for the round that began after it", async () => {
  const { rounds, settle } = heldRounds();
  void rounds.ask();
  let isDone = false;
  void rounds.ask().then(() => {
    isDone = true;
  });
  await settle();
  expect(isDone).toBe(false);
  await settle();
  expect(isDone).toBe(true);
});

it("a round that failed is tried again later and later, and at once when it is asked for", async () => {
  const { time, rounds, settle, failures, begun } = heldRounds();
  void rounds.ask();
  await settle("fail");
  expect(failures).toEqual([new Error("refused")]);
  expect(time.pending()).toEqual([100]);
  time.advance(100);
  await settle("fail");
  expect(time.pending()).toEqual([200]);
  void rounds.ask();
  expect(begun()).toBe(3);
  expect(time.pending()).toEqual([]);
  await settle();
  void rounds.ask();
  await settle("fail");
  expect(time.pending()).toEqual([100]);
});

it("after stop no round begins, and stop waits for the one under way", async () => {
  const { time, rounds, settle, begun } = heldRounds();
  void rounds.ask();
  void rounds.ask();
  let isStopped = false;
  void rounds.stop().then(() => {
    isStopped = true;
  });
  await Promise.resolve();
  expect(isStopped).toBe(false);
  await settle("fail");
  expect(isStopped).toBe(true);
  await rounds.ask();
  time.advance(10_000);
  expect(begun()).toBe(1);
});
