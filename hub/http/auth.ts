/** Decides whether a request carries a valid API key. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** The key in `Authorization: Bearer KEY` or, as StackStorm's clients send it, `St2-Api-Key`; `null` without one. */
export function presentedKey(headers: IncomingHttpHeaders): string | null {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? "");
  if (bearer?.[1] !== undefined) return bearer[1];
  const own = headers["st2-api-key"];
  return typeof own === "string" && own !== "" ? own : null;
}

const digestOf = (key: string): Buffer => createHash("sha256").update(key).digest();

/**
 * A check against `keys`. Digests of equal length are compared in constant time, all of them each time,
 * so neither a key's length nor its beginning can be learnt by measuring.
 */
export function keyChecker(keys: readonly string[]): (presented: string | null) => boolean {
  const known = keys.map(digestOf);
  return (presented) => {
    if (presented === null) return false;
    const digest = digestOf(presented);
    let found = false;
    for (const candidate of known) found = timingSafeEqual(candidate, digest) || found;
    return found;
  };
}
