/** Binaries of the agent, their rollouts, and what agents have said of upgrades. */
import type { AgentRelease } from "../../../shared/model/agent-release.ts";
import type { AgentRollout, RolloutAgent, UpgradeReport } from "../../../shared/model/agent-rollout.ts";
import type { Dispatch } from "./ledgers.ts";
import type { Written } from "./written.ts";

/** One step of a rollout, all or none. */
export interface RolloutChange {
  /** Carries `expectRev + 1`. */
  readonly rollout: AgentRollout;
  /** `null`: it is new. */
  readonly expectRev: number | null;
  /** Those that are different. */
  readonly agents: readonly RolloutAgent[];
  readonly dispatches: readonly Dispatch[];
}

/** What upgrades of agents go by. */
export interface UpgradeStore {
  /** Binaries of the agent that may be handed out. */
  agentReleases(): Promise<readonly AgentRelease[]>;
  /** The one that is there for its version and architecture: this one, if there was none. */
  putAgentRelease(release: AgentRelease): Promise<AgentRelease>;
  /** False when there is none. Its parts stay while a rollout needs them. */
  removeAgentRelease(version: string, arch: string): Promise<Written>;
  /** In the order of their ids. */
  rollouts(): Promise<readonly AgentRollout[]>;
  rollout(id: string): Promise<AgentRollout | null>;
  /** In the order of their turns, which is that of their names. */
  rolloutAgents(id: string): Promise<readonly RolloutAgent[]>;
  changeRollout(change: RolloutChange): Promise<Written>;
  /** Forgets a rollout and its agents' part in it. */
  dropRollout(id: string): Promise<void>;
  /** The last of each agent. */
  upgradeReports(): Promise<readonly UpgradeReport[]>;
}
