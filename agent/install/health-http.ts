/** How the agent of this host is, as an upgrade has to know it. */
import type { Health } from "../../shared/install/trial.ts";
import { socketOf } from "../agent-folder-fs.ts";
import { askStatus } from "../status/ask-http.ts";
import type { AgentStatus } from "../status/status.ts";

/** `null` when none answers. */
export async function agentHealth(state: string): Promise<Health | null> {
  try {
    return healthOf(await askStatus(socketOf(state)));
  } catch {
    return null;
  }
}

export function healthOf(status: AgentStatus): Health {
  return {
    version: status.version,
    life: status.started_at,
    linked: status.link_up,
    sensors: status.sensors.filter(({ state }) => state === "running").map(({ sensor }) => sensor),
    failed: status.store.failed ? "its database takes no writes" : null,
  };
}
