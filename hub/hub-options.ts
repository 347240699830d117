/** What a hub is started with, and what can be asked of it then. */
import type { AddressShares } from "../shared/config/hub-config.ts";
import type { ListenAddress } from "../shared/config/listen.ts";
import type { LogConfig } from "../shared/config/log-settings.ts";
import type { CatchUp } from "../shared/schedules/missed.ts";
import type { HubOperations } from "./operations.ts";
import type { Store } from "./store/store.ts";

export interface HubOptions {
  /** One machine, loopback only, no enrolment. */
  readonly dev: boolean;
  /** Starts an agent named `hub` beside it. */
  readonly withAgent: boolean;
  /** Absolute path of the data folder. */
  readonly data: string;
  /** That clients reach it by, beside those of its host. */
  readonly names?: readonly string[];
  readonly http: ListenAddress;
  /** Without it, the API speaks without TLS, and on loopback only. */
  readonly https?: {
    /** PEM files. */
    readonly tls: { readonly cert: string; readonly key: string } | null;
    /** The network may read keys and answers. */
    readonly insecure: boolean;
  };
  readonly mqtt: ListenAddress;
  /** `null`: the embedded broker. */
  readonly brokerUrl: string | null;
  readonly retention: {
    readonly days: number;
    readonly maxInstances: number;
    /** `null`: no cap. */
    readonly maxBytes: number | null;
  };
  /** Seconds an agent may be away before it is called lost. */
  readonly lostAfter: number;
  /** Life of an agent's certificate; seconds. */
  readonly certificateSeconds: number;
  /** What one address may take; this machine's own ones may take all. */
  readonly shares: AddressShares;
  /** Rules that may act one after the other on what the one before led to. */
  readonly loopDepth: number;
  readonly timers: {
    /** What happens to occurrences that passed while no hub ran. */
    readonly catchUp: CatchUp;
  };
  /** Where settings came from, for `petrel doctor`. */
  readonly sources?: {
    /** hub.yaml that was read; `null`: none. */
    readonly file: string | null;
    /** As `petrel config show --origin` has it. */
    readonly brokerUrl: string;
  };
  readonly log: LogConfig;
  /** Where the agent beside the hub writes its log; its own standard error when not given. */
  readonly agentLog?: string;
}

export interface RunningHub {
  readonly url: string;
  /** Without user name and password. */
  readonly mqtt: string;
  readonly operations: HubOperations;
  readonly store: Store;
  /** Resolves to false when a part did not stop cleanly. */
  stop(): Promise<boolean>;
}
