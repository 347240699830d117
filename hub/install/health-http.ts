/** How the hub of this host is, as an upgrade has to know it. */
import type { Health } from "../../shared/install/trial.ts";
import { createApiClient } from "../cli/api-client-http.ts";
import { findHub } from "../cli/hub-address-fs.ts";
import type { HubStatus } from "../operations.ts";

/** `null` when none answers. A hub has no sensors, and its link is its broker. */
export async function hubHealth(state: string): Promise<Health | null> {
  const client = createApiClient({
    find: () => findHub({ api: undefined, apiKey: undefined, folder: state }),
    where: state,
    waitMs: 0,
    user: "petrel upgrade",
  });
  try {
    const { version, started_at } = await client.ask<HubStatus>("GET", "/v1/hub");
    const { ok } = await client.ask<{ ok: boolean }>("GET", "/healthz").catch(() => ({ ok: false }));
    return { version, life: started_at, linked: ok, sensors: [], failed: null };
  } catch {
    return null;
  }
}
