/** What `petrel-agent doctor` knows of an agent before it looks closer. */
import type { AgentConfig } from "../../shared/config/agent-config.ts";
import type { ResolvedConfig } from "../../shared/config/config.ts";
import type { WatchCoverage } from "../../shared/watch/questions.ts";
import type { FleetFile } from "../identity/identity-fs.ts";
import type { AgentStatus } from "../status/status.ts";

/** An agent that answers on its socket. */
export interface RunningAgent {
  readonly status: AgentStatus;
  /** How it watches files; `null` where nothing does. */
  readonly coverage: WatchCoverage | null;
  /** The last warnings and errors of its log; empty for an agent of an older version. */
  readonly recent: readonly string[];
}

export interface AgentCase {
  /** That it is installed below: `/`. */
  readonly root: string;
  /** Absolute path of its data folder. */
  readonly data: string;
  /** Whose data folder it is, and so who the agent runs as; the caller while there is none. */
  readonly owner: number;
  /** Of the caller. */
  readonly uid: number;
  /** Of this software. */
  readonly version: string;
  /** Milliseconds since the epoch, by this host's clock. */
  readonly now: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The file that was read; `null`: none. */
  readonly configFile: string | null;
  /** The settings; an error when they cannot be used: then `policy` and the like are not known. */
  readonly config: ResolvedConfig<AgentConfig> | Error;
  readonly fleet: FleetFile | null | Error;
  /** Where its hub's broker is; `null` when nothing says so. */
  readonly hub: string | null;
  /**
   * `stopped`: nobody listens. `between`: nor here, but its database is open: it starts or ends. `closed`: this user may
   * not ask. `silent`: it is there and does not answer.
   */
  readonly agent: RunningAgent | "stopped" | "between" | "closed" | "silent";
}

/** The running agent; `null` while it does not answer. */
export const runningOf = ({ agent }: Pick<AgentCase, "agent">): RunningAgent | null =>
  typeof agent === "string" ? null : agent;
