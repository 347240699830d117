/** Finds the API key that a request brings. */
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

/** Whom the holder of the local key says to act for; the command line names the account that runs it. */
export const userHeader = "petrel-user";
const userShape = /^[A-Za-z0-9_][A-Za-z0-9._@+-]{0,63}$/;

export function claimedUser(headers: IncomingHttpHeaders): string | null {
  const name = headers[userHeader];
  return typeof name === "string" && userShape.test(name) ? name : null;
}
