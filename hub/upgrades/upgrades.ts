/** Puts the room for upgrades of agents together. */
import type { BlobStore } from "../../shared/blobs/blob-fs.ts";
import type { AgentRegistry } from "../agents/agent-registry.ts";
import type { HubIdentity } from "../identity/hub-identity.ts";
import type { HubOperations } from "../operations.ts";
import type { Store } from "../store/store.ts";
import { ReleaseDesk } from "./release-desk.ts";
import { RolloutDesk } from "./rollout-desk.ts";
import { Rollouts, type RolloutsOptions } from "./rollouts.ts";

export interface UpgradesOptions extends Omit<RolloutsOptions, "signer" | "store" | "registry"> {
  readonly store: Store;
  readonly registry: AgentRegistry;
  readonly blobs: Pick<BlobStore, "put" | "readAll">;
  /** `null` in dev mode: nothing is signed. */
  readonly enrolment: { readonly identity: Pick<HubIdentity, "signer"> } | null;
  /** The hub's own. */
  readonly version: string;
}

export interface Upgrades {
  readonly releases: ReleaseDesk;
  readonly rollouts: Rollouts;
  readonly desk: RolloutDesk;
}

export function openUpgrades(options: UpgradesOptions): Upgrades {
  const { blobs, enrolment } = options;
  const rollouts = new Rollouts({ ...options, signer: () => enrolment?.identity.signer() ?? null });
  return {
    releases: new ReleaseDesk({
      ...options,
      keepPart: (bytes) => blobs.put(bytes),
      readPart: (digest) => blobs.readAll(digest),
    }),
    rollouts,
    desk: new RolloutDesk({ ...options, agents: options.registry, rollouts }),
  };
}

type UpgradeOperations = Pick<
  HubOperations,
  | "agentReleases"
  | "keepReleasePart"
  | "addAgentRelease"
  | "removeAgentRelease"
  | "beginRollout"
  | "rollouts"
  | "rollout"
  | "rolloutAgents"
  | "pauseRollout"
  | "resumeRollout"
  | "cancelRollout"
>;

export function upgradeOperations({ releases, desk }: Upgrades): UpgradeOperations {
  return {
    agentReleases: () => releases.list(),
    keepReleasePart: (digest, bytes) => releases.keepPart(digest, bytes),
    addAgentRelease: (manifest, user) => releases.add(manifest, user),
    removeAgentRelease: (version, arch) => releases.remove(version, arch),
    beginRollout: (request) => desk.begin(request),
    rollouts: () => desk.list(),
    rollout: (id) => desk.get(id),
    rolloutAgents: (id) => desk.agents(id),
    pauseRollout: (id) => desk.pause(id),
    resumeRollout: (id) => desk.resume(id),
    cancelRollout: (id) => desk.cancel(id),
  };
}
