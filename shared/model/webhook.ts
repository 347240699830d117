/** Webhooks: requests from outside that rules wait for by their path (st2 docs, Webhooks). */
import type { JsonObject } from "../json.ts";

export const webhookTrigger = "core.st2.webhook";
/** The path at which any trigger may be told; no rule can have it. */
export const genericHook = "st2";

/** As in StackStorm: slashes at either end do not count. */
export const hookPath = (url: string): string => url.replace(/^\/+|\/+$/g, "");

/** The path that these parameters of a rule's trigger stand for; `null` when they name none. */
export function hookPathOf({ url }: JsonObject): string | null {
  if (typeof url !== "string") return null;
  const path = hookPath(url);
  return path === "" ? null : path;
}
