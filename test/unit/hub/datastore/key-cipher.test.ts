/** Sealing and opening values; what was changed or sealed with another key is refused. */
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type KeptKey, keptText, parseKept } from "../../../../hub/datastore/kept-key.ts";
import { keyCipher } from "../../../../hub/datastore/key-cipher.ts";
import { sealedParts } from "../../../../shared/sealed-text.ts";

const cipher = keyCipher(new Uint8Array(32).fill(7));
const nonce = () => randomBytes(12);
const failing = (code: string) => expect.objectContaining({ code });

test("what is sealed is opened as it was", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const sealed = cipher.seal(text, nonce());
      expect(sealedParts(sealed)?.by).toBe(cipher.id);
      expect(cipher.open(sealed)).toBe(text);
    }),
  );
});

test("one changed byte is found", () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(), fc.integer({ min: 1, max: 255 }), (text, place, flip) => {
      const { by, body } = sealedParts(cipher.seal(text, nonce())) ?? { by: "", body: "" };
      const bytes = Buffer.from(body, "base64url");
      const at = place % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ flip;
      const changed = `petrel-sealed:1:${by}:${bytes.toString("base64url")}`;
      expect(() => cipher.open(changed)).toThrow(failing("KEY_UNREADABLE"));
    }),
  );
});

test("another key, and what is not sealed, are told apart", () => {
  const other = keyCipher(new Uint8Array(32).fill(8));
  expect(() => other.open(cipher.seal("x", nonce()))).toThrow(
    `it was encrypted with the key ${cipher.id}, and datastore.key holds ${other.id}`,
  );
  expect(() => cipher.open("plain")).toThrow("it is not encrypted");
});

const kept: fc.Arbitrary<KeptKey> = fc.record({
  value: fc.string(),
  secret: fc.boolean(),
  expires: fc.option(fc.nat()),
});

test("a record is read as it was written, and written the same again", () => {
  fc.assert(
    fc.property(kept, (key) => {
      const text = keptText(key);
      expect(parseKept(text)).toEqual(key);
      expect(keptText(parseKept(text) ?? key)).toBe(text);
    }),
  );
});

test("records of older hubs are kept as they are", () => {
  const text = '{"value":"1","expires":null}';
  expect(parseKept(text)).toEqual({ value: "1", secret: false, expires: null });
  expect(keptText({ value: "1", secret: false, expires: null })).toBe(text);
});
