/** Encrypts datastore values with AES-256-GCM. What it makes says with which key, so that a wrong one is told from damage. */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import { PetrelError } from "../../shared/errors.ts";
import { sealedParts, sealedPrefix } from "../../shared/sealed-text.ts";

export const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const idLength = 16;

export interface KeyCipher {
  /** Names the key without telling it. */
  readonly id: string;
  /** `nonce`: 12 random bytes, never the same twice. */
  seal(text: string, nonce: Uint8Array): string;
  /** Throws KEY_UNREADABLE for what this key did not seal, or what was changed since. */
  open(sealed: string): string;
}

export function keyCipher(key: Uint8Array): KeyCipher {
  const id = createHash("sha256")
    .update("petrel datastore key\0")
    .update(key)
    .digest("hex")
    .slice(0, idLength);
  const head = Buffer.from(`${sealedPrefix}${id}`);
  return {
    id,
    seal(text, nonce) {
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      cipher.setAAD(head);
      const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      const whole = Buffer.concat([nonce, cipher.getAuthTag(), body]);
      return `${head.toString()}:${whole.toString("base64url")}`;
    },
    open(sealed) {
      const parts = sealedParts(sealed);
      if (parts === null) throw notSealed();
      const { by, body } = parts;
      if (by !== id) {
        throw unreadable(
          `it was encrypted with the key ${by}, and datastore.key holds ${id}`,
          "put the datastore.key that belongs to this hub back into its data folder, or set the value again",
        );
      }
      const whole = Buffer.from(body, "base64url");
      const decipher = createDecipheriv("aes-256-gcm", key, whole.subarray(0, nonceBytes));
      decipher.setAAD(head);
      decipher.setAuthTag(whole.subarray(nonceBytes, nonceBytes + tagBytes));
      try {
        const text = decipher.update(whole.subarray(nonceBytes + tagBytes));
        return Buffer.concat([text, decipher.final()]).toString("utf8");
      } catch (cause) {
        throw unreadable("it was changed since it was encrypted", "set it again", cause);
      }
    },
  };
}

/** For a value that is plain. */
export const notSealed = () => unreadable("it is not encrypted", "leave decrypting out");

const unreadable = (why: string, hint: string, cause?: unknown) =>
  new PetrelError("KEY_UNREADABLE", `a datastore value cannot be decrypted: ${why}`, { hint, cause });
