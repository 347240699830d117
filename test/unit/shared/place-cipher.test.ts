/** Secrets sealed for a place: opened there as they were, and nowhere else. */
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openBlob, sealBlob } from "../../../shared/blobs/sealed-blob.ts";
import { placeCipher, placeNonceBytes } from "../../../shared/place-cipher.ts";
import { placedParts, sealedParts } from "../../../shared/sealed-text.ts";

const cipherOf = (fill: number) =>
  placeCipher({
    key: new Uint8Array(32).fill(fill),
    id: String(fill).padStart(16, "0"),
    file: "datastore.key",
  });
const cipher = cipherOf(7);
const seal = (place: string, text: string) => cipher.seal(place, text, randomBytes(placeNonceBytes));
const failing = (code: string) => expect.objectContaining({ code });
const text = fc.string({ unit: "grapheme" });

test("what is sealed for a place is opened there as it was", () => {
  fc.assert(
    fc.property(text, text, (place, secret) => {
      const sealed = seal(place, secret);
      expect(cipher.open(place, sealed)).toBe(secret);
      // A datastore value is another thing, and is never taken for one of these.
      expect(sealedParts(sealed)).toBeNull();
    }),
  );
});

test("moved to another place, or changed by a byte, it is refused", () => {
  fc.assert(
    fc.property(
      text,
      text,
      text,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (place, other, secret, at, by) => {
        const sealed = seal(place, secret);
        if (other !== place) expect(() => cipher.open(other, sealed)).toThrow(failing("KEY_UNREADABLE"));
        const { by: key, body } = placedParts(sealed) ?? { by: "", body: "" };
        const bytes = Buffer.from(body, "base64url");
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ by;
        const changed = `petrel-sealed:2:${key}:${bytes.toString("base64url")}`;
        expect(() => cipher.open(place, changed)).toThrow(failing("KEY_UNREADABLE"));
      },
    ),
  );
});

test.each([
  [
    "sealed with another key",
    cipherOf(8).seal("p", "x", randomBytes(12)),
    /encrypted with the key 0+8, and datastore\.key holds 0+7/,
  ],
  ["plain", "x", /not encrypted for a record/],
  [
    "a datastore value",
    "petrel-sealed:1:0000000000000007:abcdefghijklmnopqrstuvwxyzabcdefghijklmnop",
    /not encrypted for a record/,
  ],
])("one that is %s says so, and not what it holds", (_, sealed, message) => {
  expect(() => cipher.open("p", sealed)).toThrow(message);
});

test("a blob is opened with the key that it came with, and with no other", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(), (content, at) => {
      const { bytes, key } = sealBlob(content, randomBytes);
      expect(Buffer.from(openBlob(bytes, key))).toEqual(Buffer.from(content));
      const changed = Uint8Array.from(bytes);
      changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ 1;
      expect(() => openBlob(changed, key)).toThrow(failing("KEY_UNREADABLE"));
      expect(() => openBlob(bytes, sealBlob(content, randomBytes).key)).toThrow(failing("KEY_UNREADABLE"));
    }),
  );
});
