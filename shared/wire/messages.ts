/** Every message on the wire, as types: what each topic carries (docs/protocol.md). */
import type { HubStatement } from "../identity/hub-statement.ts";
import type { Json, JsonObject } from "../json.ts";
import type { SensorState } from "../model/agent.ts";
import type { BlobRef, Status } from "../model/execution.ts";
import type { RuleTrigger } from "../model/rule-trigger.ts";
import type { SignedManifest } from "../upgrade/manifest.ts";

/** Protocol version in every message. */
export const wireVersion = 1;
/** Bytes. An encoded entry, a packet, and what the broker lets through. */
export const maxEntryBytes = 128 * 1024;
export const maxPacketBytes = 256 * 1024;
export const maxBrokerBytes = 1024 * 1024;

/** Who speaks: `hello`, `ask` and `answer` travel both ways on one topic. */
export type Side = "agent" | "hub";
/** HMAC of the packet; `null` only in dev mode. */
export type Auth = string | null;

interface EntryBase {
  /** ULID made by the sender. */
  readonly id: string;
  /** RFC 3339, the sender's clock: when it happened. */
  readonly at: string;
}

/** A trigger that a sensor dispatched; its id becomes the trigger instance's id. */
export interface TriggerEntry extends EntryBase {
  readonly kind: "trigger";
  readonly trigger: string;
  /** Of the trigger, where its type takes some. */
  readonly parameters?: JsonObject;
  readonly payload: Json;
  /** `pack.ClassName` of the sensor, `null` when it came another way. */
  readonly sensor: string | null;
  readonly trace_tag?: string | null;
  /** When it was, by the hub's clock: left out by an agent that has not heard it since it started. */
  readonly hub_at?: string;
}

/**
 * What became of an action request. `accepted` is said once its journal record is on disk, and `running` once its start
 * is; what is on disk with its end is said with it: one entry with `started_at`.
 */
export interface ExecutionUpdateEntry extends EntryBase {
  readonly kind: "execution-update";
  readonly execution: string;
  readonly status:
    | "accepted"
    | Extract<Status, "running" | "succeeded" | "failed" | "timeout" | "abandoned" | "canceled" | "paused">;
  readonly result?: Json;
  readonly result_blob?: BlobRef;
  /** As `parameters_key` of a request: `result_blob` is encrypted with it. */
  readonly result_key?: string;
  /** Its request said that the result may hold secrets. */
  readonly secret?: true;
  readonly reason?: string;
  readonly started_at?: string;
  readonly ended_at?: string;
  /**
   * With `accepted`, and with the end of what ended as it was accepted: what was asked for, so that a hub that has lost
   * its record of it can tell.
   */
  readonly action?: string;
  readonly trigger_instance?: string | null;
}

export interface SensorEventEntry extends EntryBase {
  readonly kind: "sensor-event";
  readonly sensor: string;
  readonly state: SensorState;
  readonly pid: number | null;
  readonly restarts: number;
  readonly last_error: string | null;
  /** What its process was started with; while one runs. */
  readonly cmd?: string;
  /** Of its process that has ended, if no signal ended it. */
  readonly exit_code?: number;
  /** Of the assignment that this life of the sensor was started with, or goes on under. */
  readonly fingerprint?: string | null;
  /** It runs, and not as configured: why. */
  readonly problem?: string | null;
}

/** Entries that can no longer be had: a hole the sender or receiver could not fill. */
export interface LinkGapEntry extends EntryBase {
  readonly kind: "link-gap";
  /** Whose ledger it is in: the agent's own (the default), or the hub's to it. */
  readonly direction?: "up" | "down";
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

export interface InventoryEntry extends EntryBase {
  readonly kind: "inventory";
  readonly host: string;
  readonly version: string;
  readonly platform: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly runners: readonly string[];
  /** Pack ref to digest. */
  readonly packs: Readonly<Record<string, string>>;
  /** Pack ref to the fingerprint of the assignment that is in use. */
  readonly fingerprints?: Readonly<Record<string, string>>;
  /** Refs of packs whose assigned version is being made ready to run: its requirements are installed. */
  readonly preparing?: readonly string[];
  /** Pack ref to why parts of the version in use cannot run, or why the host lets no version of it be. */
  readonly problems?: Readonly<Record<string, string>>;
  /** Digest of the policy file that is in force on the host; `null` when it has none. */
  readonly policy?: string | null;
  /** Of its database. */
  readonly store_format?: number;
}

/** Takes the place of entries `from` to `to` that lost their sense; it occupies all of their numbers. */
export interface VoidEntry extends EntryBase {
  readonly kind: "void";
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** How far an upgrade is that the hub asked for. */
export interface UpgradeReportEntry extends EntryBase {
  readonly kind: "upgrade-report";
  /** As in the request. */
  readonly upgrade: string;
  readonly state: "sending" | "installing" | "healthy" | "failed" | "rolled_back" | "refused";
  /** Stable; absent while all is well. */
  readonly code?: string;
  readonly reason?: string;
}

export type UpEntry =
  | TriggerEntry
  | ExecutionUpdateEntry
  | SensorEventEntry
  | LinkGapEntry
  | InventoryEntry
  | UpgradeReportEntry
  | VoidEntry;

/** Asks an agent to run one execution. Parameters are final: cast, validated, never rendered again. */
export interface ActionRequestEntry extends EntryBase {
  readonly kind: "action-request";
  readonly execution: string;
  readonly action: string;
  readonly runner: string;
  readonly pack: string;
  readonly pack_digest: string;
  readonly entry_point: string;
  /** Values of the runner's own parameters (`cmd`, `timeout`, `env` …). */
  readonly runner_parameters: JsonObject;
  /** Values of the action's parameters. */
  readonly parameters: JsonObject;
  /** In place of `parameters` when these were too large. */
  readonly parameters_blob?: BlobRef;
  /** Order of positional arguments: parameter names by `position`. */
  readonly positional?: readonly string[];
  /** Seconds. */
  readonly timeout: number;
  readonly idempotent: boolean;
  /** RFC 3339, hub time. */
  readonly expires_at: string | null;
  readonly user: string;
  readonly rule: string | null;
  readonly trigger_instance: string | null;
  /** What in it is secret, or may be in its result, and is not to be on a disk as it is. */
  readonly secret?: readonly SecretPart[];
  /** 32 bytes in base64url: `parameters_blob` is encrypted with it (`blobs/sealed-blob.ts`). */
  readonly parameters_key?: string;
}

export type SecretPart = "parameters" | "result";

export interface ControlEntry extends EntryBase {
  readonly kind: "cancel" | "pause" | "resume";
  readonly execution: string;
  readonly reason?: string;
}

/** Run this version of a pack with this configuration; `digest: null` takes it away. The newest counts. */
export interface AssignmentEntry extends EntryBase {
  readonly kind: "assignment";
  readonly pack: string;
  readonly digest: string | null;
  /** Bytes of the packed contents. */
  readonly size: number;
  readonly config: JsonObject;
  /** Names version and configuration; the agent repeats it in what it says of them. */
  readonly fingerprint?: string;
  /** Sensors that run, or do not, whatever the pack's files say; an agent of an older version goes by these. */
  readonly sensors?: readonly SwitchedSensor[];
  /** Triggers with parameters that rules want of this pack's sensors. */
  readonly triggers?: readonly RuleTrigger[];
  /** The configuration holds secrets, and is not to be on a disk as it is. */
  readonly secret?: true;
}

export interface SwitchedSensor {
  /** Its ref. */
  readonly sensor: string;
  readonly enabled: boolean;
}

/** Asks an agent to become another version. The newest one counts; those before it are void. */
export interface UpgradeEntry extends EntryBase {
  readonly kind: "upgrade";
  /** The agent repeats it in what it says of it. */
  readonly upgrade: string;
  /** By architecture; none takes back what was asked and has not begun. */
  readonly releases: readonly SignedManifest[];
  readonly allow_downgrade: boolean;
  /** Hub time after which it is not begun any more. */
  readonly expires_at: string;
  /** The keys that may have signed the manifests; absent in dev mode. */
  readonly hub_keys?: HubStatement;
}

export type DownEntry = ActionRequestEntry | ControlEntry | AssignmentEntry | UpgradeEntry | VoidEntry;
export type Entry = UpEntry | DownEntry;
export type EntryKind = Entry["kind"];

/** A run of entries of one epoch, numbered `first`, `first + 1` … (a void entry occupies its whole range). */
export interface Packet<E extends Entry = Entry> {
  readonly v: 1;
  readonly epoch: string;
  readonly first: number;
  /** Empty: a probe that asks for a receipt. */
  readonly entries: readonly E[];
  /** Entries that wait behind this packet, when there are any. */
  readonly more?: number;
  readonly auth: Auth;
}

/** How much more the receiver takes; `entries: 0` pauses the sender. */
export interface Credit {
  readonly entries: number;
  readonly bytes: number;
}

/** Cumulative: everything up to and including `upTo` is on the receiver's disk. */
export interface Receipt {
  readonly v: 1;
  readonly epoch: string;
  readonly upTo: number;
  readonly credit: Credit;
  /** True when entries are missing after `upTo`: send again from there. */
  readonly resend?: boolean;
  /**
   * A packet beginning at `first` could not be decoded; halve it until the bad entry stands alone. `size` is the
   * packet's bytes and tells it from a shorter one that begins alike, should this receipt come late or twice.
   */
  readonly refused?: {
    readonly first: number;
    readonly size: number;
    readonly code: string;
    readonly message: string;
  };
  readonly auth: Auth;
}

export interface EpochRange {
  readonly id: string;
  /** Oldest entry the sender can still send; `last + 1` when there is none. */
  readonly first: number;
  /** Newest number given out; 0 when none. */
  readonly last: number;
}

/** Starts every connection, once in each direction. */
export interface Hello {
  readonly v: 1;
  readonly type: "hello";
  readonly from: Side;
  /** Random for each connection (half of a key exchange, unless in dev mode); the answer repeats it. */
  readonly session: string;
  /** The peer's session as the sender knows it. A peer that is another by now has to say hello again. */
  readonly to: string | null;
  /** Made with the sender's store. */
  readonly incarnation: string;
  /** Software version. */
  readonly version: string;
  /** Entry kinds and questions this side understands. */
  readonly capabilities: readonly string[];
  /** RFC 3339, the sender's clock. */
  readonly clock: string;
  /** The sender's ledger, oldest epoch first. */
  readonly epochs: readonly EpochRange[];
  /** Of an agent: which of its processes this is. */
  readonly process?: AgentProcess;
  /** Of a hub whose agents have enrolled: the keys that it signs with. */
  readonly hub_keys?: HubStatement;
  /** Of an enrolled agent: the serial of the hub's keys that it goes by. So a hub with older ones learns that it is refused. */
  readonly keys_serial?: number;
  readonly auth: Auth;
}

/** One life of an agent's process: tells a machine that was cloned from one that came back. */
export interface AgentProcess {
  /** Made at its start. */
  readonly id: string;
  readonly host: string;
  /** `ip:port` of its own end of the connection; `null` when it does not know. */
  readonly address: string | null;
}

/** Answers a hello: how far the receiver has come in each epoch it was told of. */
export interface Marks {
  readonly v: 1;
  readonly type: "marks";
  readonly from: Side;
  /** The session of the hello this answers. */
  readonly session: string;
  /** The answerer's own session: tells the answer of a peer that has died since from that of its successor. */
  readonly by: string;
  readonly clock: string;
  readonly marks: readonly { readonly epoch: string; readonly upTo: number }[];
  readonly credit: Credit;
  /** Of an enrolled agent: the serial of the hub's statement that it goes by. */
  readonly keys_serial?: number;
  readonly auth: Auth;
}

/** A question with a deadline; not durable. */
export interface Ask {
  readonly v: 1;
  readonly from: Side;
  readonly id: string;
  readonly op: string;
  readonly args: JsonObject;
  /** Milliseconds the asker waits. */
  readonly within: number;
  readonly auth: Auth;
}

export interface Answer {
  readonly v: 1;
  readonly from: Side;
  readonly id: string;
  readonly value?: Json;
  readonly error?: { readonly code: string; readonly message: string };
  readonly auth: Auth;
}

/** A piece of a running action's output; best effort. */
export interface StreamChunk {
  readonly v: 1;
  readonly execution: string;
  readonly stream: "stdout" | "stderr";
  /** Bytes before this piece. */
  readonly offset: number;
  readonly text: string;
  readonly auth: Auth;
}

/** Retained; `offline` is the last will. */
export interface Presence {
  readonly v: 1;
  readonly state: "online" | "offline";
  readonly incarnation: string;
  readonly version: string;
  readonly at: string;
  readonly auth: Auth;
}

/** Topic kind to the message it carries. */
export interface MessageOf {
  readonly up: Packet<UpEntry>;
  readonly "up-receipt": Receipt;
  readonly down: Packet<DownEntry>;
  readonly "down-receipt": Receipt;
  readonly hello: Hello | Marks;
  readonly ask: Ask;
  readonly answer: Answer;
  readonly stream: StreamChunk;
  readonly presence: Presence;
}

export type TopicKind = keyof MessageOf;
