import { join } from "node:path";
import { expect, test } from "vitest";
import { createDatastore } from "../../../../agent/sensors/datastore.ts";
import { LocalValuesStore, maxLocalValues } from "../../../../agent/sensors/local-values-store.ts";
import type { DatastoreMessage } from "../../../../agent/sensors/messages.ts";
import type { StoreOp } from "../../../../shared/storage/committer-store.ts";
import { openDatabase } from "../../../../shared/storage/database-store.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

async function openValues(folder: string, now: () => number = Date.now) {
  const database = await openDatabase({ folder: join(folder, "db"), format: 1, newId: () => "one" });
  const commit = (ops: readonly StoreOp[]) => database.committer.commit({ ops, bytes: 64, source: "test" });
  return { store: new LocalValuesStore({ database, now }), commit, close: () => database.close() };
}

test("values are kept across a restart, each owner's apart", async () => {
  const folder = await tempFolder();
  const first = await openValues(folder);
  await (await first.store.of("pack.A")).set("cursor", "ä\n!");
  await (await first.store.of("pack.A")).set("other!name", "x");
  await (await first.store.of("pack.AB")).set("cursor", "2");
  await first.close();
  const second = await openValues(folder);
  const values = await second.store.of("pack.A");
  expect(await values.get("cursor")).toBe("ä\n!");
  expect(await values.list("")).toEqual([
    { name: "cursor", value: "ä\n!" },
    { name: "other!name", value: "x" },
  ]);
  expect(await (await second.store.of("pack")).list("")).toEqual([]);
  expect(await values.delete("cursor")).toBe(true);
  expect(await values.delete("cursor")).toBe(false);
  expect(await values.get("cursor")).toBeNull();
  await second.close();
});

test("a value with a ttl is gone in time, also from the disk at the next opening", async () => {
  const folder = await tempFolder();
  let now = 1_000_000;
  const first = await openValues(folder, () => now);
  const values = await first.store.of("pack.A");
  await values.set("short", "1", 10);
  await values.set("long", "2", 1_000);
  now += 9_999;
  expect(await values.get("short")).toBe("1");
  now += 1;
  expect(await values.get("short")).toBeNull();
  expect(await values.list("")).toEqual([{ name: "long", value: "2" }]);
  expect(await values.delete("short")).toBe(false);
  await values.set("short", "3", 1);
  await first.close();
  now += 5_000;
  const second = await openValues(folder, () => now);
  const again = await second.store.of("pack.A");
  now = 0;
  expect(await again.get("short")).toBeNull();
  await second.close();
});

test("a list has pages, in order of names, below a prefix", async () => {
  const { store, close } = await openValues(await tempFolder());
  const values = await store.of("pack.A");
  for (const name of ["b2", "a", "b1", "b3"]) await values.set(name, name);
  expect(await values.list("b", 2, 1)).toEqual([
    { name: "b2", value: "b2" },
    { name: "b3", value: "b3" },
  ]);
  await close();
});

test("a page too long for one answer is refused, and a shorter one is not", async () => {
  const { store, close } = await openValues(await tempFolder());
  const values = await store.of("pack.A");
  const text = "x".repeat(64 * 1024);
  for (let at = 0; at < 65; at++) await values.set(`n${at}`, text);
  await expect(values.list("")).rejects.toMatchObject({ code: "KEY_LIMIT" });
  expect((await values.list("", 64)).length).toBe(64);
  await close();
});

test("an owner may have only so many values, and may still change those it has", async () => {
  const { store, close } = await openValues(await tempFolder());
  const values = await store.of("pack.A");
  const many = Array.from({ length: maxLocalValues }, (_, at) => ({ name: `n${at}`, value: "x" }));
  values.plan(many).commit();
  await expect(values.set("one more", "x")).rejects.toMatchObject({ code: "KEY_LIMIT" });
  await expect(values.set("n1", "y")).resolves.toBeUndefined();
  await close();
});

test.each<[string, DatastoreMessage]>([
  ["an empty name", { op: "get_value", request: 1, name: "" }],
  ["a value without end", { op: "set_value", request: 1, name: "n", value: "x".repeat(100_000) }],
])("the datastore refuses %s", async (_, call) => {
  const { store, close } = await openValues(await tempFolder());
  const datastore = createDatastore({ local: store, ask: async () => null });
  await expect(datastore("pack.A", call)).rejects.toMatchObject({ code: "KEY_INVALID" });
  await close();
});

const sealedBy = (value: string) =>
  `petrel-sealed:1:${"0".repeat(16)}:${Buffer.from(value).toString("base64url")}`;

test("a local secret is on the agent's disk as the hub has sealed it, and only the hub opens it", async () => {
  const { store, close } = await openValues(await tempFolder());
  const plain = "s3cret that is long enough to look sealed";
  const sealed = sealedBy(plain);
  const asked: unknown[] = [];
  const datastore = createDatastore({
    local: store,
    ask: async (op, args) => {
      asked.push([op, args]);
      return op === "datastore.seal" ? sealed : plain;
    },
  });
  const set = { op: "set_value", request: 1, name: "n", value: plain, encrypt: true } as const;
  expect(await datastore("pack.A", set, "an execution")).toBe(true);
  expect(await (await store.of("pack.A")).get("n")).toBe(sealed);
  const get = { op: "get_value", request: 2, name: "n" } as const;
  expect(await datastore("pack.A", get)).toBe(sealed);
  expect(await datastore("pack.A", { ...get, decrypt: true })).toBe(plain);
  expect(await datastore("pack.A", { op: "list_values", request: 3 })).toEqual([
    { name: "n", value: sealed, secret: true },
  ]);
  // What is no secret needs no hub.
  await datastore("pack.A", { op: "set_value", request: 4, name: "m", value: "plain" });
  expect(await datastore("pack.A", { ...get, name: "m", decrypt: true })).toBe("plain");
  expect(asked).toEqual([
    ["datastore.seal", { by: "pack.A", execution: "an execution", value: plain }],
    ["datastore.unseal", { by: "pack.A", sealed }],
  ]);
  await close();
});

test("what the hub did not seal is not kept in plain", async () => {
  const { store, close } = await openValues(await tempFolder());
  const datastore = createDatastore({ local: store, ask: async () => "plain" });
  const set = { op: "set_value", request: 1, name: "n", value: "plain", encrypt: true } as const;
  await expect(datastore("pack.A", set)).rejects.toMatchObject({ code: "WIRE_PACKET" });
  expect(await (await store.of("pack.A")).get("n")).toBeNull();
  await close();
});

test("values whose time is over make way for new ones, and do not come back", async () => {
  const folder = await tempFolder();
  let now = 1_000_000;
  const first = await openValues(folder, () => now);
  const values = await first.store.of("pack.A");
  await values.set("kept", "k");
  const seen = Array.from({ length: maxLocalValues - 1 }, (_, at) => ({
    name: `seen-${at}`,
    value: "",
    ttl: 10,
  }));
  const plan = values.plan(seen);
  await first.commit(plan.ops);
  plan.commit();
  await expect(values.set("one more", "")).rejects.toThrow("local values already");
  now += 10_000;
  await values.set("one more", "1");
  expect((await values.list("", maxLocalValues)).map(({ name }) => name)).toEqual(["kept", "one more"]);
  await first.close();
  now = 1_000_000;
  const second = await openValues(folder, () => now);
  expect(await (await second.store.of("pack.A")).get("seen-7")).toBeNull();
  await second.close();
});
