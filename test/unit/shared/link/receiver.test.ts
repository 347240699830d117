/** The receiving end: what it answers, when, and what it does to an entry that kills it. */
import { describe, expect, test } from "vitest";
import type { IntakeJournal, IntakeRecord } from "../../../../shared/link/poison.ts";
import type { Inbox, NumberedEntry, SharedRoom } from "../../../../shared/link/ports.ts";
import { LedgerReceiver } from "../../../../shared/link/receiver.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { Timers } from "../../../../shared/timers.ts";
import type { Credit, Hello, Receipt } from "../../../../shared/wire/messages.ts";
import { manualTime } from "../../../support/manual-time.ts";

const entry = (n: number): NumberedEntry => ({
  n,
  last: n,
  size: 100,
  entry: {
    id: `i${n}`,
    at: "2026-01-01T00:00:00Z",
    kind: "trigger",
    trigger: "a.b",
    payload: null,
    sensor: null,
  },
});
const packet = (first: number, count: number, epoch = "e") => ({
  epoch,
  first,
  entries: Array.from({ length: count }, (_, i) => entry(first + i)),
});
const probe = (first: number) => ({ epoch: "e", first, entries: [] });

interface Disk {
  readonly marks: Map<string, number>;
  readonly taken: number[];
  readonly gaps: (readonly [string, number, number])[];
  record: IntakeRecord | null;
  readonly dead: number[];
}
const emptyDisk = (): Disk => ({ marks: new Map(), taken: [], gaps: [], record: null, dead: [] });

function receiver(
  disk: Disk = emptyDisk(),
  options: {
    deadly?: number;
    journal?: boolean;
    room?: SharedRoom;
    patience?: { ms: number; timers: Timers; hasCompany?: () => boolean };
    beyond?: Credit;
  } = {},
) {
  const receipts: Omit<Receipt, "v" | "auth">[] = [];
  const state = { fails: 0, credit: { entries: 1_000, bytes: 100_000 }, taking: [] as number[][] };
  const inbox: Inbox = {
    marks: async (epochs) => new Map(epochs.map((epoch) => [epoch, disk.marks.get(epoch) ?? 0])),
    async take(epoch, mark, entries) {
      state.taking.push(entries.map(({ n }) => n));
      if (state.fails > 0) {
        state.fails--;
        throw new Error("the disk");
      }
      // A death: nothing comes back, ever.
      if (entries.some(({ n }) => n === options.deadly)) return new Promise(() => {});
      const stands = disk.marks.get(epoch) ?? 0;
      if (stands !== mark) return { taken: false, upTo: stands };
      disk.taken.push(...entries.map(({ n }) => n));
      const upTo = entries.at(-1)?.last ?? mark;
      disk.marks.set(epoch, upTo);
      return { taken: true, upTo };
    },
    async gap(epoch, from, to) {
      disk.gaps.push([epoch, from, to]);
      disk.marks.set(epoch, to);
    },
    credit: () => state.credit,
    ...(options.room && { room: options.room }),
  };
  const journal: IntakeJournal = {
    read: async () => disk.record,
    write: async (record) => {
      disk.record = record;
    },
    async deadLetter(epoch, _mark, { n, last }) {
      disk.dead.push(n);
      disk.marks.set(epoch, last);
      return { taken: true, upTo: last };
    },
  };
  const part = new LedgerReceiver({
    inbox,
    window: { entries: 1_024, bytes: 256 * 1024 },
    sendReceipt: (receipt) => receipts.push(receipt),
    log: silentLogger,
    ...(options.journal && { journal }),
    ...(options.patience && { patience: options.patience }),
    ...(options.beyond && { beyond: options.beyond }),
  });
  const hello = (epochs: Hello["epochs"]): Hello => ({
    v: 1,
    type: "hello",
    from: "agent",
    session: "s",
    to: null,
    incarnation: "i",
    version: "1",
    capabilities: [],
    clock: "2026-01-01T00:00:00Z",
    epochs,
    auth: null,
  });
  /** All that came before has been worked on. */
  const idle = () => part.exclusive(async () => {});
  return { part, receipts, state, disk, idle, hello };
}

test("says of each packet whether it came in vain", async () => {
  const { part, state, idle, hello } = receiver();
  await part.answer(hello([{ id: "e", first: 1, last: 9 }]));
  expect(part.packet(packet(1, 3))).toBe(true);
  expect(part.packet(packet(4, 3))).toBe(true);
  expect(part.packet(packet(4, 3))).toBe(false);
  expect(part.packet(packet(9, 3))).toBe(false);
  expect(part.packet(probe(9))).toBe(true);
  await idle();
  expect(part.packet(packet(1, 6))).toBe(false);
  expect(part.packet(packet(5, 3))).toBe(true);
  await idle();
  expect(state.taking.flat()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  // What fails is sent again, and then it is no repetition.
  state.fails = 1;
  expect(part.packet(packet(8, 2))).toBe(true);
  await idle();
  expect(part.packet(packet(8, 2))).toBe(true);
  await idle();
  expect(state.taking.at(-1)).toEqual([8, 9]);
});

describe("receipts", () => {
  test("say the mark on disk and the credit", async () => {
    const { part, receipts, state, idle } = receiver();
    part.packet(packet(1, 3));
    await idle();
    expect(receipts).toEqual([{ epoch: "e", upTo: 3, credit: state.credit }]);
  });
  test("are given again for what was had, since the first may be lost", async () => {
    const { part, receipts, disk, idle } = receiver();
    part.packet(packet(1, 3));
    await idle();
    part.packet(packet(1, 3));
    await idle();
    expect(receipts.map(({ upTo }) => upTo)).toEqual([3, 3]);
    expect(disk.taken).toEqual([1, 2, 3]);
  });
  test("one for all packets that were taken together", async () => {
    const { part, receipts, state, idle, hello } = receiver();
    await part.answer(hello([]));
    for (let first = 1; first <= 9; first += 3) part.packet(packet(first, 3));
    await idle();
    expect(state.taking.at(-1)?.at(-1)).toBe(9);
    expect(state.taking.length).toBeLessThan(3);
    expect(receipts.at(-1)?.upTo).toBe(9);
  });
  test("ask for a resend once for a hole, however many packets are behind it", async () => {
    const { part, receipts, disk, idle } = receiver();
    for (const first of [4, 7, 10]) {
      part.packet(packet(first, 3));
      await idle();
    }
    expect(receipts).toMatchObject([{ upTo: 0, resend: true }]);
    part.packet(packet(1, 3));
    await idle();
    expect(receipts).toHaveLength(2);
    expect(receipts[1]).not.toHaveProperty("resend");
    expect(disk.taken).toEqual([1, 2, 3]);
  });
  test("answer every probe with the truth", async () => {
    const { part, receipts, idle } = receiver();
    part.packet(packet(1, 3));
    await idle();
    for (const first of [4, 5, 5]) {
      part.packet(probe(first));
      await idle();
    }
    expect(receipts.slice(1).map(({ upTo, resend }) => [upTo, resend ?? false])).toEqual([
      [3, false],
      [3, true],
      [3, true],
    ]);
  });
  test("are not given for what could not be written", async () => {
    const { part, receipts, state, disk, idle } = receiver();
    state.fails = 1;
    part.packet(packet(1, 3));
    await idle();
    expect(receipts).toEqual([]);
    part.packet(packet(1, 3));
    await idle();
    expect(receipts.map(({ upTo }) => upTo)).toEqual([3]);
    expect(disk.taken).toEqual([1, 2, 3]);
  });
  test("follow a mark that another process has moved", async () => {
    const { part, receipts, disk, idle } = receiver();
    part.packet(packet(1, 2));
    await idle();
    disk.marks.set("e", 4);
    part.packet(packet(3, 3));
    await idle();
    expect(receipts.at(-1)?.upTo).toBe(5);
    expect(disk.taken).toEqual([1, 2, 5]);
  });
  test("tell of a refused packet in its turn", async () => {
    const { part, receipts, idle } = receiver();
    part.packet(packet(1, 2));
    part.refused({ epoch: "e", first: 3, size: 77, code: "WIRE_PACKET", message: "bad" });
    part.packet(packet(5, 2));
    await idle();
    expect(receipts).toMatchObject([
      { upTo: 2 },
      { upTo: 2, refused: { first: 3, size: 77, code: "WIRE_PACKET", message: "bad" } },
    ]);
  });
  test("grant fresh credit in the epoch that was heard last", async () => {
    const { part, receipts, state, idle, hello } = receiver();
    await part.answer(hello([{ id: "e", first: 1, last: 4 }]));
    part.grant();
    await idle();
    state.credit = { entries: 5, bytes: 6 };
    part.packet(packet(1, 1, "f"));
    await idle();
    part.grant();
    part.grant();
    await idle();
    expect(receipts.map(({ epoch, upTo, credit }) => [epoch, upTo, credit.entries])).toEqual([
      ["e", 0, 1_000],
      ["f", 1, 5],
      ["f", 1, 5],
    ]);
  });
  test("grant fresh credit at the true mark, also after the disk had failed", async () => {
    const { part, receipts, state, idle } = receiver();
    part.packet(packet(1, 3));
    await idle();
    state.fails = 1;
    part.packet(packet(4, 1));
    await idle();
    part.grant();
    await idle();
    expect(receipts.map(({ upTo }) => upTo)).toEqual([3, 3]);
  });
});

describe("receipts that may wait", () => {
  const patient = () => {
    const time = manualTime();
    return Object.assign(receiver(emptyDisk(), { patience: { ms: 20, timers: time.timers } }), { time });
  };
  test("go together, once the time is over", async () => {
    const { part, receipts, idle, time } = patient();
    for (const first of [1, 3]) {
      part.packet(packet(first, 2));
      await idle();
    }
    expect(receipts).toEqual([]);
    time.advance(20);
    expect(receipts).toMatchObject([{ epoch: "e", upTo: 4 }]);
    time.advance(100);
    expect(receipts).toHaveLength(1);
  });
  test("go at once with something else, when they are many, and to a probe", async () => {
    const { part, receipts, idle } = patient();
    part.packet(packet(1, 2));
    await idle();
    part.flush();
    part.flush();
    expect(receipts.map(({ upTo }) => upTo)).toEqual([2]);
    part.packet(packet(3, 16));
    await idle();
    expect(receipts.map(({ upTo }) => upTo)).toEqual([2, 18]);
    part.packet(probe(19));
    await idle();
    expect(receipts.map(({ upTo }) => upTo)).toEqual([2, 18, 18]);
  });
  test("go at once behind what has just gone, and with those that waited", async () => {
    const time = manualTime();
    let hasCompany = false;
    const patience = { ms: 20, timers: time.timers, hasCompany: () => hasCompany };
    const { part, receipts, idle } = receiver(emptyDisk(), { patience });
    part.packet(packet(1, 2));
    await idle();
    expect(receipts).toEqual([]);
    hasCompany = true;
    part.packet(packet(3, 2));
    await idle();
    expect(receipts).toMatchObject([{ epoch: "e", upTo: 4 }]);
    time.advance(100);
    expect(receipts).toHaveLength(1);
  });
  test("of another epoch go before", async () => {
    const { part, receipts, idle } = patient();
    for (const epoch of ["old", "new"]) {
      part.packet(packet(1, 1, epoch));
      await idle();
    }
    part.flush();
    expect(receipts.map(({ epoch }) => epoch)).toEqual(["old", "new"]);
  });
  test("are not sent on a later connection, whose hello says as much", async () => {
    const { part, receipts, idle, time } = patient();
    part.packet(packet(1, 2));
    await idle();
    part.forget();
    time.advance(100);
    expect(receipts).toEqual([]);
  });
});

describe("a hello", () => {
  test("is answered with the marks on disk, after what came before it", async () => {
    const { part, hello } = receiver();
    part.packet(packet(1, 3));
    const answer = await part.answer(
      hello([
        { id: "e", first: 1, last: 9 },
        { id: "f", first: 1, last: 0 },
      ]),
    );
    expect(answer.marks).toEqual([
      { epoch: "e", upTo: 3 },
      { epoch: "f", upTo: 0 },
    ]);
  });
  test.each([
    ["with a hole that cannot be filled", { id: "e", first: 6, last: 9 }, [["e", 4, 5]], 5],
    ["of which nothing can be sent any more", { id: "e", first: 10, last: 9 }, [["e", 4, 9]], 9],
    ["without a hole", { id: "e", first: 4, last: 9 }, [], 3],
    ["whose entries this side has altogether", { id: "e", first: 1, last: 3 }, [], 3],
  ])("of an epoch %s", async (_what, range, gaps, upTo) => {
    const { part, hello, disk } = receiver();
    part.packet(packet(1, 3));
    const answer = await part.answer(hello([range]));
    expect(disk.gaps).toEqual(gaps);
    expect(answer.marks).toEqual([{ epoch: "e", upTo }]);
  });
});

describe("what is queued", () => {
  test("stays within the credit once granted; one packet is always admitted", async () => {
    const { part, disk, idle, state, hello } = receiver();
    state.credit = { entries: 6, bytes: 100_000 };
    await part.answer(hello([]));
    for (let first = 1; first <= 30; first += 3) part.packet(packet(first, 3));
    await idle();
    expect(disk.taken).toEqual([1, 2, 3, 4, 5, 6]);
    part.packet(packet(7, 50));
    await idle();
    expect(disk.taken).toHaveLength(56);
  });
  test("may be so much more when the peer sends some without credit", async () => {
    const { part, disk, idle, state, hello } = receiver(emptyDisk(), {
      beyond: { entries: 4, bytes: 100_000 },
    });
    state.credit = { entries: 0, bytes: 0 };
    await part.answer(hello([]));
    for (let first = 1; first <= 30; first += 2) part.packet(packet(first, 2));
    await idle();
    expect(disk.taken).toEqual([1, 2, 3, 4]);
    state.credit = { entries: 6, bytes: 100_000 };
    part.grant();
    await idle();
    for (let first = 5; first <= 30; first += 2) part.packet(packet(first, 2));
    await idle();
    expect(disk.taken).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  });
  test("holds a bounded number of probes, however many epochs they name", async () => {
    const { part, receipts, idle } = receiver();
    for (let n = 0; n < 10_000; n++) part.packet({ epoch: `e${n % 5_000}`, first: 1, entries: [] });
    await idle();
    expect(receipts.length).toBeLessThanOrEqual(1_100);
    expect(receipts.length).toBeGreaterThan(0);
  });
  test("shares its room with other links; what finds none is asked for again when there is", async () => {
    let free = 0;
    const room = {
      enter(bytes: number) {
        if (free < bytes) return false;
        free -= bytes;
        return true;
      },
      leave(bytes: number) {
        free += bytes;
      },
    };
    const { part, receipts, disk, idle, state } = receiver(emptyDisk(), { room });
    part.packet(packet(1, 2));
    await idle();
    expect([disk.taken, receipts]).toEqual([[], []]);
    free = 300;
    part.grant();
    await idle();
    expect(receipts).toEqual([{ epoch: "e", upTo: 0, credit: state.credit, resend: true }]);
    part.packet(packet(1, 2));
    part.packet(packet(3, 1));
    part.packet(packet(4, 1));
    await idle();
    expect([disk.taken, free]).toEqual([[1, 2, 3], 300]);
    // Whatever becomes of a take, its room is given back, and once.
    state.fails = 1;
    part.packet(packet(4, 3));
    await idle();
    expect(free).toBe(300);
    part.packet(packet(4, 3));
    await part.close();
    part.packet(packet(7, 1));
    expect(free).toBe(300);
  });
  test("is forgotten at the end, but a take that has begun is finished", async () => {
    const { part, disk } = receiver();
    part.packet(packet(1, 1));
    await part.close();
    part.packet(packet(2, 1));
    expect(disk.taken.length).toBeLessThanOrEqual(1);
    await expect(part.exclusive(async () => {})).rejects.toThrow("closed");
  });
});

test("an entry that kills its process is taken in alone after two deaths, and never after three", async () => {
  const disk = emptyDisk();
  const lives: number[][][] = [];
  for (let life = 0; life < 4; life++) {
    const { part, state } = receiver(disk, { deadly: 3, journal: true });
    part.packet(packet((disk.marks.get("e") ?? 0) + 1, 6 - (disk.marks.get("e") ?? 0)));
    for (let i = 0; i < 100; i++) await Promise.resolve();
    lives.push(state.taking);
  }
  expect(lives).toEqual([[[1, 2, 3, 4, 5, 6]], [[1, 2, 3, 4, 5, 6]], [[1], [2], [3]], [[4, 5, 6]]]);
  expect(disk.dead).toEqual([3]);
  expect(disk.taken).toEqual([1, 2, 4, 5, 6]);
});

test("entries that a full disk refused in one life after the other are under no suspicion", async () => {
  const disk = emptyDisk();
  for (let life = 0; life < 5; life++) {
    const { part, state, idle } = receiver(disk, { journal: true });
    state.fails = 1;
    part.packet(packet(1, 6));
    await idle();
    expect(state.taking).toEqual([[1, 2, 3, 4, 5, 6]]);
  }
  const { part, idle } = receiver(disk, { journal: true });
  part.packet(packet(1, 6));
  await idle();
  expect({ dead: disk.dead, taken: disk.taken }).toEqual({ dead: [], taken: [1, 2, 3, 4, 5, 6] });
});
