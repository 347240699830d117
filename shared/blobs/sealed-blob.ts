/**
 * Contents with secrets, encrypted before they become a blob, each with a key of its own (AES-256-GCM). The key travels and
 * is kept with whatever names the blob: its file alone tells nothing, wherever it is copied to.
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv } from "node:crypto";
import type { RandomBytes } from "../clock.ts";
import { PetrelError } from "../errors.ts";

const keyBytes = 32;
const tagBytes = 16;
/** No key is used twice. */
const nonce = Buffer.alloc(12);

/** In the hello of an agent that reads them. */
export const sealedBlobCapability = "sealed-blob";

/** Bytes that encrypting adds. */
export const sealedBlobRoom = tagBytes;

/** `key`: base64url. */
export function sealBlob(content: Uint8Array, random: RandomBytes): { bytes: Uint8Array; key: string } {
  const key = random(keyBytes);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const body = Buffer.concat([cipher.update(content), cipher.final()]);
  return { bytes: Buffer.concat([cipher.getAuthTag(), body]), key: Buffer.from(key).toString("base64url") };
}

/** Throws KEY_UNREADABLE for what this key did not encrypt. */
export function openBlob(bytes: Uint8Array, key: string): Uint8Array {
  try {
    const decipher = createDecipheriv("aes-256-gcm", Buffer.from(key, "base64url"), nonce);
    decipher.setAuthTag(bytes.subarray(0, tagBytes));
    return Buffer.concat([decipher.update(bytes.subarray(tagBytes)), decipher.final()]);
  } catch (cause) {
    throw new PetrelError(
      "KEY_UNREADABLE",
      "an encrypted blob cannot be decrypted with the key it came with",
      {
        cause,
      },
    );
  }
}
