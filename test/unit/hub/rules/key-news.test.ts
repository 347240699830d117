/** Which triggers a write of a datastore key leads to, and what they carry. */
import { expect, test } from "vitest";
import { keptText } from "../../../../hub/datastore/kept-key.ts";
import { keyNews } from "../../../../hub/rules/key-news.ts";

const nowMs = Date.parse("2026-01-01T00:00:00Z");
const plain = (value: string, expires: number | null = null) => keptText({ value, secret: false, expires });
const secret = (value: string) => keptText({ value, secret: true, expires: null });
const over = (value: string) => plain(value, nowMs - 1);

test.each<[string, string | null, string | null, readonly string[]]>([
  ["made", null, plain("1"), ["create"]],
  ["set to another value", plain("1"), plain("2"), ["update", "value_change"]],
  ["set to the same", plain("1"), plain("1"), ["update"]],
  ["given more time", plain("1", nowMs + 1), plain("1", nowMs + 2), ["update"]],
  ["made a secret", plain("1"), secret("sealed"), ["update", "value_change"]],
  ["deleted", plain("1"), null, ["delete"]],
  ["its time was over", over("1"), null, ["delete"]],
  ["set after its time was over", over("1"), plain("1"), ["delete", "create"]],
  ["deleted by two", null, null, []],
])("%s", (_what, before, after, triggers) => {
  const news = keyNews(
    { type: "key", id: "i", lineage: [], scope: "system", name: "k", before, after },
    nowMs,
  );
  expect(news.map(({ trigger }) => trigger.replace("core.st2.key_value_pair.", ""))).toEqual(triggers);
});

test("payloads have StackStorm's fields, and no secrets", () => {
  const [update, change] = keyNews(
    {
      ...{ type: "key", id: "i", lineage: [], scope: "user", name: "joe:token" },
      before: plain("old", nowMs + 1000),
      after: secret("petrel-sealed:1:…"),
    },
    nowMs,
  );
  const common = {
    name: "token",
    scope: "st2kv.user",
    user: "joe",
    uid: "key_value_pair:st2kv.user:joe:token",
  };
  const fresh = { ...common, value: "********", secret: true, encrypted: true, expire_timestamp: null };
  const expires = "2026-01-01T00:00:01.000Z";
  const old = { ...common, value: "old", secret: false, encrypted: false, expire_timestamp: expires };
  expect(update?.payload).toEqual({ object: fresh });
  expect(change?.payload).toEqual({ old_object: old, new_object: fresh });
});
