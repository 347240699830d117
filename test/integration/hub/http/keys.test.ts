/** The API's keys over a real datastore. */
import { expect, onTestFinished, test } from "vitest";
import { KeyDesk } from "../../../../hub/datastore/key-desk.ts";
import { mask } from "../../../../hub/secrets/mask.ts";
import { memoryKeyFile, openTestKeys } from "../../../support/key-book.ts";
import { startApi } from "../../../support/start-api.ts";

async function keysApi(time = { at: Date.now() }) {
  let desk: KeyDesk | null = null;
  const known = () => desk ?? expect.unreachable();
  const { api, store, key } = await startApi({
    keys: (...args) => known().list(...args),
    key: (...args) => known().get(...args),
    setKey: (...args) => known().set(...args),
    deleteKey: (...args) => known().delete(...args),
  });
  const keyFile = memoryKeyFile();
  const keys = await openTestKeys({ store, keyFile, now: () => time.at });
  onTestFinished(() => keys.close());
  desk = new KeyDesk(keys);
  const ask = async (method: "GET" | "PUT" | "DELETE", url: string, payload?: object) => {
    const headers = { authorization: `Bearer ${key}` };
    const reply = await api.inject({ method, url, headers, ...(payload && { payload }) });
    return { status: reply.statusCode, body: reply.body === "" ? null : reply.json() };
  };
  const names = async (query: string): Promise<readonly string[]> =>
    (await ask("GET", `/v1/keys${query}`)).body.items.map(
      ({ user, name }: { user: string | null; name: string }) => (user === null ? name : `${user}:${name}`),
    );
  return { ask, names, store, keyFile };
}

test("a key is set, read, replaced and deleted; any name goes", async () => {
  const { ask } = await keysApi();
  for (const name of ["a", "mypack.Sensor:cursor", "a/b c%#?", "ü".repeat(512)]) {
    const url = `/v1/keys/${encodeURIComponent(name)}`;
    expect(await ask("PUT", url, { value: "1" })).toEqual({
      status: 200,
      body: {
        ...{
          uid: `key_value_pair:st2kv.system:${name}`,
          name,
          scope: "st2kv.system",
          user: null,
          value: "1",
        },
        ...{ secret: false, encrypted: false, expire_timestamp: null },
      },
    });
    await ask("PUT", url, { value: "" });
    expect((await ask("GET", url)).body).toMatchObject({ name, value: "" });
    expect((await ask("DELETE", url)).status).toBe(204);
    expect((await ask("DELETE", url)).body.error.code).toBe("NOT_FOUND");
    expect((await ask("GET", url)).status).toBe(404);
  }
});

test("a secret is masked unless it is asked for, and kept in its encrypted form", async () => {
  const { ask, store } = await keysApi();
  const set = await ask("PUT", "/v1/keys/pw", { value: "hunter2", secret: true });
  expect(set.body).toMatchObject({ value: mask, secret: true, encrypted: true });
  expect((await ask("GET", "/v1/keys")).body.items).toMatchObject([{ value: mask }]);
  expect((await ask("GET", "/v1/keys/pw")).body.value).toBe(mask);
  const plain = { value: "hunter2", secret: true, encrypted: false };
  expect((await ask("GET", "/v1/keys/pw?decrypt=true")).body).toMatchObject(plain);
  expect((await ask("GET", "/v1/keys?decrypt=true")).body.items).toMatchObject([plain]);
  expect(await store.key("system", "pw")).not.toContain("hunter2");
  // Without `secret` it is plain from now on: that is what was asked for.
  await ask("PUT", "/v1/keys/pw", { value: "plain" });
  expect((await ask("GET", "/v1/keys/pw")).body).toMatchObject({ value: "plain", secret: false });
});

test("lists go by scope, user and prefix, and in pages", async () => {
  const { ask, names } = await keysApi();
  for (const name of ["b1", "b2", "a"]) await ask("PUT", `/v1/keys/${name}`, { value: name });
  await ask("PUT", "/v1/keys/b3?scope=user&user=joe", { value: "joe's" });
  await ask("PUT", "/v1/keys/b3?scope=st2kv.user&user=ann", { value: "ann's" });
  await ask("PUT", "/v1/keys/b4?scope=user", { value: "the api's" });
  expect(await names("")).toEqual(["a", "b1", "b2"]);
  expect(await names("?prefix=b")).toEqual(["b1", "b2"]);
  expect(await names("?scope=user&user=joe")).toEqual(["joe:b3"]);
  expect(await names("?scope=user")).toEqual(["api:b4"]);
  expect(await names("?scope=all&prefix=b")).toEqual(["b1", "b2", "ann:b3", "api:b4", "joe:b3"]);
  expect(await names("?scope=all&user=joe")).toEqual(["a", "b1", "b2", "joe:b3"]);
  expect(await names("?scope=all&offset=2&limit=2")).toEqual(["b2", "ann:b3"]);
  const pages: string[] = [];
  for (let cursor = ""; ; ) {
    const { body } = await ask(
      "GET",
      `/v1/keys?scope=all&limit=2${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
    );
    pages.push(...body.items.map(({ name }: { name: string }) => name));
    if (body.cursor === undefined) break;
    cursor = body.cursor;
  }
  expect(pages).toEqual(["a", "b1", "b2", "b3", "b4", "b3"]);
  expect((await ask("GET", "/v1/keys/b3?scope=user&user=joe")).body).toMatchObject({
    user: "joe",
    value: "joe's",
  });
  expect((await ask("GET", "/v1/keys/b3")).status).toBe(404);
});

test("a key with a time goes when it is over", async () => {
  const time = { at: Date.parse("2026-01-01T00:00:00Z") };
  const { ask, names } = await keysApi(time);
  const set = await ask("PUT", "/v1/keys/short", { value: "1", ttl: 1.5 });
  expect(set.body.expire_timestamp).toBe("2026-01-01T00:00:01.500Z");
  time.at += 1_500;
  expect((await ask("GET", "/v1/keys/short")).status).toBe(404);
  expect(await names("")).toEqual([]);
  // Over before it could be read again.
  expect((await ask("PUT", "/v1/keys/short", { value: "1", ttl: 1e-9 })).status).toBe(200);
});

test.each<[string, string, object | undefined, number, string]>([
  ["no value", "/v1/keys/a", {}, 400, "API_BAD_REQUEST"],
  ["a value that is no text", "/v1/keys/a", { value: 5 }, 400, "API_BAD_REQUEST"],
  ["a field that is none", "/v1/keys/a", { value: "1", colour: "red" }, 400, "API_BAD_REQUEST"],
  ["no time at all", "/v1/keys/a", { value: "1", ttl: 0 }, 400, "API_BAD_REQUEST"],
  ["a scope that is none", "/v1/keys/a?scope=all", { value: "1" }, 400, "API_BAD_REQUEST"],
  [
    "a user whose name would be another's",
    "/v1/keys/a?scope=user&user=a:b",
    { value: "1" },
    400,
    "KEY_INVALID",
  ],
  ["a name that is too long", `/v1/keys/${"x".repeat(513)}`, { value: "1" }, 400, "API_BAD_REQUEST"],
  ["a value that is too long", "/v1/keys/a", { value: "x".repeat(65_537) }, 400, "KEY_INVALID"],
  ["a secret that is none", "/v1/keys/a", { value: "plain", encrypted: true }, 409, "KEY_UNREADABLE"],
])("%s is refused", async (_what, url, payload, status, code) => {
  const { ask, names } = await keysApi();
  const reply = await ask("PUT", url, payload);
  expect([reply.status, reply.body.error.code]).toEqual([status, code]);
  expect(await names("?scope=all")).toEqual([]);
});

test("without the key file reading a secret is an error that names the key, and everything else goes on", async () => {
  const { ask, keyFile, store } = await keysApi();
  await ask("PUT", "/v1/keys/pw", { value: "hunter2", secret: true });
  expect(keyFile.key).not.toBeNull();
  const keys = await openTestKeys({ store });
  onTestFinished(() => keys.close());
  const lost = new KeyDesk(keys);
  const address = { scope: "system", user: null, name: "pw" } as const;
  expect(() => lost.get(address, true)).toThrow(expect.objectContaining({ code: "KEY_FILE", where: "pw" }));
  expect(lost.get(address, false).value).toBe(mask);
});
