import { expect, test } from "vitest";
import { digestOf, isDigestOf, keyId, makeKey } from "../../../../hub/access/key-form.ts";

const id = "01HQ0000000000000000000001";
const key = makeKey(id, (length) => new Uint8Array(length).fill(7));

test("a key shows its id, and is known by its digest alone", () => {
  expect(key).toMatch(/^petrel_01HQ0000000000000000000001_[\w-]{43}$/);
  expect(keyId(key)).toBe(id);
  expect(isDigestOf(digestOf(key), key)).toBe(true);
  expect(isDigestOf(digestOf(key), `${key.slice(0, -1)}A`)).toBe(false);
  expect(isDigestOf("", key)).toBe(false);
});

test.each(["", "petrel_", "x".repeat(43), key.toLowerCase(), `${key}x`, ` ${key}`, key.slice(0, -1)])(
  "%j is none",
  (text) => {
    expect(keyId(text)).toBe(null);
  },
);
