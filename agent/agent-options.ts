/** What an agent is started with, and what can be asked of it then. */
import type { LogConfig } from "../shared/config/log-settings.ts";
import type { UserRules } from "./actions/action-user.ts";
import type { QueueLimits } from "./actions/queue.ts";

export interface AgentOptions {
  /** Absolute path of its data folder. */
  readonly data: string;
  /** For one machine: it needs no identity. */
  readonly dev: boolean;
  /** `mqtts://HOST:PORT`, or in dev mode `mqtt://HOST:PORT`; `null`: where it enrolled. */
  readonly hub: string | null;
  /** `null`: as it enrolled; in dev mode the host's name. */
  readonly id: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Of entries that wait for the hub. */
  readonly outboxMib: number;
  /** Seconds of silence that a sensor of a new version or configuration has until it is ready. */
  readonly readySeconds: number;
  readonly virtualenv: { readonly mode: "auto" | "never"; readonly index: string | null };
  readonly actionUsers: UserRules;
  /** Path of the policy file that has to be there; `null`: the usual one, if it exists. */
  readonly policy: string | null;
  /** How many actions run at once, and how many wait. */
  readonly queue: QueueLimits;
  /** That running actions have to end by themselves when the agent stops. */
  readonly drainSeconds: number;
  readonly log: LogConfig;
  /** Ends when standard input does: its parent has gone. */
  readonly exitWithParent?: boolean;
}

export interface RunningAgent {
  /** Resolves to false when a part did not stop cleanly. */
  stop(): Promise<boolean>;
  /** Actions that the stopping agent waits for are ended at once. */
  hurry(): void;
  /** Actions run. */
  hasRunning(): boolean;
  /** To be called before `stop` if this process then becomes the next agent (execve(2)): running actions run on. */
  handOver(): void;
  /** While it stops: no next agent is to come, and running actions end as at any other end. */
  withdrawHandOver(): void;
  /** After `stop`: running actions wait for the next agent. */
  hasHandedOver(): boolean;
  /** After `stop`, when no next agent takes the place of this process: ends the actions that wait for it. */
  endHanded(): Promise<void>;
  /** Reads the policy file of the host again; what it refuses from now on stops, but for actions that run. */
  reloadPolicy(): Promise<unknown>;
}
