/** What a request to a webhook brings, without what opened the door for it. Pure. */
import type { Json } from "../../shared/json.ts";

/** The header that names a trace; it is for us, not for rules. */
export const traceHeader = "st2-trace-tag";
/** Names one request, so that its repetition is known (draft-ietf-httpapi-idempotency-key-header). */
export const keyHeader = "idempotency-key";
/** Whoever may see a trigger must not be able to call as its sender. */
const kept: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "x-auth-token",
  "st2-api-key",
  traceHeader,
]);

/** Headers with their names as they were sent; several of one name are joined as HTTP has it. */
export function hookHeaders(raw: readonly string[]): Readonly<Record<string, string>> {
  const found = new Map<string, { readonly name: string; readonly value: string }>();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name = "", value = ""] = [raw[i], raw[i + 1]];
    const lower = name.toLowerCase();
    if (kept.has(lower)) continue;
    const before = found.get(lower);
    found.set(
      lower,
      before === undefined ? { name, value } : { ...before, value: `${before.value}, ${value}` },
    );
  }
  return Object.fromEntries([...found.values()].map(({ name, value }) => [name, value]));
}

/** A form as StackStorm has it: each name has a list of its values. */
export function formBody(text: string): Json {
  const fields = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(text)) {
    const known = fields.get(name);
    if (known === undefined) fields.set(name, [value]);
    else known.push(value);
  }
  return Object.fromEntries(fields);
}

/** An URL as a log may show it: without its query, in which a key may stand, however it is spelled. */
export const loggedUrl = (url: string): string => url.split("?", 1)[0] ?? "";
