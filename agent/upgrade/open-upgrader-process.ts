/** Puts the agent's upgrades together. */
import { join } from "node:path";
import type { Clock } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import type { Timers } from "../../shared/timers.ts";
import { version } from "../../shared/version.ts";
import { freeBytes } from "../condition/disk-room-fs.ts";
import type { AgentIdentity } from "../identity/identity.ts";
import { agentHealth } from "../install/health-http.ts";
import type { PolicyInForce } from "../policy/policy-in-force.ts";
import { agentStoreFormat } from "../store/format.ts";
import { installedUpgrade } from "./installed-process.ts";
import { Parts } from "./parts-fs.ts";
import { UpgradeStore, type UpgradeStoreOptions } from "./upgrade-store.ts";
import { Upgrader } from "./upgrader.ts";

export interface OpenUpgraderOptions extends UpgradeStoreOptions {
  /** The agent's data folder. */
  readonly data: string;
  /** `null` in dev mode. */
  readonly identity: AgentIdentity | null;
  readonly policy: Pick<PolicyInForce, "refusesUpgrade">;
  readonly ask: (op: string, args: JsonObject, withinMs: number) => Promise<Json>;
  readonly hubTime: { heard(): number | null };
  readonly newId: () => string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

/** Milliseconds for one range of the binary to come from the hub. */
const rangeWithinMs = 30_000;

export function openUpgrader(options: OpenUpgraderOptions): Upgrader {
  const { data, identity, policy, ask, hubTime, clock, log } = options;
  const now = () => clock.now();
  const monotonic = () => clock.monotonic();
  const health = () => agentHealth(data);
  const heard = () => {
    const atMs = hubTime.heard();
    if (atMs !== null) return atMs;
    throw new PetrelError("LINK_CLOSED", "what time it is has to be heard from the hub first");
  };
  const host = installedUpgrade({ env: process.env, health, now, monotonic, log });
  return new Upgrader({
    ...options,
    now,
    upgrades: new UpgradeStore(options),
    parts: new Parts({ folder: join(data, "upgrade"), ask, withinMs: rangeWithinMs }),
    host,
    facts: async (entry) => ({
      version,
      arch: process.arch,
      hubNowMs: heard(),
      policy: policy.refusesUpgrade(),
      unable: await host.unable(),
      keys: identity === null ? null : identity.keysFor(entry.hub_keys),
      formerKeys: identity?.link.olderKeys(entry.hub_keys) ?? [],
      freeBytes: await freeBytes(data),
      storeFormat: agentStoreFormat,
    }),
  });
}
