/**
 * The hub's storage as intents. LevelDB is its first implementation, `test/contract/store-cases.ts` its definition.
 * Nothing above this port may assume that it is the only process: every change names what it expects to find.
 */
import type { Json, JsonObject } from "../../shared/json.ts";
import type { NumberedEntry, OutboxEpoch } from "../../shared/link/ports.ts";
import type { AgentRecord, SensorRecord } from "../../shared/model/agent.ts";
import type { AgentRelease } from "../../shared/model/agent-release.ts";
import type { AgentRollout, RolloutAgent, UpgradeReport } from "../../shared/model/agent-rollout.ts";
import type { ApiKeyRecord, ApiRequestRecord } from "../../shared/model/api-key.ts";
import type { ChangeWindow } from "../../shared/model/change-window.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { FileAck, FileChange } from "../../shared/model/file-change.ts";
import type { AgentVerification, VerificationHead } from "../../shared/model/file-verification.ts";
import type { AgentIdentity, EnrolmentToken } from "../../shared/model/identity.ts";
import type { PackRecord } from "../../shared/model/pack.ts";
import type { Enforcement, RuleRecord, RuleVersion } from "../../shared/model/rule.ts";
import type { TriggerInstance, TriggerInstanceStatus } from "../../shared/model/trigger.ts";
import type { ActionRequestEntry, AssignmentEntry, DownEntry } from "../../shared/wire/messages.ts";
import type { AuditHead, AuditPage, AuditTrace, NotedHead } from "../audit/audit.ts";
import type { LimitOf } from "./gates.ts";
import type { KeyNews } from "./occurrence.ts";

/** Right to serve one agent; every intake names it, so that an owner that was replaced writes nothing more. */
export interface Claim {
  readonly hub: string;
  readonly agent: string;
  /** Grows with each change of owner. */
  readonly fence: number;
  /** The down epoch this claim opened. */
  readonly epoch: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** A request as it is kept: `sealed` is what is secret in its parameters, encrypted for its execution. */
export type StoredRequest = ActionRequestEntry & { readonly sealed?: string };
/** The same of an assignment: `sealed` is its configuration, encrypted for this entry. */
export type StoredAssignment = AssignmentEntry & { readonly sealed?: string };
/** An entry of a down ledger as it is kept. Secrets are opened when it is sent (`secrets/opened-entry.ts`). */
export type StoredEntry =
  | StoredRequest
  | StoredAssignment
  | Exclude<DownEntry, ActionRequestEntry | AssignmentEntry>;

/** An entry for an agent, to be numbered in its down ledger. */
export interface Dispatch {
  readonly agent: string;
  readonly entry: StoredEntry;
}

/** A well-formed entry that could not be used. */
export interface DeadLetter {
  readonly id: string;
  readonly agent: string;
  readonly received_at: string;
  readonly code: string;
  readonly reason: string;
  readonly entry: Json;
}

/** Something missing or odd in an agent's ledger, kept for the operator. */
export interface GapRecord {
  readonly id: string;
  readonly agent: string;
  readonly direction: "up" | "down";
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
  readonly reason: string;
  readonly recorded_at: string;
}

/**
 * What one instance led to, written all or none. `instance` carries its final status and rule set version.
 * Executions that exist already are left as they are, and their dispatch is not written again: a replay is harmless.
 */
export interface Outcome {
  readonly instance: TriggerInstance;
  readonly enforcements: readonly Enforcement[];
  readonly executions: readonly Execution[];
  readonly dispatches: readonly Dispatch[];
  /** Of enforcements that a throttle may hold back: which of them it does is decided in the batch. */
  readonly throttles?: readonly ThrottleAsk[];
}

/** Asks whether an enforcement of a throttled rule may act at once. */
export interface ThrottleAsk {
  /** Its id; it names the executions that are not made when it is held back. */
  readonly enforcement: string;
  readonly rule: string;
  readonly key: string;
  /** What acts elsewhere, or does not act at all, is never held back together: it is in another lane. */
  readonly lane: string;
  /** Hub time in ms. */
  readonly atMs: number;
  readonly everyMs: number;
  readonly max: number;
  readonly collect: number;
}

/** A window of a throttled rule, for one lane and key. Its id is that of the enforcement that will be its digest. */
export interface ThrottleWindow {
  readonly id: string;
  readonly rule: string;
  /** `""` of a shared one. */
  readonly key: string;
  readonly lane: string;
  /** For all keys beyond those that a rule may have windows of their own for. */
  readonly shared: boolean;
  /** Milliseconds since the epoch; `until` of a closed one is when it was closed. */
  readonly since: number;
  readonly until: number;
  /** By the rule that came to it last. */
  readonly everyMs: number;
  readonly max: number;
  readonly collect: number;
  readonly passed: number;
  readonly held: number;
  /** Instances that were held back: the first `collect`, and the newest. */
  readonly first: readonly string[];
  readonly newest: string | null;
  /** It takes no more, and waits for its digest. */
  readonly isClosed: boolean;
}

/** What tells of all that a window has held back. */
export interface DigestOutcome {
  readonly enforcement: Enforcement;
  readonly executions: readonly Execution[];
  readonly dispatches: readonly Dispatch[];
}

/** Work that is due at a time (milliseconds since the epoch); its id names it once. */
export interface Job {
  readonly id: string;
  readonly dueAt: number;
  readonly kind: string;
  readonly data: JsonObject;
}

/** One effect of an entry; all effects of a `takeIn` are written together with the mark. */
export type Effect =
  /** A new instance, `pending`; one that exists already (same id) is left alone. */
  | { readonly type: "instance"; readonly instance: TriggerInstance }
  /** The same, already judged: intake and processing in one batch. */
  | { readonly type: "outcome"; readonly outcome: Outcome }
  /** Replaces an execution whose `rev` is still `expectRev`; the record carries `expectRev + 1`. */
  | { readonly type: "execution"; readonly execution: Execution; readonly expectRev: number }
  | { readonly type: "sensor"; readonly sensor: SensorRecord }
  | { readonly type: "agent"; readonly agent: AgentRecord; readonly expectRev: number | null }
  | { readonly type: "dead-letter"; readonly letter: DeadLetter }
  | { readonly type: "gap"; readonly gap: GapRecord }
  /** An execution of which this store has lost the record; one that exists already is left alone. */
  | { readonly type: "recovered"; readonly execution: Execution }
  /** As by `schedule`. */
  | { readonly type: "job"; readonly job: Job }
  | { readonly type: "upgrade-report"; readonly report: UpgradeReport };

export interface TakeIn {
  readonly claim: Claim;
  readonly epoch: string;
  /** The mark must stand here, or nothing is written. */
  readonly expectMark: number;
  readonly newMark: number;
  readonly effects: readonly Effect[];
}

export type TakeInResult =
  | { readonly done: true }
  /** The mark stands elsewhere. */
  | { readonly done: false; readonly why: "mark"; readonly mark: number }
  /** Another process owns the agent now. */
  | { readonly done: false; readonly why: "not-owner" }
  /** A record changed meanwhile: read it again and decide again. */
  | { readonly done: false; readonly why: "conflict"; readonly id: string };

/** Newest first unless `ascending`; `cursor` continues where the previous page ended. */
export interface Page {
  /** At least 1; more than 1,000 is taken as 1,000. */
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly ascending?: boolean | undefined;
  /**
   * RFC 3339: only what was received at or after it. Executions and enforcements go by the time in their ids: that of
   * the hub's first intake.
   */
  readonly since?: string | undefined;
  /** RFC 3339: only what was received before it; the time is that of `since`. */
  readonly until?: string | undefined;
}

/**
 * Instances come in the order of intake, and none is ever placed behind a cursor: who follows it to the end has all.
 * A page may be shorter than its limit, even empty, and still have a cursor: a filter that fits almost nothing is
 * searched for in bounded steps.
 */
export interface PageOf<T> {
  readonly items: readonly T[];
  /** Pass it on to continue; absent at the end. */
  readonly cursor?: string;
}

export interface InstanceFilter {
  readonly trigger?: string | undefined;
  readonly status?: TriggerInstanceStatus | undefined;
  readonly agent?: string | undefined;
}

export interface ExecutionFilter {
  readonly action?: string | undefined;
  readonly status?: string | undefined;
  readonly agent?: string | undefined;
  readonly rule?: string | undefined;
  readonly trigger_instance?: string | undefined;
  readonly user?: string | undefined;
  readonly trace_tag?: string | undefined;
  /** The fan-out that has started it; every attempt counts. */
  readonly parent?: string | undefined;
  /** Only these; those that are not there are left out. */
  readonly ids?: readonly string[] | undefined;
}

export interface EnforcementFilter {
  readonly rule?: string | undefined;
  readonly trigger_instance?: string | undefined;
  readonly status?: string | undefined;
  /** Only what was held back for the enforcement of this id. */
  readonly digest?: string | undefined;
}

/** Fields that are given must all fit. */
export interface FileChangeFilter {
  readonly agent?: string | undefined;
  /** Exactly this path, now or before it was renamed; with `agent` nothing else is read. */
  readonly path?: string | undefined;
  /** Only what nobody has acknowledged. */
  readonly unacknowledged?: boolean | undefined;
  /** Whatever else the change must be; asked for those that fit all of the above. */
  readonly fits?: ((change: FileChange) => boolean) | undefined;
}

/** Fields that are given must all fit. */
export interface ApiRequestFilter {
  readonly user?: string | undefined;
  readonly key?: string | undefined;
  readonly address?: string | undefined;
  readonly noun?: string | undefined;
  readonly verb?: string | undefined;
  readonly ref?: string | undefined;
  /** Only refusals. */
  readonly refused?: boolean | undefined;
}

/** All rules at one version; an immutable value. */
export interface RuleSet {
  readonly version: number;
  readonly rules: readonly RuleRecord[];
}

export interface StoreCounts {
  readonly instances: number;
  /** Instances that still have to be judged. */
  readonly pending: number;
  readonly dead_letters: number;
}

export type Change =
  | { readonly type: "instance"; readonly instance: TriggerInstance }
  | { readonly type: "enforcement"; readonly enforcement: Enforcement }
  | { readonly type: "execution"; readonly execution: Execution }
  | { readonly type: "agent"; readonly agent: AgentRecord }
  | { readonly type: "sensor"; readonly sensor: SensorRecord }
  | { readonly type: "rules"; readonly version: number }
  | { readonly type: "pack"; readonly pack: PackRecord | null; readonly ref: string }
  /** A datastore key has this value now; `null`: it is gone. */
  | { readonly type: "key"; readonly scope: string; readonly name: string; readonly value: string | null }
  /** A window for expected changes is like this now; `null`: it is gone. */
  | { readonly type: "window"; readonly id: string; readonly window: ChangeWindow | null }
  /** A key of the HTTP API is like this now; `null`: it is gone. */
  | { readonly type: "api-key"; readonly id: string; readonly key: ApiKeyRecord | null }
  | { readonly type: "identity"; readonly identity: AgentIdentity }
  | { readonly type: "rollout"; readonly rollout: AgentRollout }
  | { readonly type: "upgrade-report"; readonly report: UpgradeReport }
  | { readonly type: "identity-gone"; readonly agent: string }
  /** A gate has room while something waits there, or somebody waits there from now on. */
  | { readonly type: "gate"; readonly gate: string }
  /** Entries were added to this agent's down ledger. */
  | { readonly type: "down"; readonly agent: string }
  /**
   * Some changes cannot be told one by one: writing goes on after it had failed, and what had failed may be there
   * after all; or another process wrote more than this one could follow. Read again what is kept in memory.
   */
  | { readonly type: "reopened" };

/** Result of a write that expects a revision: false when the record had changed. */
export type Written = boolean;

export interface PurgedOldest {
  readonly instances: number;
  readonly executions: number;
  readonly enforcements: number;
  readonly bytes: number;
}

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

export interface RetentionPolicy {
  /**
   * Instances, enforcements, executions, gaps, dead letters received before this (RFC 3339) may go, if final; so may
   * windows that ended before it.
   */
  readonly before: string;
  /** At most this many trigger instances are kept; the oldest final ones go first. */
  readonly maxInstances: number;
  /** At most this many dead letters, and this many gaps, are kept (50,000): no agent fills the disk with them. */
  readonly maxNotes?: number;
  /** At most this many requests to the API of each kind are kept (200,000). */
  readonly maxRequests?: number;
  /** At most this many families are deleted in one call, so that a purge never blocks intake for long. */
  readonly batch: number;
}

export interface Store {
  // --- ownership -------------------------------------------------------------------------------------------
  /** Opens a new down epoch with a higher fence. `null`: another hub's lease has not run out. */
  claimAgent(hub: string, agent: string, leaseMs: number, now: number): Promise<Claim | null>;
  /** Prolongs the lease; `false` when it was lost. */
  renewClaim(claim: Claim, leaseMs: number, now: number): Promise<boolean>;

  // --- intake and processing -------------------------------------------------------------------------------
  /** The marks of an agent's up epochs; 0 for one never seen. */
  marks(agent: string, epochs: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Effects and mark in one synced batch, or nothing. Rejects with STORE_WRITE when the batch failed. */
  takeIn(take: TakeIn): Promise<TakeInResult>;
  /**
   * An instance that came by no agent's ledger (re-emitted, or the hub's own), with what it led to, in one batch.
   * False when one of this id exists: then nothing is written.
   */
  emit(outcome: Outcome): Promise<Written>;
  /** Writes an outcome for an instance that is still `pending`; false when it no longer is. */
  process(outcome: Outcome): Promise<Written>;
  /** Instances that a restart still has to judge, oldest first. */
  pendingInstances(limit: number): Promise<readonly TriggerInstance[]>;

  // --- executions ------------------------------------------------------------------------------------------
  /** New executions made by hand (`petrel run`, re-run) with their dispatches, in one batch. */
  createExecutions(executions: readonly Execution[], dispatches: readonly Dispatch[]): Promise<void>;
  /** Replaces an execution that still has `expectRev`, and dispatches, in one batch. */
  updateExecution(
    execution: Execution,
    expectRev: number,
    dispatches?: readonly Dispatch[],
  ): Promise<Written>;
  execution(id: string): Promise<Execution | null>;
  executions(filter: ExecutionFilter, page: Page): Promise<PageOf<Execution>>;
  /** Executions on this agent that have not ended. */
  openExecutions(agent: string): Promise<readonly Execution[]>;
  /**
   * Takes up to `wanted` slots of `key` out of `capacity` until `until`; resolves to how many `holder` now has.
   * Asking again with the same holder renews what it has instead of taking more: a replay is harmless.
   */
  reserve(
    key: string,
    wanted: number,
    capacity: number,
    holder: string,
    until: number,
    now: number,
  ): Promise<number>;
  release(key: string, holder: string): Promise<void>;
  /**
   * Requests of new executions whose `policies` name full gates wait on disk with their execution `delayed`, or end it as
   * `canceled`; so do those whose `start_at` is to come, with a job of kind `start-held` due then. The end of an
   * execution frees its slots, and puts a job of kind `retry-execution` on the clock where a policy asks for it: all in
   * the batch that makes or ends it.
   *
   * Lets requests go on that wait at this gate, oldest first, while there is room by today's limits.
   */
  admit(gate: string, limitOf: LimitOf): Promise<void>;
  /** Gates at which something waits. */
  waitingGates(): Promise<readonly string[]>;
  /** Sends a request whose `start_at` has come, or lets it wait at a gate. */
  startHeld(execution: string, limitOf: LimitOf): Promise<void>;
  /**
   * Enforcements of an outcome that asks a throttle pass in their window, or are stored as `throttled` without what they
   * would run. A window puts a job of kind `throttle-digest` on the clock; families of what it holds back stay until
   * its digest is there.
   *
   * Ends a window whose time is over: the window, closed, when it has a digest to make (also when it was closed before),
   * with the next one open in its place; `null` when there is none.
   */
  closeThrottle(window: string, now: number): Promise<ThrottleWindow | null>;
  /** The digest of a closed window, which is gone then, in one batch; false when there is no such window (any more). */
  deliverDigest(window: string, digest: DigestOutcome): Promise<Written>;
  /** Puts `job` on the clock; the same id replaces it. */
  schedule(job: Job): Promise<void>;
  /**
   * Leases up to `limit` jobs that are due; unfinished ones come back when the lease ends, or as soon as whoever held
   * it has surely gone.
   */
  claimDue(now: number, limit: number, leaseMs: number): Promise<readonly Job[]>;
  /** Removes a job that was claimed; one that was scheduled anew meanwhile stays. */
  finishJob(id: string): Promise<void>;

  // --- the down ledger -------------------------------------------------------------------------------------
  /**
   * Numbers entries in the agent's current down epochs (control entries have one of their own) and stores them; resolves
   * once on disk. This, and every other dispatch: LINK_ENTRY_TOO_LARGE beyond 128 KiB as it is sent (nothing is written); when the
   * ledger has reached its cap a request waits behind it, its execution is stored as `delayed` instead of `requested` or
   * `scheduled`, and receipts bring both on again (with a new `rev`), unless the execution is `delayed` no longer.
   */
  appendDown(dispatches: readonly Dispatch[]): Promise<void>;
  downEpochs(agent: string): Promise<readonly OutboxEpoch[]>;
  readDown(
    agent: string,
    epoch: string,
    from: number,
    maxEntries: number,
    maxBytes: number,
  ): Promise<readonly NumberedEntry<StoredEntry>[]>;
  /**
   * Deletes what the agent has. Unlike an agent's outbox nothing is kept after the receipt: an agent restored from a
   * backup has lost its journal too, and would run again what it ran before.
   */
  receiptDown(agent: string, epoch: string, upTo: number): Promise<void>;
  /** Sets aside an entry that the agent cannot decode: a void one takes its number, its execution fails. */
  parkDown(agent: string, epoch: string, n: number, letter: DeadLetter): Promise<void>;

  // --- history ---------------------------------------------------------------------------------------------
  instance(id: string): Promise<TriggerInstance | null>;
  instances(filter: InstanceFilter, page: Page): Promise<PageOf<TriggerInstance>>;
  /** Changes of files: instances of `watch.file_changed`, without those that were emitted again. */
  fileChange(id: string): Promise<FileChange | null>;
  /** In the order of intake, as `instances`. */
  fileChanges(filter: FileChangeFilter, page: Page): Promise<PageOf<FileChange>>;
  /**
   * Writes all acknowledgements or none, and answers what holds now, in their order: what was acknowledged before keeps
   * its first one. The id of a change that does not exist instead, when there is one.
   */
  acknowledge(acks: readonly FileAck[]): Promise<readonly FileAck[] | string>;
  /** Windows for expected changes, in the order of their ids. */
  changeWindows(): Promise<readonly ChangeWindow[]>;
  putChangeWindow(window: ChangeWindow, expectRev: number | null): Promise<Written>;
  /** What was asked, and the last that was noted of each agent, by id; `null` when it is not known (any more). */
  verification(id: string): Promise<{
    readonly head: VerificationHead;
    readonly heard: readonly AgentVerification[];
  } | null>;
  putVerification(head: VerificationHead): Promise<void>;
  /** Each in the place of what was noted of its agent before. */
  noteVerified(id: string, heard: readonly AgentVerification[]): Promise<void>;
  enforcement(id: string): Promise<Enforcement | null>;
  enforcements(filter: EnforcementFilter, page: Page): Promise<PageOf<Enforcement>>;
  deadLetters(page: Page): Promise<PageOf<DeadLetter>>;
  deadLetter(id: string): Promise<DeadLetter | null>;
  dropDeadLetter(id: string): Promise<boolean>;
  gaps(page: Page): Promise<PageOf<GapRecord>>;
  counts(): Promise<StoreCounts>;

  // --- content ---------------------------------------------------------------------------------------------
  ruleSet(): Promise<RuleSet>;
  /** Writes or removes rules and raises the version, in one batch; `expectVersion` guards against a race. */
  changeRules(
    put: readonly RuleRecord[],
    remove: readonly string[],
    expectVersion: number,
  ): Promise<number | null>;
  /** The last 20 versions of a rule that differ, newest first: the present one, and the end of one that is deleted. */
  ruleHistory(ref: string): Promise<readonly RuleVersion[]>;
  packs(): Promise<readonly PackRecord[]>;
  pack(ref: string): Promise<PackRecord | null>;
  /** A pack and its rules change together: a rule never refers to an action of another version. */
  putPack(
    pack: PackRecord,
    expectRev: number | null,
    rules: readonly RuleRecord[],
    removeRules: readonly string[],
  ): Promise<Written>;
  removePack(ref: string, expectRev: number): Promise<Written>;
  agents(): Promise<readonly AgentRecord[]>;
  agent(id: string): Promise<AgentRecord | null>;
  putAgent(agent: AgentRecord, expectRev: number | null): Promise<Written>;
  /** Deletes the record of an agent, and those of its sensors. Its history stays, and so do the marks of its ledgers. */
  forgetAgent(agent: string): Promise<void>;
  sensors(agent?: string): Promise<readonly SensorRecord[]>;
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
  identities(): Promise<readonly AgentIdentity[]>;
  identity(agent: string): Promise<AgentIdentity | null>;
  /**
   * With `use`, one use of a token is taken in the same batch. `changed`: another revision than `expectRev` is there;
   * `token`: it is unknown, revoked, expired at `now` (ms) or used up. Nothing is written then.
   */
  putIdentity(
    identity: AgentIdentity,
    expectRev: number | null,
    use?: { readonly token: string; readonly now: number },
  ): Promise<"done" | "changed" | "token">;
  dropIdentity(agent: string, expectRev: number): Promise<Written>;
  tokens(): Promise<readonly EnrolmentToken[]>;
  token(id: string): Promise<EnrolmentToken | null>;
  putToken(token: EnrolmentToken, expectRev: number | null): Promise<Written>;
  /** Deletes tokens that expired before this (ms); resolves to how many. */
  dropTokens(before: number): Promise<number>;
  key(scope: string, name: string): Promise<string | null>;
  /** In order of name, those behind `after` if given; more than 1,000 at once is taken as 1,000. */
  keys(
    scope: string,
    prefix: string,
    limit: number,
    after?: string,
  ): Promise<readonly { name: string; value: string }[]>;
  /**
   * `expect`: only if this is its value now. `told` makes the change known to who listens for changes of keys, in the
   * same batch.
   */
  setKey(
    scope: string,
    name: string,
    value: string | null,
    options?: { readonly expect?: string; readonly told?: KeyNews },
  ): Promise<Written>;
  /** Keys of the HTTP API, in the order of their ids. */
  apiKeys(): Promise<readonly ApiKeyRecord[]>;
  putApiKey(key: ApiKeyRecord, expectRev: number | null): Promise<Written>;
  /** False when there is none. */
  removeApiKey(id: string): Promise<Written>;
  /**
   * Notes a request to the API; resolves once on disk. `isPlenty`: strangers can make as many of its kind as they like, so
   * it has a cap of its own and never pushes out the others.
   */
  noteApiRequest(request: ApiRequestRecord, isPlenty: boolean): Promise<void>;
  /** In the order of their ids. */
  apiRequests(filter: ApiRequestFilter, page: Page): Promise<PageOf<ApiRequestRecord>>;
  /**
   * Small records of the hub itself; `null` when there is none. `clock_high_water` (milliseconds) is kept
   * by the store: no record in it is later, and every batch moves it on.
   */
  setting(name: string): Promise<Json>;
  putSetting(name: string, value: Json): Promise<void>;

  // --- audit -----------------------------------------------------------------------------------------------
  // Each batch that writes an instance, an enforcement, an execution, a rule or an entry for an agent writes one row of
  // the audit's chain with it: see `hub/audit/chain.ts`.
  auditHead(): Promise<AuditHead>;
  /** One bounded piece: the first without a cursor, and with it what `noted` says of a head. Several processes may write meanwhile. */
  verifyAudit(cursor?: string, noted?: NotedHead): Promise<AuditPage>;
  /** What rows tell of an execution or a trigger instance, as far as they are kept (the first 5,000); `null`: none does. */
  traceAudit(id: string): Promise<AuditTrace | null>;

  // --- housekeeping ----------------------------------------------------------------------------------------
  /** Deletes whole final families (instance, enforcements, executions) and says how many; never a referenced record. */
  purge(policy: RetentionPolicy): Promise<{ instances: number; executions: number; enforcements: number }>;
  /**
   * As `purge`, by size: the oldest families and the executions made by hand of their age, until about `bytes` of records
   * have gone, or `batch` families. `bytes` of the answer: of the records, not of the disk.
   */
  purgeOldest(bytes: number, batch: number): Promise<PurgedOldest>;
  /** Bytes that history takes on disk, about, with the blobs that executions name; what was deleted may count until `reclaim`. */
  historyBytes(blobSize: (digest: string) => number): Promise<number>;
  /** Gives the disk back what history has deleted, where that does not happen by itself. */
  reclaim(): Promise<void>;
  /** Digests of blobs that kept records name. */
  referencedBlobs(): Promise<ReadonlySet<string>>;
  /** Called in order after each batch is on disk, soon after it when another process wrote that batch. */
  subscribeChanges(listener: (changes: readonly Change[]) => void): () => void;
  close(): Promise<void>;
}
