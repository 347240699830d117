/** How a key of the API looks: `petrel_ID_SECRET`. It is looked up by its id, and compared by its digest. */
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { RandomBytes } from "../../shared/clock.ts";
import { isUlid } from "../../shared/ids.ts";

/** 256 bits. */
const secretBytes = 32;
const shape = /^petrel_([0-9A-Z]{26})_[A-Za-z0-9_-]{43}$/;

export function makeKey(id: string, random: RandomBytes): string {
  return `petrel_${id}_${Buffer.from(random(secretBytes)).toString("base64url")}`;
}

/** The id in a key; `null` for a text that is none. */
export function keyId(text: string): string | null {
  const [, id] = shape.exec(text) ?? [];
  return id !== undefined && isUlid(id) ? id : null;
}

/** Of a secret of 256 random bits a plain hash says nothing: no salt, no slow function is needed. */
export const digestOf = (key: string): string => createHash("sha256").update(key).digest("hex");

/** Compares in constant time. */
export function isDigestOf(digest: string, key: string): boolean {
  const [known, shown] = [Buffer.from(digest, "hex"), createHash("sha256").update(key).digest()];
  return known.length === shown.length && timingSafeEqual(known, shown);
}
