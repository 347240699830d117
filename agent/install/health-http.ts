/** How the agent of this host is, as an upgrade has to know it. */
import { lstat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { readConfigFile } from "../../shared/config/read-config-fs.ts";
import type { Layout } from "../../shared/install/layout.ts";
import type { Health } from "../../shared/install/trial.ts";
import { isObject } from "../../shared/json.ts";
import { socketOf } from "../agent-folder-fs.ts";
import { askStatus } from "../status/ask-http.ts";
import type { AgentStatus } from "../status/status.ts";

/**
 * The data folder of the installed agent, as its unit has it: what `data:` in the configuration says, else the usual one.
 * A configuration that cannot be read says nothing: the agent itself will tell what is wrong with it.
 */
export async function installedData({ config, state, root }: Layout): Promise<string> {
  const data = await settingOf(config, "data");
  if (data === null) return state;
  // Units run in the root folder.
  return join(root, resolve("/", data));
}

/** The configuration of the installed agent: whether there is one, and the hub that it names. */
export async function configOf({ config }: Layout) {
  const isThere = await lstat(config).then(
    () => true,
    () => false,
  );
  return { path: config, isThere, hub: await settingOf(config, "hub") };
}

async function settingOf(config: string, name: "data" | "hub"): Promise<string | null> {
  const file = await readConfigFile(undefined, config).catch(() => undefined);
  const value = isObject(file?.value) ? file.value[name] : null;
  return typeof value === "string" && value !== "" ? value : null;
}

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
