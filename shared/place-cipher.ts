/**
 * Encrypts secrets of records with AES-256-GCM, each under a key of its own that is made of the side's key and the place
 * (HMAC-SHA-256): a sealed value that is moved to another record or field is as good as damaged, and nonces are random
 * without a bound on how many records there may be.
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, createHmac, createSecretKey } from "node:crypto";
import { PetrelError } from "./errors.ts";
import { placedParts, placedPrefix } from "./sealed-text.ts";

export const placeNonceBytes = 12;
const tagBytes = 16;

export interface PlaceCipherOptions {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** Names the key without telling it: 16 hex digits. */
  readonly id: string;
  /** What the key's file is called, for messages. */
  readonly file: string;
}

export interface PlaceCipher {
  /** `place`: record and field. `nonce`: 12 random bytes. */
  seal(place: string, text: string, nonce: Uint8Array): string;
  /** Throws KEY_UNREADABLE for what this key did not seal, or not for this place, or what was changed since. */
  open(place: string, sealed: string): string;
}

export function placeCipher({ key, id, file }: PlaceCipherOptions): PlaceCipher {
  const head = Buffer.from(`${placedPrefix}${id}`);
  const whole = createSecretKey(key);
  const keyOf = (place: string) =>
    createSecretKey(createHmac("sha256", whole).update(`petrel place\0${place}`).digest());
  return {
    seal(place, text, nonce) {
      const cipher = createCipheriv("aes-256-gcm", keyOf(place), nonce);
      cipher.setAAD(head);
      const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      return `${head.toString()}:${Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url")}`;
    },
    open(place, sealed) {
      const parts = placedParts(sealed);
      if (parts === null) throw unreadable(place, "it is not encrypted for a record");
      if (parts.by !== id)
        throw unreadable(place, `it was encrypted with the key ${parts.by}, and ${file} holds ${id}`, file);
      const bytes = Buffer.from(parts.body, "base64url");
      const nonce = bytes.subarray(0, placeNonceBytes);
      try {
        const decipher = createDecipheriv("aes-256-gcm", keyOf(place), nonce);
        decipher.setAAD(head);
        decipher.setAuthTag(bytes.subarray(placeNonceBytes, placeNonceBytes + tagBytes));
        const text = decipher.update(bytes.subarray(placeNonceBytes + tagBytes));
        return Buffer.concat([text, decipher.final()]).toString("utf8");
      } catch {
        throw unreadable(place, "it was changed since it was encrypted, or belongs elsewhere");
      }
    },
  };
}

function unreadable(where: string, why: string, file?: string): PetrelError {
  return new PetrelError("KEY_UNREADABLE", `a secret cannot be decrypted: ${why}`, {
    where,
    hint:
      file === undefined
        ? "give it again"
        : `put the ${file} back that belongs to this data folder, or give it again`,
  });
}
