/** How an encrypted value is recognized: one of the datastore, which only the hub can make and open, or one of a record. */

/** A sealed value is a text that carries all that opening it takes, but the key. */
export const sealedPrefix = "petrel-sealed:1:";
const shape = /^petrel-sealed:1:([0-9a-f]{16}):([A-Za-z0-9_-]{38,})$/;

/** The name of the key, and nonce, tag and ciphertext in base64url; `null` for a text that is not sealed. */
export function sealedParts(text: string): { readonly by: string; readonly body: string } | null {
  if (!text.startsWith(sealedPrefix)) return null;
  const [, by, body] = shape.exec(text) ?? [];
  return by === undefined || body === undefined ? null : { by, body };
}

/** A value that is sealed for one place in one record; the key it takes is made of the hub's (or agent's) and the place. */
export const placedPrefix = "petrel-sealed:2:";
const placedShape = /^petrel-sealed:2:([0-9a-f]{16}):([A-Za-z0-9_-]{38,})$/;

/** As `sealedParts`, of a value that is sealed for a place. */
export function placedParts(text: string): { readonly by: string; readonly body: string } | null {
  const [, by, body] = placedShape.exec(text) ?? [];
  return by === undefined || body === undefined ? null : { by, body };
}

/** Of nonce and tag. */
const placedRoom = 28;

/** Bytes of the text that is sealed in `text`, which says so without being opened; 0 for one that is not sealed. */
export function placedBytes(text: string): number {
  const body = placedParts(text)?.body.length ?? 0;
  return Math.max(0, Math.floor((body * 3) / 4) - placedRoom);
}
