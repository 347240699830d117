/** The shared datastore over a real store: restarts, bounds, and a disk that refuses for a while. */
import { expect, it, onTestFinished } from "vitest";
import { datastoreResponders } from "../../../../hub/datastore/key-answers.ts";
import { type KeyBook, type KeyLimits, openKeyBook } from "../../../../hub/datastore/key-book.ts";
import type { Store } from "../../../../hub/store/store.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { systemJitter, systemTimers } from "../../../../shared/system-process.ts";
import { failingStore } from "../../../support/failing-store.ts";
import { waitUntil } from "../../../support/wait-until.ts";

async function open(store: Store, time = { at: Date.now() }, limits?: KeyLimits): Promise<KeyBook> {
  const keys = await openKeyBook({
    store,
    now: () => time.at,
    timers: systemTimers,
    jitter: systemJitter,
    log: silentLogger,
    ...(limits !== undefined && { limits }),
  });
  onTestFinished(() => keys.close());
  return keys;
}

it("has every key again after a restart, however many", async () => {
  const { store } = await failingStore();
  const first = await open(store);
  const names = Array.from({ length: 2_345 }, (_, n) => `key-${String(n).padStart(5, "0")}`);
  await Promise.all(names.map((name) => first.set(name, name, null)));
  const again = await open(store);
  expect(again.list("", 0, 10_000).map(({ name }) => name)).toEqual(names);
});

it("takes no more than it has room for, and makes room by what is over", async () => {
  const { store } = await failingStore();
  const time = { at: Date.now() };
  const keys = await open(store, time, { keys: 3, characters: 1_000 });
  await keys.set("a", "1", 10);
  await keys.set("b", "1", null);
  await keys.set("c", "1", null);
  await expect(keys.set("d", "1", null)).rejects.toMatchObject({ code: "KEY_LIMIT" });
  await keys.set("c", "2", null);
  time.at += 11_000;
  await keys.set("d", "1", null);
  expect(keys.list("", 0, 10).map(({ name }) => name)).toEqual(["b", "c", "d"]);
  await expect(keys.set("d", "x".repeat(1_000), null)).rejects.toMatchObject({ code: "KEY_LIMIT" });
  expect(keys.get("d")).toBe("1");
});

it("a key whose time is over leaves the disk when it is swept", async () => {
  const { store } = await failingStore();
  const time = { at: Date.now() };
  const keys = await open(store, time);
  await keys.set("short", "1", 5);
  await keys.set("long", "1", null);
  time.at += 6_000;
  expect(keys.get("short")).toBeNull();
  expect(await keys.sweep()).toBe(1);
  expect((await store.keys("system", "", 10)).map(({ name }) => name)).toEqual(["long"]);
});

it("lists by prefix, in pages, and refuses a page that no packet could carry", async () => {
  const { store } = await failingStore();
  const keys = await open(store);
  for (const name of ["b/2", "a", "b/1", "c", "b/3", "B"]) await keys.set(name, name, null);
  expect(keys.list("b/", 1, 5).map(({ name }) => name)).toEqual(["b/2", "b/3"]);
  expect(keys.list("", 0, 3).map(({ name }) => name)).toEqual(["B", "a", "b/1"]);
  await keys.delete("b/1");
  expect(keys.list("b/", 0, 5).map(({ name }) => name)).toEqual(["b/2", "b/3"]);
  await keys.set("b/2", "x".repeat(60_000), null);
  await keys.set("b/3", "x".repeat(60_000), null);
  const answer = datastoreResponders(keys);
  await expect(answer["datastore.list"]?.({ prefix: "b/" })).rejects.toMatchObject({ code: "KEY_LIMIT" });
  expect(await answer["datastore.list"]?.({ prefix: "b/", limit: 1 })).toHaveLength(1);
});

it("a name that is no well-formed text is refused: it would be another one after a restart", async () => {
  const { store } = await failingStore();
  const answer = datastoreResponders(await open(store));
  await expect(answer["datastore.set"]?.({ name: "a\ud800", value: "1" })).rejects.toMatchObject({
    code: "KEY_INVALID",
  });
});

it("what a failed batch wrote all the same is known once the store goes on", async () => {
  const { store, failWrites } = await failingStore();
  const keys = await open(store);
  await keys.set("before", "1", null);
  failWrites("written all the same");
  await expect(keys.set("doubtful", "1", null)).rejects.toMatchObject({ code: "STORE_WRITE" });
  failWrites(null);
  await waitUntil("the key to be known", () => keys.get("doubtful") === "1");
});

it("a key that is written while all are read again is not lost", async () => {
  const { store, failWrites } = await failingStore();
  let letGo = () => {};
  let isHeld = false;
  const keys = await open({
    ...store,
    keys: async (...args) => {
      const page = await store.keys(...args);
      if (isHeld) await new Promise<void>((resolve) => (letGo = resolve));
      return page;
    },
  });
  await keys.set("old", "1", null);
  isHeld = true;
  failWrites("refused");
  await expect(keys.set("lost", "1", null)).rejects.toMatchObject({ code: "STORE_WRITE" });
  failWrites(null);
  await waitUntil("writing again", () =>
    keys.set("meanwhile", "1", null).then(
      () => true,
      () => false,
    ),
  );
  await keys.delete("old");
  isHeld = false;
  letGo();
  // Waits for the reading.
  await keys.close();
  expect(keys.list("", 0, 10).map(({ name }) => name)).toEqual(["meanwhile"]);
});
