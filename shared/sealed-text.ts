/** How an encrypted datastore value is recognized: only the hub can make and open one. */

/** A sealed value is a text that carries all that opening it takes, but the key. */
export const sealedPrefix = "petrel-sealed:1:";
const shape = /^petrel-sealed:1:([0-9a-f]{16}):([A-Za-z0-9_-]{38,})$/;

/** The name of the key, and nonce, tag and ciphertext in base64url; `null` for a text that is not sealed. */
export function sealedParts(text: string): { readonly by: string; readonly body: string } | null {
  if (!text.startsWith(sealedPrefix)) return null;
  const [, by, body] = shape.exec(text) ?? [];
  return by === undefined || body === undefined ? null : { by, body };
}
