/** What the store keeps of one datastore key: its value, whether that is encrypted, and when its time is over. */
import { isObject } from "../../shared/json.ts";

export interface KeptKey {
  /** Plain, or of a secret what `KeyCipher` has made of it. */
  readonly value: string;
  readonly secret: boolean;
  /** Milliseconds since the epoch. */
  readonly expires: number | null;
}

/** `null` for what is no such record. The same record always has the same text. */
export function parseKept(text: string): KeptKey | null {
  const value: unknown = JSON.parse(text);
  if (!isObject(value) || typeof value.value !== "string") return null;
  return {
    value: value.value,
    secret: value.secret === true,
    expires: typeof value.expires === "number" ? value.expires : null,
  };
}

/** As older hubs wrote them, which knew of no secrets. */
export function keptText({ value, secret, expires }: KeptKey): string {
  return JSON.stringify({ value, expires, ...(secret && { secret }) });
}

export function isCurrent({ expires }: KeptKey, nowMs: number): boolean {
  return expires === null || expires > nowMs;
}
