/** Control entries in the sender's bookkeeping: they pass requests and a credit of nothing, and nothing passes them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { controlWindow, isControlKind } from "../../../../shared/link/control.ts";
import { SenderLedger } from "../../../../shared/link/ledger.ts";
import type { NumberedEntry, OutboxEpoch } from "../../../../shared/link/ports.ts";
import type { Credit } from "../../../../shared/wire/messages.ts";

const none: Credit = { entries: 0, bytes: 0 };
const plenty: Credit = { entries: 1_000, bytes: 1_000_000 };
const window: Credit = { entries: 8, bytes: 10_000 };
const at = "2026-01-01T00:00:00Z";

const entry = (n: number, size = 100): NumberedEntry => ({
  n,
  last: n,
  size,
  entry: { id: `i${n}`, at, kind: "cancel", execution: `x${n}` },
});
const entries = (from: number, count: number, size = 100) =>
  Array.from({ length: count }, (_, i) => entry(from + i, size));
const requests = (id: string, last: number): OutboxEpoch => ({ id, first: 1, last });
const control = (id: string, last: number): OutboxEpoch => ({ id, first: 1, last, isControl: true });

function newLedger() {
  return new SenderLedger({ window, backoff: { firstMs: 1_000, mostMs: 60_000 }, jitter: () => 0.5 });
}

function begun(epochs: readonly OutboxEpoch[], credit: Credit, passesCredit = true) {
  const ledger = newLedger();
  ledger.begin(epochs, new Map(), credit, passesCredit);
  /** Sends all that it may; which epochs and numbers went. */
  const sends = (size = 100) => {
    const sent: string[] = [];
    for (let fetch = ledger.next(0); fetch !== null; fetch = ledger.next(0)) {
      const { epoch, from, maxEntries } = fetch;
      const last = epochs.find(({ id }) => id === epoch)?.last ?? 0;
      const admitted = ledger.admit(fetch, entries(from, Math.min(maxEntries, last - from + 1), size));
      if (admitted.length === 0) break;
      ledger.sent(epoch, admitted, 10, 0);
      sent.push(`${epoch} ${from}-${from + admitted.length - 1}`);
    }
    return sent;
  };
  const receipt = (epoch: string, upTo: number, more: { credit?: Credit; resend?: true } = {}) =>
    ledger.receipt({ v: 1, auth: null, epoch, upTo, credit, ...more }, 0);
  return { ledger, sends, receipt };
}

test("what steers work is control, what is work is not", () => {
  const kinds = [
    "cancel",
    "pause",
    "resume",
    "assignment",
    "upgrade",
    "action-request",
    "void",
    "trigger",
  ] as const;
  expect(kinds.filter(isControlKind)).toEqual(["cancel", "pause", "resume", "assignment", "upgrade"]);
});

describe("without credit", () => {
  test("control entries go, requests do not", () => {
    const { sends, receipt } = begun([requests("r", 5), control("c", 3)], none);
    expect(sends()).toEqual(["c 1-3"]);
    receipt("c", 3);
    expect(sends()).toEqual([]);
    receipt("c", 3, { credit: plenty });
    expect(sends()).toEqual(["r 1-4", "r 5-5"]);
  });
  test("an older peer gets nothing, and everything in the same order once it grants some", () => {
    const { sends, receipt } = begun([requests("r", 5), control("c", 3)], none, false);
    expect(sends()).toEqual([]);
    receipt("r", 0, { credit: { entries: 2, bytes: 1_000 } });
    expect(sends()).toEqual(["c 1-2"]);
    receipt("c", 2, { credit: plenty });
    expect(sends()).toEqual(["c 3-3"]);
    receipt("c", 3, { credit: plenty });
    expect(sends()).toEqual(["r 1-4", "r 5-5"]);
  });
  test("no more are on their way than the window of their own", () => {
    const { sends, receipt } = begun([control("c", 200)], none);
    expect(sends()).toEqual(["c 1-32", "c 33-64"]);
    receipt("c", 32);
    expect(sends()).toEqual(["c 65-96"]);
  });
  test("large ones are counted in bytes; one always goes", () => {
    const { sends, receipt } = begun([control("c", 5)], none);
    expect(sends(controlWindow.bytes / 2 - 1)).toEqual(["c 1-1", "c 2-2"]);
    receipt("c", 2);
    expect(sends(controlWindow.bytes + 1)).toEqual(["c 3-3"]);
    expect(sends(controlWindow.bytes + 1)).toEqual([]);
  });
  test("a receipt that does not come is asked for", () => {
    const { ledger, sends } = begun([requests("r", 5), control("c", 3)], none);
    sends();
    expect(ledger.probes(2_000)).toEqual([{ epoch: "c", first: 4 }]);
  });
});

describe("with credit", () => {
  test("control entries pass a window that is full of requests", () => {
    const { ledger, sends, receipt } = begun([requests("r", 20)], { entries: 8, bytes: 1_000 });
    expect(sends()).toEqual(["r 1-4", "r 5-8"]);
    ledger.grown([requests("r", 20), control("c", 2)], new Set());
    expect(ledger.next(0)).toMatchObject({ epoch: "c", from: 1 });
    ledger.sent("c", entries(1, 2), 10, 0);
    receipt("r", 8);
    // A request that was written behind them must not come before them.
    expect(ledger.next(0)).toBeNull();
    receipt("c", 2);
    expect(ledger.next(0)).toMatchObject({ epoch: "r", from: 9 });
  });
  test("those of a later life wait for the receipt of those of an earlier one", () => {
    const { sends, receipt } = begun([requests("r", 1), control("old", 2), control("new", 2)], plenty);
    expect(sends()).toEqual(["old 1-2"]);
    receipt("old", 1);
    expect(sends()).toEqual([]);
    receipt("old", 2);
    expect(sends()).toEqual(["new 1-2"]);
    receipt("new", 2);
    expect(sends()).toEqual(["r 1-1"]);
  });
  test("they are not paced like a backlog, and fresh requests go on to the newest epoch for requests", () => {
    const { sends, receipt } = begun([control("c", 40), requests("r", 2), control("d", 0)], plenty);
    expect(sends()).toEqual(["c 1-32", "c 33-40"]);
    receipt("c", 40);
    expect(sends()).toEqual(["r 1-2"]);
  });
  test("one that cannot be decoded holds the others up until it stands aside", () => {
    const { ledger, sends, receipt } = begun([requests("r", 1), control("c", 2)], plenty);
    ledger.sent("c", entries(1, 1), 7, 0);
    const refused = { first: 1, size: 7, code: "WIRE_PACKET", message: "what?" };
    const outcome = ledger.receipt({ v: 1, auth: null, epoch: "c", upTo: 0, credit: plenty, refused }, 0);
    expect(outcome).toMatchObject({ park: { epoch: "c", n: 1 } });
    expect(sends()).toEqual([]);
    ledger.parked("c", 1);
    expect(sends()).toEqual(["c 1-2"]);
    receipt("c", 2);
    expect(sends()).toEqual(["r 1-1"]);
  });
});

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("control" as const), count: fc.integer({ min: 1, max: 90 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("request" as const), count: fc.integer({ min: 1, max: 20 }) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("deliver" as const), count: fc.nat(6) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("lose" as const), count: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("credit" as const), count: fc.constantFrom(0, 0, 1, 5, 50) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const) }) },
);

/** A hub's ledger and its agent, in one thread: packets and receipts are lost, lives end, credit comes and goes. */
class Model {
  readonly ledger = newLedger();
  readonly passesCredit: boolean;
  /** When each entry was written; its epoch, oldest first. */
  readonly epochs: { id: string; isControl: boolean; written: number[] }[] = [];
  readonly marks = new Map<string, number>();
  /** Written order of what the agent took, in the order of taking. */
  readonly taken: { isControl: boolean; at: number }[] = [];
  readonly sentTo = new Map<string, number>();
  readonly ackedTo = new Map<string, number>();
  down: { epoch: string; first: number; last: number }[] = [];
  up: { epoch: string; upTo: number; credit: Credit; resend?: true }[] = [];
  credit: Credit = plenty;
  now = 0;
  written = 0;
  life = 0;

  constructor(passesCredit: boolean) {
    this.passesCredit = passesCredit;
    this.restart();
  }

  ranges(): OutboxEpoch[] {
    return this.epochs.map(({ id, isControl, written }) => ({
      id,
      first: 1,
      last: written.length,
      ...(isControl && { isControl }),
    }));
  }

  append(isControl: boolean, count: number) {
    const id = `${isControl ? "c" : "r"}${this.life}`;
    const found = this.epochs.find((each) => each.id === id);
    const epoch = found ?? { id, isControl, written: [] };
    if (found === undefined) this.epochs.push(epoch);
    for (let i = 0; i < count; i++) epoch.written.push(this.written++);
    this.ledger.grown(this.ranges(), new Set());
    this.pump();
  }

  /** What was on its way may come yet: a broker between them knows nothing of lives. */
  restart() {
    this.life++;
    this.begin();
  }

  begin() {
    this.ledger.end();
    for (const { id } of this.epochs) {
      this.ackedTo.set(id, this.marks.get(id) ?? 0);
      this.sentTo.set(id, this.marks.get(id) ?? 0);
    }
    this.ledger.begin(this.ranges(), this.marks, this.credit, this.passesCredit);
    this.pump();
  }

  flying(of: (isControl: boolean) => boolean) {
    return this.epochs.reduce((sum, { id, isControl }) => {
      const sent = (this.sentTo.get(id) ?? 0) - (this.ackedTo.get(id) ?? 0);
      return of(isControl) ? sum + sent : sum;
    }, 0);
  }

  pump() {
    for (let fetch = this.ledger.next(this.now); fetch !== null; fetch = this.ledger.next(this.now)) {
      const { epoch: id, from, maxEntries } = fetch;
      const epoch = this.epochs.find((each) => each.id === id);
      const left = (epoch?.written.length ?? 0) - from + 1;
      const admitted = this.ledger.admit(fetch, entries(from, Math.min(maxEntries, left)));
      if (admitted.length === 0) return;
      const last = from + admitted.length - 1;
      this.ledger.sent(id, admitted, 10, this.now);
      this.sentTo.set(id, last);
      this.down.push({ epoch: id, first: from, last });
      const most = Math.min(window.entries, this.ledger.credit.entries);
      if (epoch?.isControl && this.passesCredit)
        expect(this.flying((isControl) => isControl)).toBeLessThanOrEqual(controlWindow.entries);
      else if (epoch?.isControl)
        expect(this.flying(() => true)).toBeLessThanOrEqual(Math.max(1, this.ledger.credit.entries));
      else {
        expect(this.flying(() => true)).toBeLessThanOrEqual(Math.max(1, most));
        expect(this.flying((isControl) => isControl)).toBe(0);
      }
    }
  }

  /** The agent takes a packet and answers, or says that there is a hole. */
  take({ epoch: id, first, last }: { epoch: string; first: number; last: number }) {
    const mark = this.marks.get(id) ?? 0;
    const epoch = this.epochs.find((each) => each.id === id);
    if (first > mark + 1) return this.up.push({ epoch: id, upTo: mark, credit: this.credit, resend: true });
    for (let n = mark + 1; n <= last; n++)
      this.taken.push({ isControl: epoch?.isControl ?? false, at: epoch?.written[n - 1] ?? 0 });
    this.marks.set(id, Math.max(mark, last));
    return this.up.push({ epoch: id, upTo: Math.max(mark, last), credit: this.credit });
  }

  deliver(count: number) {
    for (const packet of this.down.splice(0, count)) this.take(packet);
    for (const receipt of this.up.splice(0, count)) {
      const { epoch, upTo, resend } = receipt;
      const outcome = this.ledger.receipt({ v: 1, auth: null, ...receipt }, this.now);
      if (outcome.hello) {
        this.begin();
        continue;
      }
      if (outcome.ignored !== undefined) continue;
      this.ackedTo.set(epoch, upTo);
      this.sentTo.set(epoch, resend ? upTo : Math.max(upTo, this.sentTo.get(epoch) ?? 0));
    }
    this.pump();
  }

  wait() {
    this.now += 120_000;
    this.ledger.wakeAt(this.now);
    for (const { epoch, first } of this.ledger.probes(this.now))
      this.down.push({ epoch, first, last: first - 1 });
    this.pump();
  }

  /** Good weather, until nothing moves any more. */
  settle() {
    for (let round = 0; round < 400; round++) {
      this.deliver(1_000);
      this.wait();
    }
  }

  left(of: (isControl: boolean) => boolean) {
    return this.epochs
      .filter(({ isControl }) => of(isControl))
      .reduce((sum, { id, written }) => sum + written.length - (this.marks.get(id) ?? 0), 0);
  }
}

describe.each([true, false])(
  "whatever is lost, with a peer that takes control without credit: %s",
  (passes) => {
    test("control entries are taken in their order, none after a request that was written later, and all in the end", () => {
      fc.assert(
        fc.property(fc.array(step, { minLength: 5, maxLength: 50 }), (steps) => {
          const model = new Model(passes);
          for (const each of steps) {
            if (each.do === "control" || each.do === "request")
              model.append(each.do === "control", each.count);
            else if (each.do === "deliver") model.deliver(each.count);
            else if (each.do === "lose") {
              model.down.splice(0, each.count);
              model.up.splice(0, each.count);
            } else if (each.do === "credit")
              model.credit = each.count === 0 ? none : { entries: each.count, bytes: 100_000 };
            else if (each.do === "restart") model.restart();
            else model.wait();
          }
          model.credit = none;
          model.settle();
          if (passes) expect(model.left((isControl) => isControl)).toBe(0);
          model.credit = plenty;
          model.settle();
          expect(model.left(() => true)).toBe(0);
          let lastControl = -1;
          for (const { isControl, at: written } of model.taken.toReversed()) {
            if (!isControl) continue;
            if (lastControl >= 0) expect(written).toBeLessThan(lastControl);
            lastControl = written;
          }
          let newestRequest = -1;
          for (const { isControl, at: written } of model.taken) {
            if (isControl) expect(newestRequest).toBeLessThan(written);
            else newestRequest = Math.max(newestRequest, written);
          }
        }),
        { numRuns: 150 },
      );
    });
  },
);
