/** Ed25519 keys (RFC 8032) as they are written here: the 32 bytes of a public key in base64url, without padding. */
import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";

/** What a public key looks like as text. */
export const publicKeyPattern = "^[A-Za-z0-9_-]{43}$";
const publicKeyText = new RegExp(publicKeyPattern);

/** The public half of a key, public or private, as text. */
export function publicText(key: KeyObject): string {
  const { x } = (key.type === "public" ? key : createPublicKey(key)).export({ format: "jwk" });
  if (x === undefined) throw new TypeError("not an Ed25519 key");
  return x;
}

/** The key that a text names; `null` for what is none. Never throws. */
export function publicKey(text: string): KeyObject | null {
  if (!publicKeyText.test(text)) return null;
  try {
    return createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x: text } });
  } catch {
    return null;
  }
}

/** How people compare keys: `sha256:` and 64 hex digits, over the 32 bytes. */
export function fingerprint(text: string): string {
  return `sha256:${createHash("sha256").update(Buffer.from(text, "base64url")).digest("hex")}`;
}

/** 64 bytes, in base64url. */
export function signature(key: KeyObject, ...parts: readonly Uint8Array[]): string {
  return sign(null, Buffer.concat(parts), key).toString("base64url");
}

/** False for anything but what that key signed. Never throws. */
export function isSigned(key: KeyObject, text: string, ...parts: readonly Uint8Array[]): boolean {
  const bytes = Buffer.from(text, "base64url");
  // One text for one signature: base64 has spare bits at its end.
  if (bytes.toString("base64url") !== text) return false;
  try {
    return verify(null, Buffer.concat(parts), key, bytes);
  } catch {
    return false;
  }
}
