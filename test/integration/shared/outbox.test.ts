/** The agent's outbox on a real database: what is promised is there, in order, under numbers used once. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import type { OutboxLimits } from "../../../shared/link/outbox-epochs.ts";
import { type AppendEntry, OutboxStore } from "../../../shared/link/outbox-store.ts";
import type { NumberedEntry } from "../../../shared/link/ports.ts";
import { silentLogger } from "../../../shared/log.ts";
import { type Database, openDatabase } from "../../../shared/storage/database-store.ts";
import { maxEntryBytes, type UpEntry } from "../../../shared/wire/messages.ts";
import { newId, triggerEntry } from "../../support/link-end.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

interface Opened {
  readonly outbox: OutboxStore;
  readonly database: Database;
}

const clock = { at: Date.UTC(2026, 0, 1) };

async function openOutbox(folder: string, limits: Partial<OutboxLimits> = {}): Promise<Opened> {
  const database = await openDatabase({ folder, format: 1, newId });
  onTestFinished(() => database.close());
  const outbox = await OutboxStore.open({
    db: database.level,
    committer: database.committer,
    prefix: "outbox",
    newId,
    now: () => clock.at,
    log: silentLogger,
    limits,
  });
  return { outbox, database };
}

async function reopen({ database }: Opened, folder: string, limits?: Partial<OutboxLimits>): Promise<Opened> {
  await database.close();
  return openOutbox(folder, limits);
}

const current = (outbox: OutboxStore) => outbox.epochs().at(-1) ?? { id: "", first: 0, last: 0 };
const triggers = (count: number, text = "") => Array.from({ length: count }, () => triggerEntry({ text }));
const plain = (entries: readonly NumberedEntry<UpEntry>[]) => entries.map(({ n, entry }) => [n, entry.id]);
const numbered = (entries: readonly AppendEntry[], first = 1) => entries.map(({ id }, i) => [first + i, id]);
const rows = async ({ level }: Database, part: string) =>
  (await level.keys({ gt: `outbox!${part}!`, lt: `outbox!${part}"` }).all()).length;

describe("appending", () => {
  test("numbers entries without holes, however many at once, and reads them back in order", async () => {
    const { outbox } = await openOutbox(await tempFolder());
    const entries = triggers(50);
    const appended = await Promise.all([
      outbox.append(entries.slice(0, 20)),
      outbox.append(entries.slice(20)),
    ]);
    expect(plain(appended.flat())).toEqual(numbered(entries));
    const { id, last } = current(outbox);
    expect(last).toBe(50);
    expect(plain(await outbox.read(id, 1, 100, 1e9))).toEqual(numbered(entries));
    expect(plain(await outbox.read(id, 49, 100, 1e9))).toEqual(numbered(entries).slice(48));
    expect(await outbox.read(id, 51, 100, 1e9)).toEqual([]);
  });

  test("writes the caller's operations in the same batch", async () => {
    const { outbox, database } = await openOutbox(await tempFolder());
    await outbox.append(triggers(1), [{ type: "put", key: "cursor", value: "7" }]);
    expect(await database.level.get("cursor")).toBe("7");
    expect(database.committer.figures().batches).toBe(1);
  });

  test("tells its listeners once the entries can be read", async () => {
    const { outbox } = await openOutbox(await tempFolder());
    const seen: number[] = [];
    const stop = outbox.onAppend(() => seen.push(current(outbox).last));
    await outbox.append(triggers(2));
    stop();
    await outbox.append(triggers(1));
    expect(seen).toEqual([2]);
  });

  test("that a request was accepted can wait for the next entry; how an execution goes on cannot", async () => {
    const { outbox } = await openOutbox(await tempFolder());
    const seen: unknown[] = [];
    outbox.onAppend((canWait) => seen.push(canWait));
    const update = { id: newId(), at: triggerEntry().at, kind: "execution-update", execution: "E1" } as const;
    await outbox.append([{ ...update, status: "accepted" }]);
    await outbox.append([{ ...update, id: newId(), status: "running" }]);
    expect(seen).toEqual([true, false]);
  });

  test("refuses an entry of more than 128 KiB, and one nested too deep, touching nothing", async () => {
    const { outbox, database } = await openOutbox(await tempFolder());
    const extra = [{ type: "put", key: "cursor", value: "7" }] as const;
    const large = triggerEntry({ text: "ü".repeat(maxEntryBytes / 2) });
    await expect(outbox.append([triggerEntry(), large], extra)).rejects.toMatchObject({
      code: "LINK_ENTRY_TOO_LARGE",
    });
    const deep = triggerEntry(JSON.parse("[".repeat(200) + "]".repeat(200)));
    await expect(outbox.append([deep], extra)).rejects.toMatchObject({ code: "WIRE_PACKET" });
    expect(await database.level.get("cursor")).toBe(undefined);
    expect(outbox.figures()).toMatchObject({ entries: 0, bytes: 0 });
    expect((await outbox.append(triggers(1)))[0]?.n).toBe(1);
  });
});

describe("its cap", () => {
  const result = (): AppendEntry => ({
    id: newId(),
    at: "2026-01-01T00:00:00Z",
    kind: "execution-update",
    execution: newId(),
    status: "succeeded",
    result: "x".repeat(900),
  });
  test("in bytes leaves a reserve for results and gaps", async () => {
    const limits = { maxBytes: 20_000, reserveBytes: 5_000 };
    const { outbox } = await openOutbox(await tempFolder(), limits);
    const fill = async (make: () => AppendEntry) => {
      for (let i = 0; i < 100; i++) await outbox.append([make()]);
    };
    await expect(fill(() => triggerEntry({ text: "x".repeat(900) }))).rejects.toMatchObject({
      code: "LINK_OUTBOX_FULL",
    });
    expect(outbox.figures().bytes).toBeGreaterThan(13_000);
    expect(outbox.figures().bytes).toBeLessThanOrEqual(15_000);
    await expect(fill(result)).rejects.toMatchObject({ code: "LINK_OUTBOX_FULL" });
    expect(outbox.figures().bytes).toBeGreaterThan(18_000);
    expect(outbox.figures().bytes).toBeLessThanOrEqual(20_000);
  });
  test("counts what is still being written", async () => {
    const { outbox } = await openOutbox(await tempFolder(), { maxEntries: 10 });
    const outcomes = await Promise.allSettled(triggers(15).map((entry) => outbox.append([entry])));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
  });
  test("is about entries without a receipt, across restarts", async () => {
    const folder = await tempFolder();
    const limits = { maxEntries: 10 };
    let opened = await openOutbox(folder, limits);
    await opened.outbox.append(triggers(10));
    const { id } = current(opened.outbox);
    opened = await reopen(opened, folder, limits);
    await expect(opened.outbox.append(triggers(1))).rejects.toMatchObject({ code: "LINK_OUTBOX_FULL" });
    await opened.outbox.receipted(id, 4);
    await opened.outbox.append(triggers(4));
    await expect(opened.outbox.append(triggers(1))).rejects.toMatchObject({ code: "LINK_OUTBOX_FULL" });
    opened = await reopen(opened, folder, limits);
    expect(opened.outbox.figures().entries).toBe(10);
  });
});

describe("a restart", () => {
  test("opens a new epoch and keeps the old ones in their order", async () => {
    const folder = await tempFolder();
    let opened = await openOutbox(folder);
    const ids: string[] = [];
    for (let i = 1; i <= 12; i++) {
      await opened.outbox.append(triggers(i));
      ids.push(current(opened.outbox).id);
      opened = await reopen(opened, folder);
    }
    expect(new Set(ids).size).toBe(12);
    expect(opened.outbox.epochs().slice(0, -1)).toEqual(ids.map((id, i) => ({ id, first: 1, last: i + 1 })));
    expect(current(opened.outbox)).toMatchObject({ first: 1, last: 0 });
  });
  test("without an entry leaves nothing behind", async () => {
    const folder = await tempFolder();
    let opened = await openOutbox(folder);
    for (let i = 0; i < 5; i++) opened = await reopen(opened, folder);
    expect(opened.outbox.epochs()).toHaveLength(1);
    expect(await rows(opened.database, "e")).toBe(0);
  });
  test("reads an old epoch from the disk within bounds, one entry in any case", async () => {
    const folder = await tempFolder();
    const first = await openOutbox(folder);
    const entries = triggers(30, "x".repeat(1_000));
    await first.outbox.append(entries);
    const { id } = current(first.outbox);
    const { outbox } = await reopen(first, folder);
    expect(plain(await outbox.read(id, 3, 5, 1e9))).toEqual(numbered(entries).slice(2, 7));
    expect(await outbox.read(id, 3, 100, 4_000)).toHaveLength(3);
    expect(await outbox.read(id, 3, 100, 1)).toHaveLength(1);
    expect((await outbox.read(id, 3, 1, 1))[0]?.text).toBe(JSON.stringify(entries[2]));
  });
});

test("killed with -9 in the middle it has every promised entry, in order and without holes", async () => {
  const folder = await tempFolder();
  const program = fileURLToPath(new URL("../../fixtures/programs/outbox-writer-main.ts", import.meta.url));
  for (let round = 1; round <= 3; round++) {
    const child = spawn(process.execPath, [program, folder], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
    });
    await waitUntil("some appends", () => printed.split("\n").length > 200 * round);
    child.kill("SIGKILL");
    await once(child, "close");
    const promised = printed
      .split("\n")
      .slice(0, -1)
      .flatMap((line) => line.split(" "));

    const opened = await openOutbox(folder);
    const found = new Set<string>();
    const epochs = opened.outbox.epochs().slice(0, -1);
    expect(epochs).toHaveLength(round);
    for (const { id, first, last } of epochs) {
      expect(first).toBe(1);
      for (let n = first; n <= last; ) {
        const [entry] = await opened.outbox.read(id, n, 1, 1);
        expect(entry?.n).toBe(n);
        expect(entry?.entry.kind).toBe("trigger");
        found.add(entry?.entry.id ?? "");
        n = (entry?.last ?? n) + 1;
      }
    }
    expect(promised.filter((id) => !found.has(id))).toEqual([]);
    await opened.database.close();
  }
}, 60_000);

describe("after a failed batch", () => {
  test("appends are refused until resume, then go to a new epoch; no number is used twice", async () => {
    const opened = await openOutbox(await tempFolder());
    const { outbox, database } = opened;
    const before = triggers(3);
    await outbox.append(before);
    const old = current(outbox);
    await database.level.close();
    await expect(outbox.append(triggers(2))).rejects.toMatchObject({ code: "STORE_WRITE" });
    await expect(outbox.append(triggers(2))).rejects.toMatchObject({ code: "STORE_WRITE" });
    await database.committer.resume();
    const after = triggers(2);
    expect(plain(await outbox.append(after))).toEqual(numbered(after));
    expect(current(outbox).id).not.toBe(old.id);
    expect(outbox.epochs()[0]).toEqual({ id: old.id, first: 1, last: 3 });
    expect(plain(await outbox.read(old.id, 1, 10, 1e9))).toEqual(numbered(before));
  });
});

describe("receipted entries", () => {
  const keep = { keepBytes: 50_000, keepMs: 24 * 3_600_000 };
  const settle = async ({ outbox }: Opened) => {
    // Deletions ride with appends.
    for (let i = 0; i < 5; i++) {
      await outbox.append(triggers(1));
      await outbox.receipted(current(outbox).id, 0);
    }
  };
  test("are kept for a receiver that was restored from a backup", async () => {
    const opened = await openOutbox(await tempFolder(), keep);
    const entries = triggers(20);
    await opened.outbox.append(entries);
    const { id } = current(opened.outbox);
    await opened.outbox.receipted(id, 20);
    await settle(opened);
    expect(plain(await opened.outbox.read(id, 1, 20, 1e9))).toEqual(numbered(entries));
  });
  test("go after their time, with the next append", async () => {
    const folder = await tempFolder();
    const opened = await openOutbox(folder, keep);
    await opened.outbox.append(triggers(20));
    const { id } = current(opened.outbox);
    await opened.outbox.receipted(id, 15);
    clock.at += 26 * 3_600_000;
    onTestFinished(() => {
      clock.at -= 26 * 3_600_000;
    });
    await opened.outbox.receipted(id, 16);
    await settle(opened);
    expect(opened.outbox.epochs()[0]).toMatchObject({ id, first: 16 });
    const again = await reopen(opened, folder, keep);
    expect(again.outbox.epochs()[0]).toMatchObject({ id, first: 16, last: 25 });
  });
  test("go oldest first beyond their budget; an emptied epoch goes altogether", async () => {
    const folder = await tempFolder();
    const first = await openOutbox(folder, { ...keep, keepBytes: 0 });
    await first.outbox.append(triggers(30, "x".repeat(60_000)));
    const old = current(first.outbox).id;
    const opened = await reopen(first, folder, { ...keep, keepBytes: 0 });
    await opened.outbox.append(triggers(1));
    await opened.outbox.receipted(old, 30);
    await settle(opened);
    expect(opened.outbox.epochs().map(({ id }) => id)).not.toContain(old);
    expect(opened.outbox.figures()).toMatchObject({ keptBytes: 0, epochs: 1 });
    expect(await rows(opened.database, "n")).toBe(6);
    expect(await rows(opened.database, "e")).toBe(1);
  });
  test("never go before their receipt, whatever the budget", async () => {
    const opened = await openOutbox(await tempFolder(), { keepBytes: 0, keepMs: 0 });
    await opened.outbox.append(triggers(30, "x".repeat(60_000)));
    const { id } = current(opened.outbox);
    await opened.outbox.receipted(id, 20);
    await settle(opened);
    expect(opened.outbox.epochs()[0]).toEqual({ id, first: 21, last: 35 });
  });
  test("of too many epochs go whatever their age", async () => {
    const folder = await tempFolder();
    const limits = { maxEpochs: 4 };
    let opened = await openOutbox(folder, limits);
    for (let i = 0; i < 8; i++) {
      await opened.outbox.append(triggers(2));
      await opened.outbox.receipted(current(opened.outbox).id, 2);
      opened = await reopen(opened, folder, limits);
      for (const { id, last } of opened.outbox.epochs()) await opened.outbox.receipted(id, last);
    }
    await opened.outbox.append(triggers(2));
    await opened.outbox.receipted(current(opened.outbox).id, 1);
    await settle(opened);
    expect(opened.outbox.epochs().length).toBeLessThanOrEqual(5);
  });
});

describe("parking", () => {
  test("puts a void in the entry's place, keeps the original, and tells of the gap, at once", async () => {
    const folder = await tempFolder();
    const opened = await openOutbox(folder);
    const entries = triggers(3);
    await opened.outbox.append(entries);
    const { id } = current(opened.outbox);
    await opened.outbox.park(id, 2, "bad");
    const check = async ({ outbox }: Opened) => {
      const read = await outbox.read(id, 1, 10, 1e9);
      expect(read.map(({ n, entry: { kind } }) => [n, kind])).toEqual([
        [1, "trigger"],
        [2, "void"],
        [3, "trigger"],
        [4, "link-gap"],
      ]);
      expect(read[1]?.entry).toMatchObject({ from: 2, to: 2, reason: "bad" });
      expect(read[3]?.entry).toMatchObject({ epoch: id, from: 2, to: 2, reason: "parked: bad" });
    };
    await check(opened);
    await opened.outbox.park(id, 2, "again");
    const again = await reopen(opened, folder);
    await check(again);
    const parked = await again.database.level.values({ gt: "outbox!p!", lt: 'outbox!p"' }).all();
    expect(parked.map((value) => JSON.parse(JSON.parse(value).text).id)).toEqual([entries[1]?.id]);
  });
});

test("a row that the disk gives back damaged, or not at all, is a void with a reason", async () => {
  const folder = await tempFolder();
  const first = await openOutbox(folder);
  await first.outbox.append(triggers(6));
  const { id } = current(first.outbox);
  const keys = await first.database.level.keys({ gt: "outbox!n!", lt: 'outbox!n"' }).all();
  await first.database.level.put(keys[1] ?? "", "100 {broken");
  await first.database.level.batch([2, 3].map((i) => ({ type: "del", key: keys[i] ?? "" })));
  const { outbox } = await reopen(first, folder);
  const read = await outbox.read(id, 1, 10, 1e9);
  expect(read.map(({ n, last, entry: { kind } }) => [n, last, kind])).toEqual([
    [1, 1, "trigger"],
    [2, 2, "void"],
    [3, 4, "void"],
    [5, 5, "trigger"],
    [6, 6, "trigger"],
  ]);
});

describe("a backlog", () => {
  const limits = { backlogEntries: 10 };

  test("is passed at the next hello by an epoch for what is fresh, once", async () => {
    const folder = await tempFolder();
    const opened = await openOutbox(folder, { ...limits, backlogEntries: 30 });
    const { outbox } = opened;
    await outbox.append(triggers(29));
    outbox.passBacklog();
    expect(outbox.epochs()).toHaveLength(1);
    const old = current(outbox);
    // A batch that is being written when the epoch changes belongs to the old one.
    const writing = outbox.append(triggers(1));
    outbox.passBacklog();
    outbox.passBacklog();
    const fresh = triggers(2);
    await Promise.all([writing, outbox.append(fresh)]);
    expect(outbox.epochs()).toEqual([
      { id: old.id, first: 1, last: 30 },
      { id: expect.not.stringMatching(old.id), first: 1, last: 2 },
    ]);
    expect(plain(await outbox.read(current(outbox).id, 1, 10, 10_000))).toEqual(numbered(fresh));
    const again = await reopen(opened, folder);
    expect(again.outbox.epochs().map(({ last }) => last)).toEqual([30, 2, 0]);
    expect(again.outbox.figures().entries).toBe(32);
  });

  test("that grows behind none that is older is passed without waiting for a hello; then it waits", async () => {
    const { outbox } = await openOutbox(await tempFolder(), limits);
    for (let i = 0; i < 45; i++) await outbox.append(triggers(1));
    expect(outbox.epochs().map(({ last }) => last)).toEqual([10, 35]);
    const [old] = outbox.epochs();
    await outbox.receipted(old?.id ?? "", 10);
    await outbox.append(triggers(1));
    expect(outbox.epochs().map(({ last }) => last)).toEqual([10, 35, 1]);
  });

  test("is told of when it is receipted to its end, and only then", async () => {
    const { outbox } = await openOutbox(await tempFolder(), limits);
    let told = 0;
    outbox.onDrained(() => told++);
    await outbox.append(triggers(10));
    const old = current(outbox).id;
    await outbox.append(triggers(3));
    await outbox.receipted(old, 9);
    await outbox.receipted(current(outbox).id, 3);
    expect(told).toBe(0);
    await outbox.receipted(old, 10);
    await outbox.receipted(old, 10);
    expect(told).toBe(1);
  });

  test("whose last batch is still being written keeps its place although all before it is deleted", async () => {
    const { outbox } = await openOutbox(await tempFolder(), { ...limits, keepBytes: 0 });
    for (let i = 0; i < 10; i++) await outbox.append(triggers(1, "x".repeat(120_000)));
    const old = current(outbox).id;
    await outbox.receipted(old, 10);
    const deleting = outbox.append([]);
    const writing = outbox.append(triggers(10));
    outbox.passBacklog();
    expect(current(outbox).id).not.toBe(old);
    await Promise.all([deleting, writing]);
    expect(outbox.epochs()[0]).toEqual({ id: old, first: 11, last: 20 });
    expect(await outbox.read(old, 11, 100, 100_000)).toHaveLength(10);
  });
});

describe("what comes in bulk", () => {
  const bulk = { inBulk: true };

  test("has an epoch older than the current one, in its own order, while other entries come in between", async () => {
    const { outbox } = await openOutbox(await tempFolder());
    const [before, storm, between, more, after] = [1, 3, 1, 2, 1].map((count) => triggers(count));
    await outbox.append(before ?? []);
    await outbox.append(storm ?? [], [], bulk);
    await outbox.append(between ?? []);
    await outbox.append(more ?? [], [], bulk);
    await outbox.append(after ?? []);
    const read = await Promise.all(outbox.epochs().map(({ id }) => outbox.read(id, 1, 100, 1e9)));
    expect(read.map(plain)).toEqual([
      numbered(before ?? []),
      numbered([...(storm ?? []), ...(more ?? [])]),
      numbered([...(between ?? []), ...(after ?? [])]),
    ]);
  });

  test("begins anew once it was receipted and deleted, and after a restart", async () => {
    const folder = await tempFolder();
    const opened = await openOutbox(folder, { keepMs: 0, keepBytes: 0 });
    const { outbox } = opened;
    await outbox.append(triggers(2), [], bulk);
    const [first] = outbox.epochs().filter(({ last }) => last === 2);
    await outbox.receipted(first?.id ?? "", 2);
    clock.at += 7_200_000;
    await waitUntil("its rows to be gone", async () => {
      await outbox.append(triggers(1));
      // Deleting goes with the receipts.
      await outbox.receipted(current(outbox).id, current(outbox).last);
      return !outbox.epochs().some(({ id }) => id === first?.id);
    });
    const again = triggers(1);
    await outbox.append(again, [], bulk);
    const { outbox: next } = await reopen(opened, folder);
    await next.append(triggers(1), [], bulk);
    const holding = next.epochs().filter(({ last }) => last > 0);
    // The fresh one from before the restart, what came in bulk before it, and what did after it.
    expect(holding).toHaveLength(3);
    expect(plain(await next.read(holding[1]?.id ?? "", 1, 10, 1e9))).toEqual(numbered(again));
    expect(current(next).last).toBe(0);
  });
});
