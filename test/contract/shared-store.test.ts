/** What a store promises when several hubs have it open at once. LevelDB allows one process only; SQLite several. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import type { Change } from "../../hub/store/port/changes.ts";
import type { Claim } from "../../hub/store/port/ledgers.ts";
import { openSqliteStore, type SqliteStore } from "../../hub/store/sqlite/sqlite-store.ts";
import type { Store } from "../../hub/store/store.ts";
import { silentLogger } from "../../shared/log.ts";
import type { Timers } from "../../shared/timers.ts";
import { faultsOf, verifyAll } from "../support/audit.ts";
import { openTestKeys, plainValue } from "../support/key-book.ts";
import { manualTime } from "../support/manual-time.ts";
import { anAgent, noon } from "../support/records.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";
import {
  asked,
  assignment,
  claimed,
  id,
  lease,
  ledger,
  outcome,
  outcomes,
  packRecord,
  ruleRecord,
  take,
} from "./store/world.ts";

type Open = (over?: { readonly clockAheadMs?: number; readonly timers?: Timers }) => Promise<SqliteStore>;

async function sharedFile(): Promise<Open> {
  const file = join(await tempFolder("shared-store"), "hub.sqlite");
  return async ({ clockAheadMs = 0, timers } = {}) => {
    const store = await openSqliteStore({
      file,
      clock: { now: () => noon + clockAheadMs, monotonic: () => performance.now() },
      random: randomBytes,
      logger: silentLogger,
      ...(timers !== undefined && { timers }),
    });
    onTestFinished(() => store.close());
    return store;
  };
}

async function twoHubs(): Promise<[a: SqliteStore, b: SqliteStore]> {
  const open = await sharedFile();
  const a = await open();
  return [a, await open()];
}

function heard(store: Store): Change[] {
  const changes: Change[] = [];
  store.subscribeChanges((some) => changes.push(...some));
  return changes;
}

test("they are one store: the same incarnation, and what one has written the other reads at once", async () => {
  const [a, b] = await twoHubs();
  expect(b.incarnation).toBe(a.incarnation);
  const claim = await claimed(a);
  await a.takeIn(take(claim, 0, outcomes([1])));
  await a.setKey("system", "name", "value");
  expect(await b.instance(id(1))).toEqual(outcome(1).instance);
  expect(await b.marks("web-1", ["E1"])).toEqual(new Map([["E1", 1]]));
  expect(await b.key("system", "name")).toBe("value");
  expect(await b.counts()).toMatchObject({ instances: 1 });
  expect(await ledger(b)).toEqual([`1 ${outcome(1).executions[0]?.id}`]);
});

test("an agent has one owner, and one that was replaced writes nothing more, from whichever process", async () => {
  const [a, b] = await twoHubs();
  const old = await claimed(a);
  expect(await b.claimAgent("hub-b", "web-1", lease, old.until - 1)).toBeNull();
  expect(await a.renewClaim(old, lease, old.until)).toBe(true);
  expect(await b.claimAgent("hub-b", "web-1", lease, old.until)).toBeNull();
  const now = await b.claimAgent("hub-b", "web-1", lease, old.until + lease);
  expect(now?.fence).toBe(old.fence + 1);
  expect(await a.takeIn(take(old, 0, outcomes([1])))).toEqual({ done: false, why: "not-owner" });
  expect(await a.renewClaim(old, lease, old.until + lease)).toBe(false);
  expect(await b.instance(id(1))).toBeNull();
});

test("exactly one of many takers of the same mark wins, though they ask through different processes", async () => {
  const [a, b] = await twoHubs();
  const claim = await claimed(a);
  const results = await Promise.all(
    Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? a : b).takeIn(take(claim, 0, outcomes([n])))),
  );
  expect(results.filter(({ done }) => done)).toHaveLength(1);
  expect((await a.instances({}, { limit: 100 })).items).toHaveLength(1);
  expect(await ledger(b)).toHaveLength(1);
});

test("a record changes only from its revision, whoever changed it last", async () => {
  const [a, b] = await twoHubs();
  expect(await a.putAgent(anAgent(), null)).toBe(true);
  const raced = await Promise.all([a, b].map((store) => store.putAgent(anAgent({ rev: 2 }), 1)));
  expect(raced.filter(Boolean)).toHaveLength(1);
  expect(await a.putAgent(anAgent({ rev: 3 }), 2)).toBe(true);
  expect(await b.putAgent(anAgent({ rev: 3 }), 2)).toBe(false);
});

test("rules and packs are those of the last change, and a race for a version has one winner", async () => {
  const [a, b] = await twoHubs();
  const raced = await Promise.all([
    a.changeRules([ruleRecord("a")], [], 0),
    b.changeRules([ruleRecord("b")], [], 0),
  ]);
  expect(raced.filter((version) => version !== null)).toEqual([1]);
  expect(await b.ruleSet()).toEqual(await a.ruleSet());
  expect(await a.putPack(packRecord(), null, { put: [ruleRecord("c")], remove: [], version: 1 })).toBe(true);
  expect(await b.putPack(packRecord(), null)).toBe(false);
  expect(await b.pack("mypack")).toEqual(packRecord());
  expect(await b.changeRules([ruleRecord("d")], [], 2)).toBe(3);
  expect(await a.putPack(packRecord({ rev: 2 }), 1, { put: [], remove: ["mypack.c"], version: 2 })).toBe(
    false,
  );
  // This one has not asked for the rules since.
  expect(await a.putPack(packRecord({ rev: 2 }), 1)).toBe(true);
  expect(await a.ruleSet()).toEqual(await b.ruleSet());
  expect((await a.ruleSet()).rules.map(({ rule }) => rule.name)).toContain("d");
  // The rules that it removes were added by others.
  expect(await a.removePack("mypack", 2)).toBe(true);
  for (const store of [a, b]) expect(await store.ruleSet()).toMatchObject({ version: 5, rules: [] });
  expect(await b.packs()).toEqual([]);
});

test("each number of a down ledger is given once, in one epoch, however many hubs append", async () => {
  const [a, b] = await twoHubs();
  await claimed(a);
  await Promise.all(Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? a : b).appendDown([assignment(n)])));
  const epochs = await b.downEpochs("web-1");
  expect(epochs).toMatchObject([{ first: 1, last: 100 }]);
  const entries = await a.readDown("web-1", epochs[0]?.id ?? "", 1, 1_000, 1e9);
  expect(entries.map(({ n }) => n)).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
  expect(entries.map(({ entry }) => entry.id).sort()).toEqual(Array.from({ length: 100 }, (_, n) => id(n)));
});

test("slots and jobs go to one asker, though they ask through different processes", async () => {
  const [a, b] = await twoHubs();
  const got = await Promise.all(
    Array.from({ length: 8 }, (_, n) =>
      (n % 2 === 0 ? a : b).reserve("p", 2, 5, `holder-${n}`, noon + 9, noon),
    ),
  );
  expect(got.reduce((sum, slots) => sum + slots, 0)).toBe(5);
  for (let n = 0; n < 30; n++) await a.schedule({ id: `job-${n}`, dueAt: noon, kind: "tick", data: {} });
  const ids: string[] = [];
  // Who comes second finds those that it wanted taken, and asks again.
  for (let round = 0; round < 30; round++) {
    const taken = await Promise.all([a, b].map((store) => store.claimDue(noon, 5, 99)));
    ids.push(...taken.flat().map((job) => job.id));
  }
  expect(ids.sort()).toEqual(Array.from({ length: 30 }, (_, n) => `job-${n}`).sort());
});

test("the store's time goes on with the process whose clock is ahead, and never back", async () => {
  const open = await sharedFile();
  const ahead = await open({ clockAheadMs: 60_000 });
  const behind = await open();
  await ahead.setKey("s", "k", "1");
  await behind.setKey("s", "k", "2");
  expect(await behind.clockHighWater()).toBe(noon + 60_000);
});

test("every hub hears every change once, all in the same order", async () => {
  const [a, b] = await twoHubs();
  const [byA, byB] = [heard(a), heard(b)];
  await a.putAgent(anAgent({ id: "both" }), null);
  let rev = 1;
  while (rev < 60) {
    const store = rev % 3 === 0 ? a : b;
    if (await store.putAgent(anAgent({ id: "both", rev: rev + 1 }), rev)) rev++;
  }
  const revisions = (changes: readonly Change[]) =>
    changes.flatMap((change) => (change.type === "agent" ? [change.agent.rev] : []));
  const expected = Array.from({ length: 60 }, (_, n) => n + 1);
  await waitUntil("both have heard of the last change", () => byA.length >= 60 && byB.length >= 60);
  expect(revisions(byA)).toEqual(expected);
  expect(revisions(byB)).toEqual(expected);
});

test("a hub that cannot follow what the others write is told to read everything again", async () => {
  const open = await sharedFile();
  const time = manualTime();
  const slow = await open({ timers: time.timers });
  const changes = heard(slow);
  const fast = await open();
  await fast.setKey("system", "first", "1");
  time.advance(60);
  expect(changes.map(({ type }) => type)).toEqual(["key"]);
  for (let n = 0; n < 600; n++) await fast.setKey("system", "n", `${n}`);
  time.advance(60);
  expect(changes.at(-1)).toEqual({ type: "reopened" });
  expect(changes.filter(({ type }) => type === "reopened")).toHaveLength(1);
  time.advance(60);
  await fast.setKey("system", "n", "last");
  time.advance(60);
  expect(changes.at(-1)).toMatchObject({ type: "key", value: "last" });
});

test("a hub that comes to the others makes them open new epochs: had it been restored, numbers might repeat", async () => {
  const open = await sharedFile();
  const a = await open();
  const { epoch } = await claimed(a);
  await a.appendDown([asked(1)]);
  const b = await open();
  await a.appendDown([asked(2)]);
  await b.appendDown([asked(3)]);
  const epochs = await a.downEpochs("web-1");
  expect(epochs).toMatchObject([
    { id: epoch, first: 1, last: 1 },
    { first: 1, last: 2 },
  ]);
});

test("a process that finds the file locked waits, even if it has nothing else to do", async () => {
  const file = join(await tempFolder("shared-store"), "hub.sqlite");
  const lock = new DatabaseSync(file);
  onTestFinished(() => lock.close());
  lock.exec("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE");
  const program = join(import.meta.dirname, "../fixtures/programs/shared-hub.ts");
  // No agent has anything to send: it opens the store and ends.
  const child = spawn(process.execPath, [program, file, "hub-a", "web-1", "0", "1000"]);
  onTestFinished(() => void child.kill("SIGKILL"));
  const exited = once(child, "exit");
  child.stdin.end("go\n");
  const folder = `/proc/${child.pid}/fd`;
  await waitUntil("the process has the file open", () =>
    readdirSync(folder).some((fd) => readlinkSync(join(folder, fd)) === file),
  );
  // The time for which the lock is held.
  await new Promise((resolve) => setTimeout(resolve, 300));
  lock.exec("COMMIT");
  expect(await exited).toEqual([0, null]);
});

test("a datastore key that one hub sets is what the other's templates see", async () => {
  const [a, b] = await twoHubs();
  const book = (store: Store) => openTestKeys({ store, now: () => noon, jitter: () => 0 });
  const [keysOfA, keysOfB] = [await book(a), await book(b)];
  onTestFinished(() => keysOfA.close());
  onTestFinished(() => keysOfB.close());
  await keysOfA.set("system", "threshold", plainValue("3"));
  expect(keysOfA.find("system", "threshold")?.value).toBe("3");
  await waitUntil("the other hub has heard of it", () => keysOfB.find("system", "threshold")?.value === "3");
  expect(await keysOfB.delete("system", "threshold")).toBe(true);
  await waitUntil("it is gone at the first one too", () => keysOfA.find("system", "threshold") === null);
});

test("a file of another version, a damaged one and a folder that is none are refused by name", async () => {
  const folder = await tempFolder("shared-store");
  const openFile = (file: string) =>
    openSqliteStore({
      file,
      clock: { now: () => noon, monotonic: () => performance.now() },
      random: randomBytes,
      logger: silentLogger,
    });
  const other = join(folder, "other.sqlite");
  await (await openFile(other)).close();
  const db = new DatabaseSync(other);
  db.exec("UPDATE records SET value = '999' WHERE key = '~format'");
  db.close();
  const damaged = join(folder, "damaged.sqlite");
  writeFileSync(damaged, "no database ".repeat(1000));
  const cases = [
    [other, "STORE_FORMAT"],
    [damaged, "STORE_CORRUPT"],
    [join(damaged, "hub.sqlite"), "FOLDER_UNUSABLE"],
  ] as const;
  for (const [file, code] of cases) await expect(openFile(file)).rejects.toMatchObject({ code });
});

test("their writes make one chain, which either can verify, and a hub that comes is noted in it", async () => {
  const [a, b] = await twoHubs();
  const [one, two] = [await claimed(a, "web-1"), await claimed(b, "web-2", "hub-b")];
  const each = Array.from({ length: 20 }, (_, n) => n);
  const writes = (store: Store, claim: Claim, from: number) =>
    Promise.all(
      each.map((n) => store.takeIn(take(claim, 0, outcomes([from + n], claim.agent), `E${from + n}`))),
    );
  await Promise.all([writes(a, one, 100), writes(b, two, 200)]);
  expect(await a.auditHead()).toEqual(await b.auditHead());
  for (const store of [a, b]) {
    const verified = await verifyAll(store);
    expect(faultsOf(verified)).toEqual([]);
    // Beside the rows, the instances, decisions and executions of both.
    expect(verified.records).toBeGreaterThanOrEqual(6 * each.length);
  }
  const opened = (await a.traceAudit("chain:"))?.steps ?? [];
  expect(opened.map(({ seq, item }) => [seq, item.what])).toEqual([
    [1, "opened"],
    [2, "opened"],
  ]);
});
