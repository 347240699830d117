/** Databases that an older hub wrote, on both engines: opened, they are as if this one had written them. */
import { createHash, randomBytes } from "node:crypto";
import { cpSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ClassicLevel } from "classic-level";
import { expect, onTestFinished, test } from "vitest";
import { storeFormat } from "../../../hub/store/format.ts";
import { openLevelStore } from "../../../hub/store/level-store.ts";
import { openSqliteStore } from "../../../hub/store/sqlite/sqlite-store.ts";
import type { Store } from "../../../hub/store/store.ts";
import { timestamp } from "../../../shared/clock.ts";
import { silentLogger } from "../../../shared/log.ts";
import { claimed, id, instance, ruleRecord, take } from "../../contract/store/world.ts";
import { verifyAll } from "../../support/audit.ts";
import { noon } from "../../support/records.ts";
import { aPackRecord } from "../../support/start-api.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const parts = {
  clock: { now: () => noon, monotonic: () => performance.now() },
  random: randomBytes,
  logger: silentLogger,
};
const later = { ...parts.clock, now: () => noon + 60_000 };
/** Rows that format 1 did not have. */
const added = ["ip/", "iu/", "ac/", "as/"];

async function fill(store: Store): Promise<void> {
  const of = (n: number, trigger: string, path: string) =>
    ({ type: "instance", instance: instance(n, { trigger, payload: { path } }) }) as const;
  const numbers = Array.from({ length: 700 }, (_, n) => n + 10);
  await store.takeIn(
    take(await claimed(store), 0, [
      of(1, "watch.file_changed", "/etc/hosts"),
      of(2, "mypack.changed_file", "/etc/hosts"),
      ...numbers.map((n) => of(n, "watch.file_changed", `/srv/${n}`)),
    ]),
  );
}

/** The audit begins when the store is opened: with the rules, without what is older. */
async function expectAudited(store: Store): Promise<void> {
  const { seq, first, began } = await store.auditHead();
  expect([seq, first, began]).toEqual([1, 1, timestamp(noon + 60_000)]);
  expect(await verifyAll(store)).toMatchObject({ problems: [], unchained: 702 });
  const trace = await store.traceAudit("rule:mypack.on_change");
  expect(trace).toMatchObject({ verified: true, steps: [{ seq: 1, state: "kept" }] });
  expect(await store.traceAudit(id(1))).toBeNull();
}

async function expectIndexed(store: Store): Promise<void> {
  const page = await store.fileChanges({ agent: "web-1", path: "/etc/hosts" }, { limit: 10 });
  expect(page.items.map((change) => change.instance.id)).toEqual([id(1)]);
  const last = await store.fileChanges({ agent: "web-1", path: "/srv/709" }, { limit: 10 });
  expect(last.items).toHaveLength(1);
  const open = await store.fileChanges({ unacknowledged: true }, { limit: 1_000 });
  expect(open.items).toHaveLength(701);
  expect(await store.counts()).toMatchObject({ instances: 702 });
}

test("LevelDB: changes of files that an older hub took in are found by path, and are still to be acknowledged", async () => {
  const folder = join(await tempFolder("migration"), "store");
  const first = await openLevelStore({ ...parts, folder });
  await fill(first);
  await first.close();
  const level = new ClassicLevel<string, string>(folder);
  for (const prefix of added) await level.clear({ gte: prefix, lt: `${prefix}~` });
  await level.put("r/mypack.on_change", JSON.stringify(ruleRecord("on_change")));
  await level.put("~format", "1");
  await level.close();
  const store = await openLevelStore({ ...parts, clock: later, folder });
  onTestFinished(() => store.close());
  expect(store.incarnation).toBe(first.incarnation);
  await expectIndexed(store);
  await expectAudited(store);
});

test("SQLite: the same, in the transaction that opens the file", async () => {
  const file = join(await tempFolder("migration"), "hub.sqlite");
  const first = await openSqliteStore({ ...parts, file });
  await fill(first);
  await first.close();
  const db = new DatabaseSync(file);
  for (const prefix of added)
    db.prepare("DELETE FROM records WHERE key >= ? AND key < ?").run(prefix, `${prefix}~`);
  const rule = JSON.stringify(ruleRecord("on_change"));
  db.prepare("INSERT INTO records VALUES (?, ?)").run("r/mypack.on_change", rule);
  db.prepare("UPDATE records SET value = '1' WHERE key = '~format'").run();
  db.close();
  const store = await openSqliteStore({ ...parts, clock: later, file });
  onTestFinished(() => store.close());
  expect(store.incarnation).toBe(first.incarnation);
  await expectIndexed(store);
  await expectAudited(store);
  const other = new DatabaseSync(file);
  expect(other.prepare("SELECT value FROM records WHERE key = '~format'").get()).toEqual({
    value: String(storeFormat),
  });
  other.prepare("UPDATE records SET value = '0' WHERE key = '~format'").run();
  other.close();
  await expect(openSqliteStore({ ...parts, file })).rejects.toMatchObject({ code: "STORE_FORMAT" });
});

test.each([
  ["nobody", null, []],
  ["all agents", {}, [{}]],
  ["some agents", { role: "web" }, [{ role: "web" }]],
])("a pack that was assigned to %s still is, and has no layers", async (_, before, after) => {
  const folder = join(await tempFolder("migration"), "store");
  const first = await openLevelStore({ ...parts, folder });
  await first.putPack(aPackRecord(), null);
  await first.close();
  const level = new ClassicLevel<string, string>(folder);
  const { layers: _layers, ...record } = aPackRecord();
  await level.put("k/mypack", JSON.stringify({ ...record, assigned_to: before }));
  await level.put("~format", "2");
  await level.close();
  const store = await openLevelStore({ ...parts, folder });
  onTestFinished(() => store.close());
  expect(await store.pack("mypack")).toEqual({ ...aPackRecord(), assigned_to: after });
});

test("rows of statuses that are no longer indexed are gone, and others are left", async () => {
  const folder = join(await tempFolder("migration"), "store");
  const first = await openLevelStore({ ...parts, folder });
  await fill(first);
  await first.close();
  const level = new ClassicLevel<string, string>(folder);
  const dropped = [
    ...["is/processed/1", "ns/succeeded/1", "es/succeeded/1"],
    ...["es/requested/1", "es/scheduled/1", "es/running/1", "es/canceling/1"],
  ];
  const kept = ["es/abandoned/1", "es/failed/1", "is/processing_failed/1", "ns/failed/1"];
  for (const key of [...dropped, ...kept]) await level.put(key, "");
  await level.put("~format", "5");
  await level.close();
  const store = await openLevelStore({ ...parts, folder });
  expect((await store.instances({ status: "pending" }, { limit: 1_000 })).items).toHaveLength(702);
  await store.close();
  await level.open();
  const rows = async (prefix: string) => level.keys({ gte: `${prefix}/`, lt: `${prefix}0` }).all();
  const left = [...(await rows("es")), ...(await rows("is")), ...(await rows("ns"))];
  await level.close();
  expect(left.filter((key) => !key.startsWith("is/pending/"))).toEqual(kept);
});

test("a chain of the audit that was begun in the old form goes on in the new one, and each row names the one before it", async () => {
  const folder = join(await tempFolder("migration"), "store");
  cpSync(resolve(import.meta.dirname, "../../fixtures/stores/hub-format-6"), folder, { recursive: true });
  const rows = async () => {
    const level = new ClassicLevel<string, string>(folder);
    const all = await level.iterator({ gte: "ac/", lt: "ac0" }).all();
    await level.close();
    return all.map(([, text]) => text);
  };
  const before = await rows();
  const last = before.at(-1) ?? "";
  const noted = { seq: before.length, hash: createHash("sha256").update(last).digest("hex") };
  const at = Date.parse(JSON.parse(last).at) + 60_000;
  const store = await openLevelStore({ ...parts, clock: { ...parts.clock, now: () => at }, folder });
  expect(await store.auditHead()).toMatchObject({
    seq: noted.seq + 1,
    began: JSON.parse(before[0] ?? "").at,
  });
  await store.takeIn(
    take(await claimed(store), 0, [{ type: "instance", instance: instance(1, { trigger: "a.b" }) }]),
  );
  expect(await verifyAll(store, noted)).toMatchObject({ problems: [], unchained: 0 });
  const { items } = await store.executions({}, { limit: 10 });
  expect(items).toHaveLength(2);
  for (const { id: run } of items) {
    const trace = await store.traceAudit(run);
    expect(trace).toMatchObject({ verified: true });
    expect(trace?.steps.at(-1)?.item).toMatchObject({ digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
  }
  const head = await store.auditHead();
  await store.close();
  const after = await rows();
  expect(after.slice(0, before.length)).toEqual(before);
  const added = after.slice(before.length).map((text) => JSON.parse(text));
  const base64url = Buffer.from(noted.hash, "hex").toString("base64url");
  expect(added[0]).toEqual([2, noted.seq + 1, timestamp(at), base64url, [["o", store.incarnation]]]);
  expect(added[1]).toMatchObject([2, noted.seq + 2, timestamp(at), expect.any(String), [expect.any(Array)]]);
  expect(added[1][4][0].slice(0, 2)).toEqual(["i", id(1)]);
  expect(
    createHash("sha256")
      .update(after.at(-1) ?? "")
      .digest("hex"),
  ).toBe(head.hash);
});
