/** The sender's bookkeeping, step by step. */
import { describe, expect, test } from "vitest";
import { drainLimits } from "../../../../shared/link/drain.ts";
import { type Fetch, SenderLedger, type Window } from "../../../../shared/link/ledger.ts";
import type { NumberedEntry } from "../../../../shared/link/ports.ts";
import type { Credit, Receipt } from "../../../../shared/wire/messages.ts";

const plenty: Credit = { entries: 10_000, bytes: 10_000_000 };
const entry = (n: number, size = 100): NumberedEntry => ({
  n,
  last: n,
  size,
  entry: {
    id: `i${n}`,
    at: "2026-01-01T00:00:00Z",
    kind: "trigger",
    trigger: "a.b",
    payload: null,
    sensor: null,
  },
});

function begun(
  options: {
    window?: Window;
    epochs?: Record<string, number>;
    marks?: Record<string, number>;
    credit?: Credit;
    gather?: number;
  } = {},
) {
  const { window = { entries: 8, bytes: 10_000 }, epochs = { a: 20 }, marks = {}, credit = plenty } = options;
  const { gather } = options;
  const backoff = { firstMs: 1_000, mostMs: 60_000 };
  const ledger = new SenderLedger({
    window,
    backoff,
    jitter: () => 0.5,
    ...(gather !== undefined && { gather }),
  });
  const ranges = Object.entries(epochs).map(([id, last]) => ({ id, first: 1, last }));
  const outcome = ledger.begin(ranges, new Map(Object.entries(marks)), credit);
  const last = new Map(Object.entries(epochs));
  /** Sends what the ledger asks for; the packet's wire size is 10 times its entries. */
  const send = (size = 100, now = 0) => {
    const fetch = ledger.next(now);
    if (fetch === null) return null;
    const end = Math.min(fetch.from + fetch.maxEntries - 1, last.get(fetch.epoch) ?? 0);
    const read: NumberedEntry[] = [];
    for (let n = fetch.from; n <= end; n++) read.push(entry(n, size));
    const entries = ledger.admit(fetch, read);
    ledger.sent(fetch.epoch, entries, entries.length * 10, now);
    return entries.length === 0 ? null : { epoch: fetch.epoch, first: fetch.from, entries: entries.length };
  };
  const receipt = (upTo: number, more: Partial<Receipt> = {}, now = 0) =>
    ledger.receipt({ v: 1, epoch: "a", upTo, credit: plenty, auth: null, ...more }, now);
  return { ledger, outcome, send, receipt };
}

describe("gathering", () => {
  test("one packet is on its way while few entries wait; its receipt lets all of them go", () => {
    const { ledger, send, receipt } = begun({ gather: 3, epochs: { a: 2 } });
    expect(send()).toEqual({ epoch: "a", first: 1, entries: 2 });
    ledger.grown([{ id: "a", first: 1, last: 4 }], new Set());
    expect(ledger.next(0)).toBeNull();
    receipt(2);
    expect(ledger.next(0)).toMatchObject({ epoch: "a", from: 3 });
  });
  test("many entries need not wait", () => {
    const { ledger, send } = begun({ gather: 3, epochs: { a: 1 } });
    send();
    ledger.grown([{ id: "a", first: 1, last: 4 }], new Set());
    expect(ledger.next(0)).toMatchObject({ epoch: "a", from: 2 });
  });
  test("older epochs drain meanwhile", () => {
    const { ledger } = begun({ gather: 3, epochs: { old: 5, new: 1 } });
    const fetch = ledger.next(0);
    expect(fetch).toMatchObject({ epoch: "new", from: 1 });
    ledger.sent("new", [entry(1)], 10, 0);
    ledger.grown(
      [
        { id: "old", first: 1, last: 5 },
        { id: "new", first: 1, last: 2 },
      ],
      new Set(),
    );
    expect(ledger.next(0)).toMatchObject({ epoch: "old", from: 1 });
  });
  test("nobody waits for receipts longer than until the first probe", () => {
    const { ledger, send } = begun({ gather: 3, epochs: { a: 1 } });
    send();
    ledger.grown([{ id: "a", first: 1, last: 2 }], new Set());
    expect(ledger.next(900)).toBeNull();
    expect(ledger.probes(2_000)).toHaveLength(1);
    expect(ledger.next(2_000)).toMatchObject({ epoch: "a", from: 2 });
  });
});

describe("window and credit", () => {
  test("packets are half a window, until it is full", () => {
    const { send } = begun();
    expect([send(), send(), send()]).toEqual([
      { epoch: "a", first: 1, entries: 4 },
      { epoch: "a", first: 5, entries: 4 },
      null,
    ]);
  });
  test("a receipt makes room", () => {
    const { send, receipt } = begun();
    send();
    send();
    receipt(4);
    expect(send()).toEqual({ epoch: "a", first: 9, entries: 4 });
  });
  test("bytes count as well as entries", () => {
    const { send } = begun({ window: { entries: 100, bytes: 1_000 } });
    expect(send(400)).toMatchObject({ entries: 1 });
    expect(send(400)).toMatchObject({ entries: 1 });
    expect(send(400)).toBe(null);
  });
  test("one entry is always admitted when nothing is in flight", () => {
    const { send, receipt } = begun({ window: { entries: 100, bytes: 1_000 } });
    expect(send(5_000)).toMatchObject({ first: 1, entries: 1 });
    expect(send(5_000)).toBe(null);
    receipt(1);
    expect(send(5_000)).toMatchObject({ first: 2, entries: 1 });
  });
  test("credit below the window counts", () => {
    const { send, receipt } = begun({ credit: { entries: 2, bytes: 10_000 } });
    expect(send()).toMatchObject({ entries: 2 });
    expect(send()).toBe(null);
    receipt(2, { credit: { entries: 3, bytes: 10_000 } });
    expect(send()).toMatchObject({ first: 3, entries: 3 });
  });
  test("bytes of the credit count as well as its entries", () => {
    const { send, receipt } = begun({ credit: { entries: 100, bytes: 500 } });
    expect(send(400)).toMatchObject({ entries: 1 });
    // What is left of the credit takes none of this size.
    expect(send(400)).toBe(null);
    receipt(1, { credit: { entries: 100, bytes: 1_000 } });
    expect(send(400)).toMatchObject({ first: 2, entries: 2 });
  });
  test("credit 0 pauses, and a probe keeps asking", () => {
    const { ledger, send, receipt } = begun({ credit: { entries: 0, bytes: 10_000 } });
    expect(send()).toBe(null);
    expect(ledger.wakeAt(0)).toBe(1_000);
    expect(ledger.probes(1_000)).toEqual([{ epoch: "a", first: 1 }]);
    receipt(0);
    expect(send()).toMatchObject({ first: 1 });
  });
});

describe("receipts", () => {
  test("are cumulative, and an old one changes nothing", () => {
    const { send, receipt, ledger } = begun();
    send();
    send();
    expect(receipt(8)).toEqual({ progress: { epoch: "a", upTo: 8 } });
    expect(receipt(4, { credit: { entries: 0, bytes: 0 } })).toEqual({ ignored: "stale" });
    expect(ledger.next(0)).toMatchObject({ from: 9 });
  });
  test("free the room of every packet they cover, also when those in between got none of their own", () => {
    const { send, receipt } = begun();
    send();
    send();
    receipt(8);
    expect([send(), send(), send()]).toEqual([
      { epoch: "a", first: 9, entries: 4 },
      { epoch: "a", first: 13, entries: 4 },
      null,
    ]);
  });
  test("for what was never numbered are ignored", () => {
    const { receipt } = begun();
    expect(receipt(21)).toEqual({ ignored: "never sent" });
    expect(receipt(1, { epoch: "b" })).toEqual({ ignored: "unknown epoch" });
  });
  test("with resend go back to their mark", () => {
    const { ledger, send, receipt } = begun();
    send();
    send();
    expect(receipt(3, { resend: true })).toEqual({ progress: { epoch: "a", upTo: 3 } });
    expect(ledger.next(0)).toMatchObject({ from: 4 });
  });
  test("with resend below an earlier receipt ask for a new hello", () => {
    const { send, receipt } = begun();
    send();
    receipt(4);
    expect(receipt(2, { resend: true })).toEqual({ hello: true });
  });
});

describe("a session begins", () => {
  test("at the peer's marks", () => {
    const { ledger, outcome } = begun({ epochs: { a: 5, b: 9 }, marks: { a: 5, b: 4 } });
    expect(outcome.progress).toEqual([
      { epoch: "a", upTo: 5 },
      { epoch: "b", upTo: 4 },
    ]);
    expect(ledger.next(0)).toMatchObject({ epoch: "b", from: 5 });
  });
  test("with marks beyond the ledger, which are reported", () => {
    const { outcome } = begun({ epochs: { a: 5 }, marks: { a: 7 } });
    expect(outcome).toEqual({ progress: [{ epoch: "a", upTo: 5 }], ahead: ["a"] });
  });
  test("and nothing is sent before it or after its end", () => {
    const ledger = new SenderLedger({
      window: { entries: 8, bytes: 100 },
      backoff: { firstMs: 1, mostMs: 1 },
      jitter: () => 0,
    });
    ledger.grown([{ id: "a", first: 1, last: 5 }], new Set());
    expect(ledger.next(0)).toBe(null);
    ledger.begin([{ id: "a", first: 1, last: 5 }], new Map(), plenty);
    expect(ledger.next(0)).not.toBe(null);
    ledger.end();
    expect(ledger.next(0)).toBe(null);
    expect(ledger.wakeAt(0)).toBe(null);
  });
  test("and what was read for the one before is not sent in it", () => {
    const { ledger } = begun();
    const fetch = ledger.next(0) as Fetch;
    ledger.begin([{ id: "a", first: 1, last: 20 }], new Map([["a", 10]]), plenty);
    expect(ledger.admit(fetch, [entry(1)])).toEqual([]);
  });
});

describe("epochs", () => {
  test("the oldest and the current take turns; those between wait", () => {
    const { send, receipt } = begun({ epochs: { a: 4, b: 8, c: 12 } });
    const sent = [send(), send()];
    for (const [epoch, upTo] of [
      ["c", 4],
      ["a", 1],
      ["c", 8],
      ["a", 4],
    ] as const) {
      receipt(upTo, { epoch });
      sent.push(send());
    }
    expect(sent).toMatchObject([
      { epoch: "c", first: 1 },
      { epoch: "a", first: 1 },
      { epoch: "c", first: 5 },
      { epoch: "a", first: 2 },
      { epoch: "c", first: 9 },
      { epoch: "b", first: 1 },
    ]);
  });
  test("old ones have a small part of the window on their way, whether or not there is anything fresh", () => {
    const { send, receipt } = begun({ epochs: { a: 50, b: 0 }, window: { entries: 32, bytes: 100_000 } });
    expect([send(), send()]).toEqual([{ epoch: "a", first: 1, entries: 2 }, null]);
    receipt(2);
    expect([send(), send()]).toEqual([{ epoch: "a", first: 3, entries: 2 }, null]);
  });
  test("fresh entries pass a backlog that waits for receipts, and an old one too large for its share", () => {
    const { send, ledger } = begun({ epochs: { a: 50, b: 3 }, window: { entries: 100, bytes: 8_000 } });
    ledger.receipt({ v: 1, epoch: "b", upTo: 3, credit: plenty, auth: null }, 0);
    expect(send(300)).toEqual({ epoch: "a", first: 1, entries: 1 });
    ledger.grown([{ id: "b", first: 1, last: 6 }], new Set());
    const fetch = ledger.next(0) as Fetch;
    expect(fetch.epoch).toBe("b");
    ledger.sent("b", ledger.admit(fetch, [entry(4, 300)]), 1, 0);
    const old = ledger.next(0) as Fetch;
    expect(old.epoch).toBe("a");
    expect(ledger.admit(old, [entry(2, 300)])).toEqual([]);
    expect(ledger.passes(old)).toBe(true);
    expect(ledger.next(0)).toMatchObject({ epoch: "b", from: 5 });
  });
  test("an old entry larger than the share of old ones goes when nothing else is on its way", () => {
    const { send, receipt } = begun({ epochs: { a: 2, b: 0 }, window: { entries: 100, bytes: 1_000 } });
    expect(send(900)).toEqual({ epoch: "a", first: 1, entries: 1 });
    expect(send(900)).toBe(null);
    receipt(1);
    expect(send(900)).toEqual({ epoch: "a", first: 2, entries: 1 });
  });
  test("a backlog drains at its pace, however quickly it is receipted; fresh entries do not wait for it", () => {
    const { send, receipt, ledger } = begun({
      epochs: { a: 10_000, b: 0 },
      window: { entries: 1_000, bytes: 1_000_000 },
    });
    const drained = (from: number, to: number) => {
      let entries = 0;
      let upTo = 0;
      for (let now = from; now < to; now += 10) {
        for (let sent = send(100, now); sent !== null; sent = send(100, now)) {
          entries += sent.entries;
          upTo = sent.first + sent.entries - 1;
          receipt(upTo, {}, now);
        }
      }
      return entries;
    };
    drained(0, 1_000);
    const perSecond = drained(1_000, 4_000) / 3;
    expect(perSecond).toBeGreaterThan(drainLimits.entriesPerSecond * 0.9);
    expect(perSecond).toBeLessThan(drainLimits.entriesPerSecond * 1.1);
    // Whatever it says it waits for, it can have then.
    const last = 3_990;
    send(100, last);
    const at = ledger.drainAt() ?? 0;
    expect(at).toBeGreaterThan(last);
    expect(ledger.next(at - 1)).toBe(null);
    expect(ledger.next(at)).not.toBe(null);
    expect(ledger.drainAt()).toBe(null);
    ledger.grown([{ id: "b", first: 1, last: 1 }], new Set());
    expect(ledger.next(at)).toMatchObject({ epoch: "b" });
  });
  test("one that appears is sent, unless the hello left it out", () => {
    const { ledger, send, receipt } = begun({ epochs: { a: 1 } });
    send();
    receipt(1);
    ledger.grown(
      [
        { id: "b", first: 1, last: 2 },
        { id: "c", first: 1, last: 2 },
      ],
      new Set(["b"]),
    );
    expect(ledger.next(0)).toMatchObject({ epoch: "c", from: 1 });
  });
  test("the ledger is drained when every epoch it knows is receipted", () => {
    const { ledger, receipt } = begun({ epochs: { a: 1 } });
    expect(ledger.drained).toBe(false);
    receipt(1);
    expect(ledger.drained).toBe(true);
  });
});

describe("probes", () => {
  test("come when no receipt does, ever more seldom, up to a minute", () => {
    const { ledger, send } = begun();
    send();
    let now = 0;
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      const at = ledger.wakeAt(now) ?? 0;
      expect(ledger.probes(at - 1)).toEqual([]);
      expect(ledger.probes(at)).toEqual([{ epoch: "a", first: 5 }]);
      waits.push(at - now);
      now = at;
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });
  test("progress starts their clock anew, an answer without progress does not", () => {
    const { ledger, send, receipt } = begun();
    send(100, 0);
    send(100, 0);
    ledger.probes(1_000);
    receipt(0, {}, 1_100);
    expect(ledger.wakeAt(1_100)).toBe(3_000);
    receipt(4, {}, 1_200);
    expect(ledger.wakeAt(1_200)).toBe(2_200);
    receipt(8, {}, 1_300);
    expect(ledger.wakeAt(1_300)).toBe(null);
  });
});

describe("a refused packet", () => {
  const refuse = (first: number, size: number) => ({
    refused: { first, size, code: "WIRE_PACKET", message: "bad" },
  });
  test("is halved until the bad entry stands alone, which is parked", () => {
    const { ledger, send, receipt } = begun();
    send();
    receipt(0, refuse(1, 40));
    expect(send()).toEqual({ epoch: "a", first: 1, entries: 2 });
    receipt(0, refuse(1, 20));
    expect(send()).toEqual({ epoch: "a", first: 1, entries: 1 });
    expect(receipt(0, refuse(1, 10))).toEqual({ park: { epoch: "a", n: 1, reason: "WIRE_PACKET: bad" } });
    expect(send()).toBe(null);
    ledger.parked("a", 1);
    expect(send()).toMatchObject({ first: 1, entries: 1 });
  });
  test("is not halved again by an answer that came twice", () => {
    const { send, receipt } = begun();
    send();
    receipt(0, refuse(1, 40));
    send();
    expect(receipt(0, refuse(1, 40))).toEqual({});
    expect(send()).toMatchObject({ first: 3, entries: 2 });
  });
  test("behind a good one does not touch that one", () => {
    const { send, receipt } = begun();
    send();
    send();
    receipt(0, refuse(5, 40));
    expect(send()).toMatchObject({ first: 5, entries: 2 });
    expect(receipt(6)).toEqual({ progress: { epoch: "a", upTo: 6 } });
  });
  test("that holds nothing but a void is not parked: the epoch waits for the next session", () => {
    const { ledger, receipt } = begun();
    const fetch = ledger.next(0) as Fetch;
    const stand = {
      ...entry(1),
      entry: { id: "v", at: "", kind: "void", from: 1, to: 1, reason: "" },
    } as const;
    ledger.sent("a", ledger.admit(fetch, [stand]), 10, 0);
    expect(receipt(0, refuse(1, 10))).toEqual({});
    expect(ledger.next(0)).toBe(null);
    ledger.begin([{ id: "a", first: 1, last: 20 }], new Map(), plenty);
    expect(ledger.next(0)).toMatchObject({ from: 1 });
  });
  test("waits until every one of its entries is parked", () => {
    const { ledger, send, receipt } = begun({ window: { entries: 2, bytes: 10_000 } });
    send();
    send();
    receipt(0, refuse(2, 10));
    receipt(0, refuse(1, 10));
    ledger.parked("a", 2);
    expect(ledger.next(0)).toBe(null);
    ledger.parked("a", 1);
    expect(ledger.next(0)).toMatchObject({ from: 1 });
  });
  test("once passed lets packets grow again", () => {
    const { send, receipt } = begun();
    send();
    receipt(0, refuse(1, 40));
    send();
    receipt(4);
    expect(send()).toMatchObject({ first: 5, entries: 4 });
  });
});
