/** One budget for the whole fleet: never exceeded, and whoever was told to wait is told to go on. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createIntakeBudget } from "../../../../hub/intake/credit.ts";
import { SenderLedger } from "../../../../shared/link/ledger.ts";
import type { NumberedEntry } from "../../../../shared/link/ports.ts";
import { LedgerReceiver } from "../../../../shared/link/receiver.ts";
import { silentLogger } from "../../../../shared/log.ts";

function budget(options: { fleet?: number; bytes?: number } = {}) {
  const figures = { queued: 0, failed: false };
  const woken: string[] = [];
  const made = createIntakeBudget({
    fleet: () => options.fleet ?? 4,
    figures: () => figures,
    wake: (agent) => woken.push(agent),
    bytes: options.bytes ?? 100_000,
  });
  return { ...made, state: figures, woken };
}

describe("credit", () => {
  test("is the agent's share, never more than is left, and enough for a few entries in the largest fleet", () => {
    expect(budget().of("a").credit().bytes).toBe(25_000);
    expect(budget({ fleet: 10_000 }).of("a").credit().bytes).toBe(8 * 1024);
    const { of } = budget();
    of("b").room.enter(90_000);
    expect(of("a").credit().bytes).toBe(10_000);
  });
  test("is nothing while the database fails, is far behind, or all room is taken", () => {
    const { of, state } = budget();
    const none = { entries: 0, bytes: 0 };
    state.failed = true;
    expect(of("a").credit()).toEqual(none);
    state.failed = false;
    state.queued = 20_001;
    expect(of("a").credit()).toEqual(none);
    state.queued = 0;
    of("b").room.enter(100_000);
    expect(of("a").credit()).toEqual(none);
  });
});

describe("whoever was told to wait", () => {
  test("is woken when room is given back, in the order of asking, about as many as it is enough for", () => {
    const { of, woken } = budget();
    const { room } = of("hog");
    room.enter(100_000);
    for (const id of ["a", "b", "c", "d"]) of(id).credit();
    room.leave(30_000);
    expect(woken).toEqual(["a", "b"]);
    room.leave(1);
    expect(woken).toEqual(["a", "b", "c"]);
  });
  test("is woken when the database has caught up, although nobody gives room back", () => {
    const { of, woken, state, goOn, figures } = budget();
    state.queued = 20_001;
    of("a").credit();
    goOn();
    expect(woken).toEqual([]);
    state.queued = 20_000;
    goOn();
    expect([woken, figures().paused]).toEqual([["a"], 0]);
  });
  test("is woken at the latest when all room is free: those before it may have gone away", () => {
    const { of, woken } = budget({ fleet: 1 });
    const { room } = of("hog");
    room.enter(100_000);
    for (const id of ["gone", "also gone", "here"]) of(id).credit();
    room.leave(100_000);
    expect(woken).toEqual(["gone", "also gone", "here"]);
  });
});

test("a packet larger than the budget is let in alone", () => {
  const { of } = budget({ bytes: 10 });
  expect(of("a").room.enter(100)).toBe(true);
  expect(of("b").room.enter(1)).toBe(false);
});

const entryOf = (n: number, size: number): NumberedEntry => ({
  n,
  last: n,
  size,
  entry: { id: `i${n}`, at: "", kind: "trigger", trigger: "a.b", payload: null, sensor: null },
});

/** Senders without a clock: whoever is not told that it may go on stands still for ever. */
async function drainAll(counts: readonly number[], sizes: readonly number[], bytes: number, known: number) {
  let most = 0;
  const links = new Map<string, { receiver: LedgerReceiver; pump: () => void; taken: number[] }>();
  const { of, figures } = createIntakeBudget({
    fleet: () => known,
    figures: () => ({ queued: 0, failed: false }),
    wake: (agent) => links.get(agent)?.receiver.grant(),
    bytes,
  });
  await Promise.all(
    counts.map(async (count, i) => {
      const id = `agent-${i}`;
      const ledger = new SenderLedger({
        window: { entries: 64, bytes: 1_000 },
        backoff: { firstMs: 1, mostMs: 1 },
        jitter: () => 0,
      });
      const taken: number[] = [];
      const share = of(id);
      const receiver = new LedgerReceiver({
        inbox: {
          marks: async () => new Map([["e", taken.length]]),
          async take(_epoch, mark, entries) {
            for (let turn = 0; turn < 1 + (i % 4); turn++) await Promise.resolve();
            expect(mark).toBe(taken.length);
            taken.push(...entries.map(({ n }) => n));
            return { taken: true, upTo: taken.length };
          },
          gap: async () => {},
          ...share,
        },
        window: { entries: 64, bytes: 1_000 },
        log: silentLogger,
        sendReceipt: (receipt) => {
          ledger.receipt({ v: 1, auth: null, ...receipt }, 0);
          queueMicrotask(pump);
        },
      });
      const pump = () => {
        for (let fetch = ledger.next(0); fetch !== null; fetch = ledger.next(0)) {
          const read: NumberedEntry[] = [];
          for (let n = fetch.from; n <= count && read.length < fetch.maxEntries; n++)
            read.push(entryOf(n, sizes[n % sizes.length] ?? 100));
          const entries = ledger.admit(fetch, read);
          if (entries.length === 0) return;
          ledger.sent("e", entries, 1, 0);
          receiver.packet({ epoch: "e", first: fetch.from, entries });
          most = Math.max(most, figures().bytes);
        }
      };
      links.set(id, { receiver, pump, taken });
      const hello = { epochs: [{ id: "e", first: 1, last: count }] } as never;
      const { marks, credit } = await receiver.answer(hello);
      ledger.begin(
        [{ id: "e", first: 1, last: count }],
        new Map(marks.map((m) => [m.epoch, m.upTo])),
        credit,
      );
      pump();
    }),
  );
  for (let turn = 0; turn < 5_000; turn++) await Promise.resolve();
  return { most, taken: [...links.values()].map(({ taken }) => taken.length), left: figures() };
}

test("however a fleet's backlogs meet the budget, it is never exceeded, and all of them arrive without a probe", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1_000, max: 6_000 }),
      fc.integer({ min: 1, max: 20 }),
      async (counts, sizes, bytes, known) => {
        const { most, taken, left } = await drainAll(counts, sizes, bytes, known);
        expect(most).toBeLessThanOrEqual(bytes);
        expect(taken).toEqual(counts);
        expect(left.bytes).toBe(0);
      },
    ),
    { numRuns: 40 },
  );
});
