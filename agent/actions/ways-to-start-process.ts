/** How programs of actions are started on this host: found out once, and told where it is not the best way. */
import type { Logger } from "../../shared/log.ts";
import type { GatedSettings } from "./gated-process.ts";
import { loadKernelSpawn } from "./kernel-spawn-process.ts";
import { openScopes } from "./scopes-process.ts";

export function waysToStart(log: Logger): Pick<GatedSettings, "kernelSpawn" | "scopes"> {
  return {
    kernelSpawn: loadKernelSpawn((error) =>
      log.info("actions are started by Node, which takes more time", { error }),
    ),
    scopes: openScopes(log),
  };
}
