/** The link's small decisions: what is taken, what is suspect, how long receipts are remembered, who drains next. */
import { describe, expect, test } from "vitest";
import { backoffMs, linkBackoff } from "../../../../shared/backoff.ts";
import { nextEpoch } from "../../../../shared/link/drain.ts";
import { intakeParts, suspectAtStart } from "../../../../shared/link/poison.ts";
import type { NumberedEntry } from "../../../../shared/link/ports.ts";
import { logReceipt, type ReceiptLog, receiptedBefore } from "../../../../shared/link/receipt-log.ts";
import { planTake } from "../../../../shared/link/take.ts";

const at = "2026-01-01T00:00:00Z";
const trigger = (n: number): NumberedEntry => ({
  n,
  last: n,
  size: 1,
  entry: { id: `i${n}`, at, kind: "trigger", trigger: "a.b", payload: null, sensor: null },
});
const voided = (n: number, last: number): NumberedEntry => ({
  n,
  last,
  size: 1,
  entry: { id: `v${n}`, at, kind: "void", from: n, to: last, reason: "" },
});
const packet = (...entries: NumberedEntry[]) => ({ first: entries[0]?.n ?? 0, entries });
const probe = (first: number) => ({ first, entries: [] });

describe("a take", () => {
  test.each([
    [
      "what follows the mark",
      0,
      [packet(trigger(1), trigger(2))],
      [
        [1, 1],
        [2, 2],
      ],
      false,
    ],
    ["nothing twice", 2, [packet(trigger(1), trigger(2))], [], false],
    ["the new part of a packet that overlaps", 1, [packet(trigger(1), trigger(2))], [[2, 2]], false],
    [
      "the rest of a void that overlaps",
      3,
      [packet(voided(2, 6), trigger(7))],
      [
        [4, 6],
        [7, 7],
      ],
      false,
    ],
    ["nothing behind a hole", 0, [packet(trigger(2))], [], true],
    ["what is before the hole", 0, [packet(trigger(1)), packet(trigger(3))], [[1, 1]], true],
    [
      "packets that came in another order",
      0,
      [packet(trigger(2)), packet(trigger(1))],
      [
        [1, 1],
        [2, 2],
      ],
      false,
    ],
    [
      "packets that came twice",
      0,
      [packet(trigger(1)), packet(trigger(1)), packet(trigger(2))],
      [
        [1, 1],
        [2, 2],
      ],
      false,
    ],
    ["nothing of a probe that has no news", 4, [probe(5)], [], false],
    ["a hole that a probe shows", 4, [probe(6)], [], true],
    ["no hole before a probe whose packets came along", 0, [packet(trigger(1)), probe(2)], [[1, 1]], false],
  ])("has %s", (_what, mark, packets, taken, hole) => {
    const plan = planTake(mark, packets);
    expect(plan.entries.map(({ n, last }) => [n, last])).toEqual(taken);
    expect(plan.hole).toBe(hole);
  });
});

describe("an entry in intake when the process died", () => {
  const entries = [trigger(1), trigger(2), trigger(3), trigger(4)];
  const parts = (crashes: number, from = 2, to = 3) =>
    intakeParts({ epoch: "e", from, to, crashes }, "e", entries).map((part) => [
      part.entries.map(({ n }) => n),
      part.crashes,
      part.dead,
    ]);
  test("once goes in with its companions, remembered apart from the others", () => {
    expect(parts(1)).toEqual([
      [[1], 0, false],
      [[2, 3], 1, false],
      [[4], 0, false],
    ]);
  });
  test("twice goes in alone", () => {
    expect(parts(2)).toEqual([
      [[1], 0, false],
      [[2], 2, false],
      [[3], 2, false],
      [[4], 0, false],
    ]);
  });
  test("three times, by then alone, goes to the dead letters", () => {
    expect(parts(3, 2, 2)).toEqual([
      [[1], 0, false],
      [[2], 3, true],
      [[3, 4], 0, false],
    ]);
  });
  test("is not suspected in another epoch, or when it was taken in after all", () => {
    expect(intakeParts({ epoch: "f", from: 1, to: 4, crashes: 3 }, "e", entries)).toHaveLength(1);
    expect(suspectAtStart({ epoch: "e", from: 1, to: 4, crashes: 0 }, 4)).toBe(null);
    expect(suspectAtStart({ epoch: "e", from: 1, to: 4, crashes: 0 }, 3)).toMatchObject({ crashes: 1 });
    expect(suspectAtStart(null, 0)).toBe(null);
  });
});

describe("the log of receipts", () => {
  const hour = 3_600_000;
  test("has a line per hour, however many receipts", () => {
    let log: ReceiptLog = [];
    for (let n = 1; n <= 1_000; n++) log = logReceipt(log, n, n * 10_000, 1);
    expect(log.length).toBeLessThan(5);
    expect(log.at(-1)?.[0]).toBe(1_000);
  });
  test("never lets an entry go before its time, and lets it go within the hour after", () => {
    const log = logReceipt(logReceipt([], 5, 10, 1), 9, 5 * hour, 1);
    expect(receiptedBefore(log, 24 * hour, 24 * hour)).toBe(0);
    expect(receiptedBefore(log, 25 * hour, 24 * hour)).toBe(5);
    expect(receiptedBefore(log, 28 * hour, 24 * hour)).toBe(5);
    expect(receiptedBefore(log, 30 * hour, 24 * hour)).toBe(9);
  });
  test("forgets lines of deleted entries", () => {
    expect(logReceipt([[5, hour]], 9, 5 * hour, 6)).toEqual([[9, 6 * hour]]);
  });
});

describe("who drains next", () => {
  const old = { id: "old", current: false };
  const mid = { id: "mid", current: false };
  const now = { id: "now", current: true };
  test.each([
    [[], null, null],
    [[now], "now", "now"],
    [[old, mid], "old", "old"],
    [[old, mid, now], null, "now"],
    [[old, mid, now], "now", "old"],
    [[old, mid, now], "old", "now"],
  ])("%j after %s", (waiting, last, next) => {
    expect(nextEpoch(waiting, last)).toBe(next);
  });
});

test("back-off doubles from one second to a minute, within a quarter either way", () => {
  const middle = [0, 1, 2, 3, 4, 5, 6, 7, 1_000].map((attempt) => backoffMs(linkBackoff, attempt, 0.5));
  expect(middle).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1_000));
  expect(backoffMs(linkBackoff, 0, 0)).toBe(750);
  expect(backoffMs(linkBackoff, 0, 0.999)).toBeLessThan(1_250);
});
