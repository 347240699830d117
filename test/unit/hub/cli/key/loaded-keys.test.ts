/** What a file for `petrel key load` may hold. */
import { expect, test } from "vitest";
import { loadedKeys } from "../../../../../hub/cli/key/loaded-keys.ts";

const nowMs = Date.parse("2026-01-01T00:00:00Z");
const load = (content: unknown, convert = false) =>
  loadedKeys(content, { where: "keys.yaml", convert, nowMs });

test("StackStorm's fields, and what `key list` prints", () => {
  const printed = {
    ...{ uid: "key_value_pair:st2kv.user:joe:b", name: "b", scope: "st2kv.user", user: "joe", value: "2" },
    ...{ secret: true, encrypted: false, expire_timestamp: "2026-01-01T00:01:00.000Z" },
  };
  expect(load([{ name: "a", value: "1", ttl: 5, secret: false }, printed])).toEqual([
    { name: "a", scope: "system", user: null, body: { value: "1", ttl: 5, secret: false } },
    { name: "b", scope: "user", user: "joe", body: { value: "2", ttl: 60, secret: true, encrypted: false } },
  ]);
  expect(load({ name: "a", value: "1" })).toHaveLength(1);
  expect(load([{ ...printed, expire_timestamp: "2025-12-31T00:00:00Z" }])).toEqual([]);
  expect(load([{ name: "a", value: { b: [1, null] } }], true)).toMatchObject([
    { body: { value: '{"b":[1,null]}' } },
  ]);
});

test("every key that is wrong is named, and none is loaded", () => {
  const rows = [
    { name: "good", value: "1" },
    { value: "1" },
    { name: "number", value: 5 },
    { name: "masked", value: "********", secret: true },
    { name: "typo", value: "1", secrt: true },
    "text",
    { name: "time", value: "1", expire_timestamp: "soon" },
  ];
  expect(() => load(rows)).toThrow(
    expect.objectContaining({
      code: "KEY_INVALID",
      message: expect.stringMatching(
        /^key 2: .*name.*; key 3 \(number\): .*--convert.*; key 4 \(masked\): .*masked.*; key 5 \(typo\): .*secrt; key 6: .*; key 7 \(time\): .*time$/,
      ),
    }),
  );
});
