/** An upgrade of many agents, batch by batch, and where each of them stands. */
import type { ReleaseManifest } from "../upgrade/manifest.ts";
import type { LabelSelector } from "./pack.ts";

/**
 * - `running`: batches follow each other.
 * - `paused`: by a person; no further batch begins.
 * - `stopped`: too many have failed; no further batch begins.
 * - `canceled`: no further batch begins, ever.
 * - `done`: every agent has its final state.
 */
export type RolloutState = "running" | "paused" | "stopped" | "canceled" | "done";

export const agentUpgradeStates = [
  /** Its turn has not come, or it is away. */
  "waiting",
  /** It was asked, and fetches the binary. */
  "sending",
  /** It installs, or shows that it is well. */
  "installing",
  /** It runs the new version, and is as it was before. */
  "healthy",
  "failed",
  /** It has gone back to the version before. */
  "rolled_back",
  /** Its host or the agent itself does not do it, and nothing was changed. */
  "refused",
  /** Left out: it stayed away, was taken out of the fleet, or another rollout has it. */
  "skipped",
] as const;

export type AgentUpgradeState = (typeof agentUpgradeStates)[number];

export interface RolloutAgent {
  readonly agent: string;
  readonly state: AgentUpgradeState;
  /** Version at its turn; `null` before. */
  readonly from: string | null;
  /** 1 and up; `null` before its turn. */
  readonly batch: number | null;
  /** Why it is as it is: a stable code, and a sentence. */
  readonly code: string | null;
  readonly reason: string | null;
  /** Hub time at its turn, and at its end. */
  readonly asked_at: string | null;
  readonly ended_at: string | null;
  /** Sensors that ran at its turn. */
  readonly sensors: readonly string[];
}

export interface AgentRollout {
  readonly id: string;
  readonly version: string;
  /** As they were when it began: removing a release does not change what was begun. */
  readonly releases: readonly ReleaseManifest[];
  /** What the agents were chosen by; `null`: by name. */
  readonly labels: LabelSelector | null;
  /** Agents at once. */
  readonly batch: number;
  /** It stops when so many have failed or gone back. */
  readonly max_failures: number;
  readonly allow_downgrade: boolean;
  /** Agents that are away at their turn are left out. */
  readonly skip_offline: boolean;
  /** Seconds that one agent has from its turn. */
  readonly within: number;
  /** Seconds that its link has to be up, in one life, before it counts as healthy. */
  readonly settle: number;
  /** Hub time until which agents that are away are waited for. */
  readonly offline_until: string;
  readonly state: RolloutState;
  readonly reason: string | null;
  readonly user: string;
  readonly started_at: string;
  /** When the last agent had its final state. */
  readonly ended_at: string | null;
  /** Batches that have begun. */
  readonly batches: number;
  /** Failures before the last `resume`: they do not count any more. */
  readonly forgiven: number;
  readonly counts: Readonly<Record<AgentUpgradeState, number>>;
  readonly rev: number;
}

/** The last that an agent has said of an upgrade. */
export interface UpgradeReport {
  readonly agent: string;
  /** Id of the rollout. */
  readonly upgrade: string;
  readonly state: "sending" | "installing" | "healthy" | "failed" | "rolled_back" | "refused";
  readonly code: string | null;
  readonly reason: string | null;
  /** Hub time. */
  readonly received_at: string;
}
