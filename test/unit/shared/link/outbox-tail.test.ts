/** The newest entries in memory: what is there is right, and bounded, however it got there. */
import { expect, test } from "vitest";
import { OutboxTail } from "../../../../shared/link/outbox-tail.ts";
import type { NumberedEntry } from "../../../../shared/link/ports.ts";
import type { UpEntry } from "../../../../shared/wire/messages.ts";

const entry = (n: number, size: number): NumberedEntry<UpEntry> => ({
  n,
  last: n,
  entry: { id: `${n}`, at: "", kind: "void", from: n, to: n, reason: "" },
  size,
});

/** Pushes `count` entries of `size` bytes, `atOnce` each time; `check` sees every step. */
function fill(
  count: number,
  size: number,
  atOnce: number,
  check: (tail: OutboxTail, newest: number) => void,
) {
  const tail = new OutboxTail();
  for (let n = 1; n <= count; n += atOnce) {
    const entries = Array.from({ length: atOnce }, (_, i) => entry(n + i, size));
    const newest = n + atOnce - 1;
    tail.push(entries, newest * size);
    check(tail, newest);
  }
}

const held = (tail: OutboxTail, newest: number) => {
  let oldest = newest;
  while (tail.has(oldest - 1)) oldest--;
  return newest - oldest + 1;
};

test("at most 2,048 entries are held, the newest of them, and most of that many once there were", () => {
  fill(6_000, 10, 3, (tail, newest) => {
    expect(tail.has(newest)).toBe(true);
    expect(tail.has(newest + 1)).toBe(false);
    expect(held(tail, newest)).toBeLessThanOrEqual(2_048);
    expect(held(tail, newest)).toBeGreaterThanOrEqual(Math.min(newest, 1_700));
  });
});

test("at most 1 MiB is held, and one entry that is larger is not", () => {
  fill(400, 10_000, 4, (tail, newest) => {
    expect(held(tail, newest) * 10_000).toBeLessThanOrEqual(1024 * 1024);
    expect(held(tail, newest)).toBeGreaterThanOrEqual(Math.min(newest, 88));
  });
  const tail = new OutboxTail();
  tail.push([entry(1, 2 * 1024 * 1024)], 2 * 1024 * 1024);
  expect(tail.has(1)).toBe(false);
});

test("each number gives its own entry and the bytes up to it, also after older ones were dropped", () => {
  fill(5_000, 7, 5, (tail, newest) => {
    for (const n of [newest, newest - 4, newest - 1_000]) {
      if (!tail.has(n)) continue;
      expect(tail.totalAt(n)).toBe(n * 7);
      expect(tail.read(n, 2, 1_000)[0]?.n).toBe(n);
    }
    expect(tail.totalAt(newest + 1)).toBeNull();
  });
});

test("another entry in the place of one changes what is held by its size", () => {
  const tail = new OutboxTail();
  tail.push([entry(1, 10), entry(2, 10)], 20);
  tail.replace(entry(2, 1024 * 1024 - 10));
  expect(tail.read(1, 9, 2 * 1024 * 1024).map(({ size }) => size)).toEqual([10, 1024 * 1024 - 10]);
  tail.push([entry(3, 10)], 30);
  expect([1, 2, 3].map((n) => tail.has(n))).toEqual([false, false, true]);
});
