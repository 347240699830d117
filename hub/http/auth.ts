/** Decides whether a request carries a valid API key. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { isObject } from "../../shared/json.ts";

/**
 * The key in `Authorization: Bearer KEY` or, as StackStorm's clients send it, `St2-Api-Key`; `null` without one. `query` is
 * for routes whose callers can send nothing but an URL and a body: there `st2-api-key` counts too.
 */
export function presentedKey(headers: IncomingHttpHeaders, query: unknown = null): string | null {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? "");
  if (bearer?.[1] !== undefined) return bearer[1];
  const own = headers["st2-api-key"];
  if (typeof own === "string" && own !== "") return own;
  const asked = isObject(query) ? query["st2-api-key"] : null;
  return typeof asked === "string" && asked !== "" ? asked : null;
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
