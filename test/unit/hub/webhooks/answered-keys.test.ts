/** What is remembered of idempotency keys: for a day, and never more than there is room for. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type AnsweredKey,
  answeredKeys,
  keptFor,
  keyHash,
  known,
  remembered,
} from "../../../../hub/webhooks/answered-keys.ts";
import type { Json } from "../../../../shared/json.ts";

const answered = (key: string, at: number): AnsweredKey => ({
  key,
  request: "r",
  ids: [key],
  at,
  done: true,
});

test("a key and where it was used are told apart however they are cut", () => {
  expect(keyHash("webhook a", "b")).not.toBe(keyHash("webhook ", "ab"));
});

test("what is no record holds nothing", () => {
  for (const record of [null, [], "x", {}, { keys: 1 }] as const) expect(answeredKeys(record)).toEqual([]);
});

test("a key is known for a day, and the newest 64 of a record are", () => {
  const steps = fc.array(fc.record({ key: fc.integer({ min: 0, max: 99 }), after: fc.nat(keptFor / 20) }), {
    maxLength: 150,
  });
  fc.assert(
    fc.property(steps, (all) => {
      let record: Json = null;
      let now = 1_000;
      const told: AnsweredKey[] = [];
      for (const { key, after } of all) {
        now += after;
        const one = answered(String(key), now);
        told.push(one);
        record = remembered(answeredKeys(record), one, now);
      }
      const keys = answeredKeys(record);
      expect(keys.length).toBeLessThanOrEqual(64);
      const newest = [...new Map(told.map((one) => [one.key, one])).values()];
      for (const one of newest.sort((a, b) => a.at - b.at).slice(-64))
        expect(known(keys, one.key, now)).toEqual(now - one.at < keptFor ? one : null);
    }),
  );
});
