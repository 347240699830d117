/** Agents as the hub knows them, and the state of their sensors. */

export type SensorState = "starting" | "running" | "backing-off" | "failed" | "stopped";

export interface SensorRecord {
  readonly agent: string;
  /** `pack.ClassName` */
  readonly sensor: string;
  readonly state: SensorState;
  readonly pid: number | null;
  readonly restarts: number;
  readonly last_error: string | null;
  readonly since: string;
  /** What its process was started with; absent while none runs, or when its agent does not say. */
  readonly cmd?: string;
  /** Of its process that ended last, while none runs; absent when a signal ended it, or its agent does not say. */
  readonly exit_code?: number;
  /** Of the assignment it runs under; absent when its agent does not say. */
  readonly fingerprint?: string | null;
  /** It runs, and not as configured: why. */
  readonly problem?: string | null;
}

export interface AgentRecord {
  readonly id: string;
  readonly host: string | null;
  /** What counts: the labels it reports, overlaid by those an operator set. */
  readonly labels: Readonly<Record<string, string>>;
  readonly reported_labels?: Readonly<Record<string, string>>;
  /** `null` hides a reported label. */
  readonly set_labels?: Readonly<Record<string, string | null>>;
  readonly online: boolean;
  /** Identity of its store; changes when the store was lost. */
  readonly incarnation: string | null;
  readonly version: string | null;
  readonly address: string | null;
  /** It can be upgraded by its hub; absent when it has not said hello since hubs ask. */
  readonly upgrades?: boolean;
  readonly first_seen: string;
  readonly last_seen: string;
  /** Hub time at which it had been away for too long; absent when it has not, or is there again. */
  readonly lost?: string;
  /** Hub time at which it was taken out of the fleet; absent when it was not, or has enrolled again since. */
  readonly removed?: string;
  /** Its clock minus the hub's, in ms, as learnt at the last hello. */
  readonly skew_ms: number | null;
  /** Packs it holds: ref to digest. */
  readonly packs: Readonly<Record<string, string>>;
  /** Ref to the fingerprint of the assignment in use; absent when the agent does not say. */
  readonly fingerprints?: Readonly<Record<string, string>>;
  /** Packs whose assigned version is being made ready to run. */
  readonly preparing?: readonly string[];
  /** Ref to why parts of the version in use cannot run, or why its host lets no version of it be. */
  readonly pack_problems?: Readonly<Record<string, string>>;
  readonly runners: readonly string[];
  /** Digest of its host's policy file; `null` when it has none, absent when the agent does not say. */
  readonly policy?: string | null;
  /** Of its database; absent when the agent does not say. */
  readonly store_format?: number;
  /** Of the hub's keys that it goes by, as `petrel hub keys rotate` prints it; absent in dev mode, or when it does not say. */
  readonly hub_keys_serial?: number;
  /** Two machines have this id: it is sent nothing until somebody resolves it. */
  readonly conflict?: AgentConflict | null;
  /** Why it takes no new work, or lets its sensors wait; as it last said. */
  readonly degraded?: string | null;
  /** What it told last of its baseline of watched files. */
  readonly baseline?: BaselineAnchor;
  readonly rev: number;
}

/** A baseline as a whole. */
export interface BaselineAnchor {
  /** Grows with each write. */
  readonly generation: number;
  /** Records. */
  readonly count: number;
  /** Over all records, in any order; 64 hexadecimal digits. */
  readonly digest: string;
  /** How often all records have been checked. */
  readonly sweep: number;
  /** Number (`seq`) of the last change that had been told by then; older agents do not say. */
  readonly told?: number;
}

export interface AgentConflict {
  /** Hub time. */
  readonly since: string;
  /** The first is the one that stays; the others are refused. At most 4. */
  readonly parties: readonly ConflictParty[];
}

/** What is known of one of several machines with the same agent id. */
export interface ConflictParty {
  /** `ip:port` */
  readonly address: string | null;
  readonly host: string | null;
  /** Of its agent's process. */
  readonly process: string | null;
}
