/** The sender over an outbox that changes under it. */
import { setImmediate } from "node:timers/promises";
import { expect, it, vi } from "vitest";
import { upWindow } from "../../../../shared/link/ledger.ts";
import type { NumberedEntry, Outbox } from "../../../../shared/link/ports.ts";
import { LedgerSender } from "../../../../shared/link/sender.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { Timers } from "../../../../shared/timers.ts";
import type { ControlEntry, VoidEntry } from "../../../../shared/wire/messages.ts";
import { type ManualTime, manualTime } from "../../../support/manual-time.ts";
import { waitUntil } from "../../../support/wait-until.ts";

const numbered = (n: number): NumberedEntry<VoidEntry> => ({
  n,
  last: n,
  size: 10,
  entry: { id: `e${n}`, at: "2026-01-01T00:00:00Z", kind: "void", from: n, to: n, reason: "" },
});

/** What a sender needs besides its outbox and a way to send. */
const surroundings = ({ clock, timers }: Pick<ManualTime, "clock" | "timers">) => ({
  window: upWindow,
  needsHello: () => {},
  onProgress: () => {},
  clock,
  timers,
  jitter: () => 0.5,
  newId: () => "id",
  log: silentLogger,
});

const session = (first: number, last: number, mark = first - 1) => ({
  listed: [{ id: "E1", first, last }],
  unlisted: new Set<string>(),
  marks: new Map([["E1", mark]]),
  credit: { entries: 100, bytes: 100_000 },
  capabilities: new Set<string>(),
});

/** An outbox of one epoch from which nothing goes. */
const keeping = ({
  epochs,
  read,
  onAppend = () => () => {},
}: Pick<Outbox<VoidEntry>, "epochs" | "read"> & Partial<Outbox<VoidEntry>>): Outbox<VoidEntry> => ({
  epochs,
  read,
  receipted: async () => {},
  park: async () => {},
  onAppend,
});

it("entries that were deleted behind its back make it say hello, not send past them", async () => {
  const outbox = keeping({
    epochs: () => [{ id: "E1", first: 5, last: 6 }],
    read: async () => [numbered(5), numbered(6)],
  });
  const sendPacket = vi.fn(() => 1);
  const needsHello = vi.fn();
  const sender = new LedgerSender({ ...surroundings(manualTime()), outbox, sendPacket, needsHello });
  sender.begin(session(1, 6));
  await waitUntil("a hello", () => needsHello.mock.calls.length > 0);
  expect(sendPacket).not.toHaveBeenCalled();
  sender.begin(session(5, 6));
  await waitUntil("a packet", () => sendPacket.mock.calls.length > 0);
  expect(sendPacket).toHaveBeenCalledWith("E1", 5, expect.anything(), 0);
});

it("entries that can wait are sent with the next, and after a moment by themselves", async () => {
  const { clock, timers, advance } = manualTime();
  let last = 0;
  let tell: (canWait?: boolean) => void = () => {};
  const outbox = keeping({
    epochs: () => [{ id: "E1", first: 1, last }],
    read: async (_epoch, from) => Array.from({ length: last - from + 1 }, (_, i) => numbered(from + i)),
    onAppend: (listener) => {
      tell = listener;
      return () => {};
    },
  });
  const sent: number[] = [];
  const sender = new LedgerSender({
    ...surroundings({ clock, timers }),
    outbox,
    sendPacket: (_epoch, _first, entries) => {
      sent.push(entries.length);
      return 1;
    },
  });
  sender.begin(session(1, 0));
  const append = (canWait: boolean) => {
    last++;
    tell(canWait);
  };
  append(true);
  append(false);
  await waitUntil("a packet", () => sent.length === 1);
  expect(sent).toEqual([2]);
  append(true);
  await Promise.resolve();
  expect(sent).toEqual([2]);
  advance(300);
  await waitUntil("another packet", () => sent.length === 2);
  expect(sent).toEqual([2, 1]);
});

it.each([
  ["a peer that takes control without credit", ["control", "cancel"], ["C cancel"]],
  ["an older peer", ["cancel"], []],
])("%s gets what it said it takes", async (_who, capabilities, expected) => {
  const { clock, timers } = manualTime();
  const entry = { id: "e", at: "2026-01-01T00:00:00Z", kind: "cancel", execution: "x" } as const;
  const read = vi.fn(async () => [{ n: 1, last: 1, entry, size: 10 }]);
  const epochs = [{ id: "C", first: 1, last: 1, isControl: true as const }];
  const sent: string[] = [];
  const sender = new LedgerSender<ControlEntry>({
    outbox: {
      epochs: () => epochs,
      read,
      receipted: async () => {},
      park: async () => {},
      onAppend: () => () => {},
    },
    window: upWindow,
    sendPacket: (epoch, _first, entries) => {
      sent.push(...entries.map(({ entry: { kind } }) => `${epoch} ${kind}`));
      return 1;
    },
    needsHello: () => {},
    onProgress: () => {},
    clock,
    timers,
    jitter: () => 0.5,
    newId: () => "id",
    log: silentLogger,
  });
  sender.begin({
    listed: epochs,
    unlisted: new Set(),
    marks: new Map(),
    credit: { entries: 0, bytes: 0 },
    capabilities: new Set(capabilities),
  });
  for (let turn = 0; turn < 10; turn++) await setImmediate();
  expect(sent).toEqual(expected);
});

it("what was read for a session that has ended is not sent in the next one", async () => {
  const { clock, timers } = manualTime();
  const reads: {
    readonly from: number;
    readonly answer: (entries: readonly NumberedEntry<VoidEntry>[]) => void;
  }[] = [];
  const outbox: Outbox<VoidEntry> = {
    epochs: () => [{ id: "E1", first: 1, last: 4 }],
    read: (_epoch, from) => new Promise((answer) => reads.push({ from, answer })),
    receipted: async () => {},
    park: async () => {},
    onAppend: () => () => {},
  };
  const sent: number[][] = [];
  const sender = new LedgerSender({
    outbox,
    window: upWindow,
    sendPacket: (_epoch, first, entries) => {
      sent.push([first, entries.length]);
      return 1;
    },
    needsHello: () => {},
    onProgress: () => {},
    clock,
    timers,
    jitter: () => 0.5,
    newId: () => "id",
    log: silentLogger,
  });
  const session = (capabilities: readonly string[]) => ({
    listed: [{ id: "E1", first: 1, last: 4 }],
    unlisted: new Set<string>(),
    marks: new Map([["E1", 0]]),
    credit: { entries: 100, bytes: 100_000 },
    capabilities: new Set(capabilities),
  });
  sender.begin(session([]));
  await waitUntil("a read", () => reads.length === 1);
  // Both sessions ask for the same numbers; only what is read in the second may go out in it.
  sender.end();
  sender.begin(session([]));
  reads[0]?.answer([1, 2].map(numbered));
  await waitUntil("another read, or a packet", () => reads.length === 2 || sent.length > 0);
  expect(sent).toEqual([]);
  reads[1]?.answer([1, 2, 3, 4].map(numbered));
  await waitUntil("a packet", () => sent.length > 0);
  expect(sent).toEqual([[1, 4]]);
});

it("a backlog goes on though its timer fires a little early, and its pace lets it right after that look", async () => {
  let at = 0;
  let perLook = 0;
  const monotonic = () => {
    const seen = at;
    at += perLook;
    return seen;
  };
  const waiting = new Map<() => void, number>();
  const timers: Timers = {
    after(ms, callback) {
      waiting.set(callback, at + ms);
      return () => waiting.delete(callback);
    },
  };
  const backlog = 100_000;
  const outbox: Outbox<VoidEntry> = {
    epochs: () => [
      { id: "old", first: 1, last: backlog },
      { id: "new", first: 1, last: 0 },
    ],
    read: async (_epoch, from, most) => Array.from({ length: most }, (_, i) => numbered(from + i)),
    receipted: async () => {},
    park: async () => {},
    onAppend: () => () => {},
  };
  const credit = { entries: 1_000, bytes: 1_000_000 };
  let unanswered = 0;
  const sender = new LedgerSender({
    outbox,
    window: upWindow,
    sendPacket: (_epoch, first, entries) => {
      unanswered = first + entries.length - 1;
      return 1;
    },
    needsHello: () => {},
    onProgress: () => {},
    clock: { now: () => at, monotonic },
    timers,
    jitter: () => 0.5,
    newId: () => "id",
    log: silentLogger,
  });
  sender.begin({
    listed: outbox.epochs(),
    unlisted: new Set(),
    marks: new Map(),
    credit,
    capabilities: new Set(),
  });
  // All that may go at once, each receipted at once, until the pace alone holds the rest back.
  for (;;) {
    await setImmediate();
    if (unanswered === 0) break;
    sender.receipt({ v: 1, epoch: "old", upTo: unanswered, credit, auth: null });
    unanswered = 0;
  }
  // Behind it is the one that would ask for a receipt, had none come.
  const [paced] = [...waiting].toSorted(([, a], [, b]) => a - b);
  const [callback, due] = paced ?? [() => {}, 0];
  waiting.clear();
  at = due - 1;
  perLook = 1;
  callback();
  await setImmediate();
  expect(waiting.size).toBe(1);
});

it("what is in memory leaves in the turn in which it was stored", async () => {
  let last = 1;
  let tell: () => void = () => {};
  const outbox = keeping({
    epochs: () => [{ id: "E1", first: 1, last }],
    read: (_epoch, from) => Array.from({ length: last - from + 1 }, (_, i) => numbered(from + i)),
    onAppend: (listener) => {
      tell = listener;
      return () => {};
    },
  });
  const sendPacket = vi.fn(() => 1);
  const sender = new LedgerSender({ ...surroundings(manualTime()), outbox, sendPacket });
  sender.begin(session(1, last));
  // What else begins with the session comes first.
  expect(sendPacket).not.toHaveBeenCalled();
  await setImmediate();
  expect(sendPacket).toHaveBeenCalledTimes(1);
  last = 2;
  tell();
  expect(sendPacket).toHaveBeenLastCalledWith("E1", 2, expect.anything(), 0);
});

it("a session may end while a packet is sent, and the next one sends it again", async () => {
  const outbox = keeping({
    epochs: () => [{ id: "E1", first: 1, last: 2 }],
    read: (_epoch, from) => [numbered(from)],
  });
  const sent: number[] = [];
  let isCut = true;
  const sender: LedgerSender<VoidEntry> = new LedgerSender({
    ...surroundings(manualTime()),
    outbox,
    sendPacket: (_epoch, first) => {
      sent.push(first);
      if (isCut) sender.end();
      return 1;
    },
  });
  sender.begin(session(1, 2));
  await setImmediate();
  expect(sent).toEqual([1]);
  isCut = false;
  sender.begin(session(1, 2));
  await setImmediate();
  expect(sent).toEqual([1, 1, 2]);
});
