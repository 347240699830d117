/**
 * Messages that only the peer can read (AES-256-GCM), however many brokers carry them. An envelope is bytes, and begins with
 * one that no JSON text begins with: `SIDE KEYS NUMBER TAG CIPHERTEXT`, of 1, 8, 6, 16 and more bytes. The key is the
 * sender's of this session; the number is the nonce, and never the same twice.
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, type KeyObject } from "node:crypto";
import type { Side } from "./messages.ts";

/** In a hello: the sender reads envelopes. Both sides that do send nothing else once they have met. */
export const envelopeCapability = "envelope";

const sideBytes: Record<Side, number> = { agent: 1, hub: 2 };
const idBytes = 8;
const numberBytes = 6;
const headBytes = 1 + idBytes + numberBytes;
const tagBytes = 16;
const start = headBytes + tagBytes;

export interface EnvelopeKey {
  readonly side: Side;
  /** 32 bytes. */
  readonly key: KeyObject;
  /** Names the session's keys: 8 bytes in base64url. */
  readonly id: string;
}

/** Whether it is one of a side's, or of anybody's. */
export function isEnvelope(bytes: Uint8Array, side?: Side): boolean {
  const [first] = bytes;
  return side === undefined
    ? first === sideBytes.agent || first === sideBytes.hub
    : first === sideBytes[side];
}

/** `context` is covered, and not in it. */
export function enclose(
  { side, key, id }: EnvelopeKey,
  context: Uint8Array,
  number: number,
  message: Uint8Array,
): Uint8Array {
  const envelope = Buffer.allocUnsafe(start + message.length);
  envelope[0] = sideBytes[side];
  envelope.write(id, 1, idBytes, "base64url");
  envelope.writeUIntBE(number, 1 + idBytes, numberBytes);
  const cipher = createCipheriv("aes-256-gcm", key, nonceOf(envelope));
  cipher.setAAD(Buffer.concat([context, envelope.subarray(0, headBytes)]));
  const body = cipher.update(message);
  body.copy(envelope, start);
  cipher.final();
  cipher.getAuthTag().copy(envelope, headBytes);
  return envelope;
}

/** Number and message; `null` when it is not of this side's key, or was changed. Never throws. */
export function disclose(
  { side, key }: EnvelopeKey,
  context: Uint8Array,
  bytes: Uint8Array,
): { readonly number: number; readonly message: Buffer } | null {
  if (bytes.length < start || !isEnvelope(bytes, side)) return null;
  const envelope = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decipher = createDecipheriv("aes-256-gcm", key, nonceOf(envelope));
  decipher.setAAD(Buffer.concat([context, envelope.subarray(0, headBytes)]));
  decipher.setAuthTag(envelope.subarray(headBytes, start));
  const message = decipher.update(envelope.subarray(start));
  try {
    decipher.final();
  } catch {
    return null;
  }
  return { number: envelope.readUIntBE(1 + idBytes, numberBytes), message };
}

/** Which session's keys it names; `""` for what is too short to be one. */
export function keysNamed(bytes: Uint8Array): string {
  const id = bytes.subarray(1, 1 + idBytes);
  return id.length < idBytes ? "" : Buffer.from(id.buffer, id.byteOffset, id.length).toString("base64url");
}

function nonceOf(envelope: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(12 - numberBytes), envelope.subarray(1 + idBytes, headBytes)]);
}
