/** The shared datastore over a real store: restarts, bounds, and a disk that refuses for a while. */
import { expect, it, onTestFinished } from "vitest";
import { datastoreResponders } from "../../../../hub/datastore/key-answers.ts";
import type { KeyBook, KeyLimits } from "../../../../hub/datastore/key-book.ts";
import type { Store } from "../../../../hub/store/store.ts";
import { failingStore } from "../../../support/failing-store.ts";
import {
  memoryKeyFile,
  openTestKeys,
  openTestVault,
  plainValue,
  systemKeys,
  systemNames,
} from "../../../support/key-book.ts";
import { waitUntil } from "../../../support/wait-until.ts";

async function open(store: Store, time = { at: Date.now() }, limits?: KeyLimits): Promise<KeyBook> {
  const keys = await openTestKeys({ store, now: () => time.at, ...(limits !== undefined && { limits }) });
  onTestFinished(() => keys.close());
  return keys;
}

const responders = (keys: KeyBook) =>
  datastoreResponders({ keys, agent: "web-1", execution: async () => null });

it("has every key again after a restart, however many", async () => {
  const { store } = await failingStore();
  const first = await open(store);
  const names = Array.from({ length: 2_345 }, (_, n) => `key-${String(n).padStart(5, "0")}`);
  await Promise.all(names.map((name) => first.set("system", name, plainValue(name))));
  const again = await open(store);
  expect(systemNames(again)).toEqual(names);
});

it("takes no more than it has room for, and makes room by what is over", async () => {
  const { store } = await failingStore();
  const time = { at: Date.now() };
  const keys = await open(store, time, { keys: 3, characters: 1_000 });
  await keys.set("system", "a", plainValue("1", 10));
  await keys.set("system", "b", plainValue("1"));
  await keys.set("system", "c", plainValue("1"));
  await expect(keys.set("system", "d", plainValue("1"))).rejects.toMatchObject({ code: "KEY_LIMIT" });
  await keys.set("system", "c", plainValue("2"));
  time.at += 11_000;
  await keys.set("system", "d", plainValue("1"));
  expect(systemNames(keys)).toEqual(["b", "c", "d"]);
  await expect(keys.set("system", "d", plainValue("x".repeat(1_000)))).rejects.toMatchObject({
    code: "KEY_LIMIT",
  });
  expect(keys.find("system", "d")?.value).toBe("1");
});

it("a key whose time is over leaves the disk when it is swept", async () => {
  const { store } = await failingStore();
  const time = { at: Date.now() };
  const keys = await open(store, time);
  await keys.set("system", "short", plainValue("1", 5));
  await keys.set("system", "long", plainValue("1"));
  time.at += 6_000;
  expect(keys.find("system", "short")).toBeNull();
  expect(await keys.sweep()).toBe(1);
  expect((await store.keys("system", "", 10)).map(({ name }) => name)).toEqual(["long"]);
});

it("lists by prefix, in pages, and refuses a page that no packet could carry", async () => {
  const { store } = await failingStore();
  const keys = await open(store);
  for (const name of ["b/2", "a", "b/1", "c", "b/3", "B"]) await keys.set("system", name, plainValue(name));
  expect(systemNames(keys, "b/")).toEqual(["b/1", "b/2", "b/3"]);
  expect(systemNames(keys).slice(0, 3)).toEqual(["B", "a", "b/1"]);
  await keys.delete("system", "b/1");
  expect(systemNames(keys, "b/")).toEqual(["b/2", "b/3"]);
  await keys.set("system", "b/2", plainValue("x".repeat(60_000)));
  await keys.set("system", "b/3", plainValue("x".repeat(60_000)));
  const answer = responders(keys);
  await expect(answer["datastore.list"]?.({ prefix: "b/" })).rejects.toMatchObject({ code: "KEY_LIMIT" });
  expect(await answer["datastore.list"]?.({ prefix: "b/", limit: 1 })).toHaveLength(1);
});

it("a name that is no well-formed text is refused: it would be another one after a restart", async () => {
  const { store } = await failingStore();
  const answer = responders(await open(store));
  await expect(answer["datastore.set"]?.({ name: "a\ud800", value: "1" })).rejects.toMatchObject({
    code: "KEY_INVALID",
  });
});

it("what a failed batch wrote all the same is known once the store goes on", async () => {
  const { store, failWrites } = await failingStore();
  const keys = await open(store);
  await keys.set("system", "before", plainValue("1"));
  failWrites("written all the same");
  await expect(keys.set("system", "doubtful", plainValue("1"))).rejects.toMatchObject({
    code: "STORE_WRITE",
  });
  failWrites(null);
  await waitUntil("the key to be known", () => keys.find("system", "doubtful")?.value === "1");
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
  await keys.set("system", "old", plainValue("1"));
  isHeld = true;
  failWrites("refused");
  await expect(keys.set("system", "lost", plainValue("1"))).rejects.toMatchObject({ code: "STORE_WRITE" });
  failWrites(null);
  await waitUntil("writing again", () =>
    keys.set("system", "meanwhile", plainValue("1")).then(
      () => true,
      () => false,
    ),
  );
  await keys.delete("system", "old");
  isHeld = false;
  letGo();
  // Waits for the reading.
  await keys.close();
  expect(systemNames(keys)).toEqual(["meanwhile"]);
});

it("a key that is set anew while those whose time is over are swept stays", async () => {
  const { store } = await failingStore();
  const time = { at: Date.now() };
  const keys = await open(store, time);
  await keys.set("system", "cursor", plainValue("1", 5));
  time.at += 6_000;
  const fresh = keys.set("system", "cursor", plainValue("2"));
  expect(await keys.sweep()).toBe(0);
  await fresh;
  expect(keys.find("system", "cursor")?.value).toBe("2");
  expect(await store.key("system", "cursor")).toContain('"2"');
});

it("keys of users are apart from those of all, and from each other", async () => {
  const { store } = await failingStore();
  const keys = await open(store);
  await keys.set("system", "token", plainValue("all"));
  await keys.set("user", "joe:token", plainValue("joe"));
  await keys.set("user", "ann:token", plainValue("ann"));
  expect(keys.find("system", "token")?.value).toBe("all");
  expect(keys.find("user", "joe:token")?.value).toBe("joe");
  expect([...keys.walk("user", "")].map(([name]) => name)).toEqual(["ann:token", "joe:token"]);
  const again = await open(store);
  expect([...again.walk("user", "ann:")].map(([, { value }]) => value)).toEqual(["ann"]);
});

it("a secret is on no disk in plain, and is read again after a restart", async () => {
  const { store } = await failingStore();
  const keyFile = memoryKeyFile();
  const first = await openTestKeys({ store, keyFile });
  onTestFinished(() => first.close());
  await first.set("system", "password", { ...plainValue("s3cret-in-plain"), secret: true });
  const [stored] = await store.keys("system", "", 10);
  expect(stored?.value).not.toContain("s3cret");
  const again = await openTestKeys({ store, keyFile });
  onTestFinished(() => again.close());
  const sealed = again.find("system", "password")?.value ?? "";
  expect(sealed).not.toContain("s3cret");
  expect(again.unseal(sealed)).toBe("s3cret-in-plain");
  // Set to the same again, its text stays: nobody is told of a change that is none.
  await again.set("system", "password", { ...plainValue("s3cret-in-plain"), secret: true });
  expect(systemKeys(again)).toEqual([["password", sealed]]);
  await again.set("system", "copy", { ...plainValue(sealed), isSealed: true });
  expect(again.find("system", "copy")).toMatchObject({ secret: true });
  await expect(again.set("system", "no", { ...plainValue("plain"), isSealed: true })).rejects.toMatchObject({
    code: "KEY_UNREADABLE",
  });
  await expect(
    again.set("system", "no", { ...plainValue("ü".repeat(40_000)), secret: true }),
  ).rejects.toMatchObject({ code: "KEY_INVALID" });
});

it("without its key a secret is an error, no new key is made over it, and the old one is taken when it is back", async () => {
  const { store } = await failingStore();
  const keyFile = memoryKeyFile();
  const first = await openTestKeys({ store, keyFile });
  await first.set("system", "password", { ...plainValue("s3cret"), secret: true });
  await first.close();
  const lost = memoryKeyFile();
  const keys = await openTestKeys({ store, keyFile: lost });
  onTestFinished(() => keys.close());
  const sealed = keys.find("system", "password")?.value ?? "";
  expect(() => keys.unseal(sealed)).toThrow(expect.objectContaining({ code: "KEY_FILE" }));
  const answer = responders(keys);
  await expect(answer["datastore.get"]?.({ name: "password", decrypt: true })).rejects.toMatchObject({
    code: "KEY_FILE",
  });
  expect(await answer["datastore.get"]?.({ name: "password" })).toBe(sealed);
  await expect(keys.set("system", "other", { ...plainValue("x"), secret: true })).rejects.toMatchObject({
    code: "KEY_FILE",
  });
  expect(lost.key).toBeNull();
  lost.key = new Uint8Array(32);
  expect(() => keys.unseal(sealed)).toThrow(expect.objectContaining({ code: "KEY_FILE" }));
  await waitUntil("the file is looked for again", () => {
    try {
      keys.unseal(sealed);
    } catch (error) {
      return (error as { code?: string }).code === "KEY_UNREADABLE";
    }
    return false;
  });
  const right = await openTestVault(keyFile);
  expect(right.unseal(sealed)).toBe("s3cret");
});

it("an agent keeps sealed texts that only the hub can open", async () => {
  const { store } = await failingStore();
  const keys = await open(store);
  const answer = responders(keys);
  const sealed = await answer["datastore.seal"]?.({ value: "s3cret" });
  expect(sealed).toMatch(/^petrel-sealed:1:/);
  expect(await answer["datastore.unseal"]?.({ sealed: sealed ?? "" })).toBe("s3cret");
  await expect(answer["datastore.unseal"]?.({ sealed: "s3cret" })).rejects.toMatchObject({
    code: "KEY_UNREADABLE",
  });
  await answer["datastore.set"]?.({ name: "p", value: "s3cret", encrypt: true });
  expect(await answer["datastore.list"]?.({})).toMatchObject([{ name: "p", secret: true }]);
  expect(await answer["datastore.get"]?.({ name: "p", decrypt: true })).toBe("s3cret");
});

it.each([0, -1, Number.NaN, 1e13, Number.POSITIVE_INFINITY])(
  "keeps nothing for %s seconds, whoever asks: the time of its end would have no name",
  async (ttlSeconds) => {
    const { store } = await failingStore();
    const keys = await open(store);
    await expect(keys.set("system", "a", { value: "1", ttlSeconds })).rejects.toMatchObject({
      code: "KEY_INVALID",
    });
    expect(keys.find("system", "a")).toBeNull();
  },
);
