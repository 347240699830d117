/** What people may make the hub do: the door between the HTTP API and the hub's rooms. Reads go to the store. */
import type { Json, JsonObject } from "../shared/json.ts";
import type { HistogramFigures } from "../shared/metrics/histogram.ts";
import type { AgentRecord } from "../shared/model/agent.ts";
import type { AgentRelease } from "../shared/model/agent-release.ts";
import type { AgentRollout } from "../shared/model/agent-rollout.ts";
import type { ChangeWindow } from "../shared/model/change-window.ts";
import type { Execution } from "../shared/model/execution.ts";
import type { FileAck } from "../shared/model/file-change.ts";
import type { Verification } from "../shared/model/file-verification.ts";
import type { LabelSelector, PackRecord } from "../shared/model/pack.ts";
import type { ActionTarget, RuleRecord, RuleVersion } from "../shared/model/rule.ts";
import type { TriggerInstance } from "../shared/model/trigger.ts";
import type { Architecture, ReleaseManifest } from "../shared/upgrade/manifest.ts";
import type { WatchCoverage } from "../shared/watch/questions.ts";
import type { BackupRecord } from "./backup/backup-desk.ts";
import type { TransportStats } from "./broker/transport.ts";
import type { KeyAddress } from "./datastore/key-address.ts";
import type { KeyQuery, KeyRequest } from "./datastore/key-desk.ts";
import type { KeyView } from "./datastore/key-view.ts";
import type {
  BrokerConfigRequest,
  IdentityView,
  NewToken,
  RotateRequest,
  TokenRequest,
  TokenView,
} from "./enrolment/enrolment-desk.ts";
import type { RollOut } from "./executions/fan-out.ts";
import type { RunPreview } from "./executions/preview.ts";
import type { HubCounts, HubFigures, Top, TopQuery } from "./figures/figures.ts";
import type { Comparison } from "./files/compare.ts";
import type { AckRequest, WindowRequest } from "./files/file-desk.ts";
import type { FleetCoverage } from "./files/fleet-coverage.ts";
import type { VerifyRequest } from "./files/verify-desk.ts";
import type { AgentChoice } from "./files/watchers.ts";
import type { HistoryFigures } from "./history-cap.ts";
import type { AssignTo } from "./packs/layers.ts";
import type { OverrideView, WrittenOverrides } from "./packs/override-desk.ts";
import type { ConfigEdit, Registered } from "./packs/pack-desk.ts";
import type { Replay, ReplayRequest, RuleWhy } from "./rules/hindsight.ts";
import type { ChangedRule, WrittenRule } from "./rules/rule-desk.ts";
import type { Page, PageOf } from "./store/port/page.ts";
import type { TimerView } from "./timers/timer-book.ts";
import type { RolloutAgentView, RolloutRequest } from "./upgrades/rollout-desk.ts";
import type { HookRequest, InjectRequest, Received, WebhookView } from "./webhooks/webhook-desk.ts";

export interface HubStatus {
  readonly version: string;
  readonly hub: string;
  readonly started_at: string;
  readonly dev: boolean;
  readonly data: string;
  readonly mqtt: string;
  readonly broker: "embedded" | "external";
  readonly agents: HubCounts["agents"];
  readonly rule_set_version: number;
  readonly rules: number;
  readonly packs: number;
  readonly pending_instances: number;
  readonly dead_letters: number;
  readonly history: HistoryFigures;
}

export interface RunRequest {
  readonly action: string;
  readonly parameters: JsonObject;
  /** Default: the agent beside the hub. */
  readonly target?: ActionTarget | undefined;
  readonly user: string;
  readonly trace_tag?: string | undefined;
  /** Seconds from now; or when: milliseconds since the epoch. Absent, and in the past: at once. */
  readonly delay?: number | undefined;
  readonly start_at_ms?: number | undefined;
  /** One execution that goes from agent to agent, in place of one for each. */
  readonly roll_out?: RollOut | undefined;
}

export interface RerunRequest {
  /** In place of the old ones of these names. */
  readonly parameters: JsonObject;
  readonly user: string;
  readonly delay?: number | undefined;
  readonly start_at_ms?: number | undefined;
}

/** Contents of a pack as read from a folder: relative path to bytes. */
export interface PackFile {
  readonly path: string;
  readonly mode: number;
  readonly content: Uint8Array;
}

export interface RegisterRequest {
  readonly files: readonly PackFile[];
  /** The folder they were in: names the pack when its manifest does not, and is shown in errors. */
  readonly folder?: string | undefined;
  /** The operator's layer; `undefined` keeps what was there. */
  readonly config?: JsonObject | undefined;
}

/** Every method validates its input and throws a PetrelError that leaves the state untouched. */
/** What works, as far as this process knows; asked for without touching the disk. */
export interface HubHealth {
  /** Of what agents have sent and is not on disk yet: bytes, and agents that were told to wait. */
  readonly intake: { readonly bytes: number; readonly paused: number };
  readonly store: {
    /** Requests that wait for a batch. */
    readonly queued: number;
    readonly batches: number;
    readonly lastBatchMs: number;
    /** Seconds until a batch was on disk. */
    readonly batchSeconds: HistogramFigures;
    /** A batch could not be written, and the database has not been opened again yet. */
    readonly failed: boolean;
  };
  /** How much history there is, and what went for want of room. */
  readonly history: HistoryFigures;
  readonly broker: TransportStats & {
    /** Always true of the embedded broker. */
    readonly reached: boolean;
  };
}

export interface HubOperations {
  status(): Promise<HubStatus>;
  health(): HubHealth;
  /** For Prometheus. */
  figures(): Promise<HubFigures>;
  /** For people: the agents to look at, and what happened last. */
  top(query: TopQuery): Promise<Top>;
  /** Creates and dispatches one execution per target agent. */
  run(request: RunRequest): Promise<readonly Execution[]>;
  /** What `run` would do. */
  previewRun(request: RunRequest): Promise<RunPreview>;
  rerun(id: string, request: RerunRequest): Promise<Execution>;
  cancelExecution(id: string, user: string): Promise<Execution>;
  pauseExecution(id: string, user: string): Promise<Execution>;
  resumeExecution(id: string, user: string): Promise<Execution>;
  registerPack(request: RegisterRequest): Promise<Registered>;
  /** Changes what is configured for the agents with these labels, or (`null`) for all, and sends it to them. */
  configurePack(ref: string, labels: LabelSelector | null, edit: ConfigEdit): Promise<PackRecord>;
  /** Decides which agents run a pack, and with `edit` what is configured for them, in one step. */
  assignPack(ref: string, to: AssignTo, edit?: ConfigEdit): Promise<PackRecord>;
  removePack(ref: string): Promise<void>;
  /** What is switched on and off in packs whatever their files say: by pack, and `_global`. See `OverrideDesk`. */
  overrides(): Promise<readonly OverrideView[]>;
  override(name: string): Promise<OverrideView>;
  setOverride(name: string, text: string): Promise<WrittenOverrides>;
  deleteOverride(name: string): Promise<void>;
  /** The body is the rule as YAML or JSON text, as in a pack's file; `pack` defaults to `default`. */
  createRule(text: string): Promise<WrittenRule>;
  updateRule(ref: string, text: string): Promise<WrittenRule>;
  deleteRule(ref: string): Promise<void>;
  setRuleEnabled(ref: string, enabled: boolean): Promise<RuleRecord>;
  /** What a rule was, newest first; see `RuleDesk.history`. */
  ruleHistory(ref: string): Promise<readonly RuleVersion[]>;
  rollbackRule(ref: string, rev: number | null): Promise<ChangedRule>;
  /** Why a rule, as it is now, acted on a stored trigger instance or did not. */
  whyRule(ref: string, instance: string): Promise<RuleWhy>;
  /** What a rule, or one that is only a text yet, would have done with stored instances; runs nothing. */
  replayRule(request: ReplayRequest): Promise<Replay>;
  /** In the order of their ids, those of disabled rules too. */
  timers(): Promise<readonly TimerView[]>;
  webhooks(): Promise<readonly WebhookView[]>;
  /** Resolves once it is on disk; NOT_FOUND when no enabled rule waits for it. */
  takeWebhook(url: string, request: HookRequest): Promise<Received>;
  /** Tells any registered trigger as if it had happened. */
  injectTrigger(request: InjectRequest): Promise<Received>;
  reEmit(instance: string): Promise<TriggerInstance>;
  /** `null` removes a label. */
  labelAgent(id: string, labels: Readonly<Record<string, string | null>>): Promise<AgentRecord>;
  /** Sends to an agent again whose id two machines had; a record without a conflict stays as it is. */
  resolveAgent(id: string): Promise<AgentRecord>;
  /** Identities; all of these reject with ENROL_OFF in dev mode. See `EnrolmentDesk`. */
  createToken(request: TokenRequest): Promise<NewToken>;
  tokens(): Promise<readonly TokenView[]>;
  revokeToken(id: string): Promise<TokenView>;
  identities(): Promise<readonly IdentityView[]>;
  approveAgent(id: string, fingerprint: string | null): Promise<IdentityView>;
  rejectAgent(id: string): Promise<IdentityView>;
  removeAgent(id: string, purge: boolean): Promise<IdentityView>;
  rotateHubKeys(
    request: RotateRequest & { readonly dropOld: boolean },
  ): Promise<{ readonly serial: number; readonly keys: readonly string[] }>;
  rotateCa(request: RotateRequest): Promise<{ readonly cas: number }>;
  /** Files for an external broker, by name; among them a new private key for it. */
  brokerConfig(request: BrokerConfigRequest): Promise<Readonly<Record<string, string>>>;
  /** Binaries of the agent to hand out; see `ReleaseDesk`. */
  agentReleases(): Promise<readonly AgentRelease[]>;
  keepReleasePart(digest: string, bytes: Uint8Array): Promise<void>;
  addAgentRelease(manifest: ReleaseManifest, user: string): Promise<AgentRelease>;
  removeAgentRelease(version: string, arch: Architecture | null): Promise<readonly AgentRelease[]>;
  /** Upgrades of many agents; see `RolloutDesk`. */
  beginRollout(request: RolloutRequest): Promise<AgentRollout>;
  rollouts(): Promise<readonly AgentRollout[]>;
  rollout(id: string): Promise<AgentRollout>;
  rolloutAgents(id: string): Promise<readonly RolloutAgentView[]>;
  pauseRollout(id: string): Promise<AgentRollout>;
  resumeRollout(id: string): Promise<AgentRollout>;
  cancelRollout(id: string): Promise<AgentRollout>;
  /** Takes the letter's entry in again, with today's rules. */
  retryDeadLetter(id: string): Promise<Json>;
  dropDeadLetter(id: string): Promise<void>;
  /** That people have seen changes of files; see `FileDesk`. */
  acknowledgeChanges(request: AckRequest): Promise<readonly FileAck[]>;
  openWindow(request: WindowRequest): Promise<ChangeWindow>;
  closeWindow(id: string, user: string): Promise<ChangeWindow>;
  /** In the order of their opening; without `all` those that are open. */
  windows(all: boolean): readonly ChangeWindow[];
  /** Has agents look at everything now; resolves once it is under way. See `VerifyDesk`. */
  verifyFiles(request: VerifyRequest): Promise<Verification>;
  /** How far that is; NOT_FOUND. */
  verification(id: string): Promise<Verification>;
  /** What the baselines of agents hold of one path, asked live. */
  compareFiles(path: string, choice: AgentChoice): Promise<Comparison>;
  /** How many agents watch, asked live. */
  fleetCoverage(choice: AgentChoice): Promise<FleetCoverage>;
  /** How an agent watches; rejects when it cannot be asked. */
  watchCoverage(agent: string): Promise<WatchCoverage>;
  /** Keys of the datastore; secrets are shown only when asked for. See `KeyDesk`. */
  keys(query: KeyQuery, page: Page): PageOf<KeyView>;
  key(address: KeyAddress, decrypt: boolean): KeyView;
  setKey(address: KeyAddress, request: KeyRequest): Promise<KeyView>;
  deleteKey(address: KeyAddress): Promise<void>;
  /** What an agent with these labels is sent of a pack's configuration. Throws PACK_CONFIG when it cannot be made. */
  agentConfig(pack: PackRecord, labels: LabelSelector): JsonObject;
  /** Begins a backup into a folder on the hub's host; resolves once it is under way. */
  startBackup(folder: string): Promise<BackupRecord>;
  /** How far it is; NOT_FOUND. */
  backup(id: string): Promise<BackupRecord>;
}
