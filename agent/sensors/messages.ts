/** Every message between the agent and a sensor's process, as types (docs/sensor-protocol.md). */
import type { Json, JsonObject } from "../../shared/json.ts";

/** Dispatches that may be unaccepted; beyond it the sensor waits. */
export const dispatchWindow = 1024;

/** A trigger of one of the sensor's types, with StackStorm's fields (st2 docs, Sensors). */
export interface SensorTrigger {
  readonly id: string;
  readonly ref: string;
  readonly uid: string;
  readonly name: string;
  readonly pack: string;
  /** Ref of the trigger type. */
  readonly type: string;
  readonly parameters: JsonObject;
  readonly description: string;
}

/** The first message of a life; everything a runtime needs to load and run the sensor. */
export interface StartMessage {
  readonly op: "start";
  /** `pack.ClassName` */
  readonly sensor: string;
  readonly pack: string;
  readonly class_name: string;
  /** Absolute path of the code file. */
  readonly entry_point: string;
  /** Absolute path of the pack's folder. */
  readonly pack_folder: string;
  /** The pack's effective configuration. */
  readonly config: JsonObject;
  /** Reserved for parameters of the sensor itself; empty today. */
  readonly parameters: JsonObject;
  /** Seconds; `null` for a passive sensor. */
  readonly poll_interval: number | null;
  readonly triggers: readonly SensorTrigger[];
  /** Dispatches that may be unaccepted. */
  readonly window: number;
}

export interface TriggerMessage {
  readonly op: "add_trigger" | "update_trigger" | "remove_trigger";
  readonly trigger: SensorTrigger;
}

/** Answers the datastore call that carried the same `request` number. */
export interface ValueMessage {
  readonly op: "value";
  readonly request: number;
  readonly value?: Json;
  readonly error?: { readonly code: string; readonly message: string };
}

/** Every dispatch up to and including `upTo` is on disk, or was refused. */
export interface AcceptedMessage {
  readonly op: "accepted";
  readonly upTo: number;
}

/** This dispatch will never be stored, however often it is repeated as it is. */
export interface RefusedMessage {
  readonly op: "refused";
  readonly id: number;
  readonly code: string;
  readonly message: string;
}

/** Clean up and end within the grace time; SIGTERM follows, then SIGKILL. */
export interface StopMessage {
  readonly op: "stop";
  readonly grace_seconds: number;
}

/** A question that somebody has for the sensor; answered by `answer` with the same `request`. */
export interface AskMessage {
  readonly op: "ask";
  /** Increases within one life of the process; the numbers of datastore calls are others. */
  readonly request: number;
  readonly question: string;
  readonly arguments: JsonObject;
}

export type AgentMessage =
  | StartMessage
  | TriggerMessage
  | ValueMessage
  | AcceptedMessage
  | RefusedMessage
  | AskMessage
  | StopMessage;

export interface DispatchMessage {
  readonly op: "dispatch";
  /** Increasing within one life of the process. */
  readonly id: number;
  /** Ref of the trigger type, or of a trigger that the sensor was told of. */
  readonly trigger: string;
  /** Of the trigger, where its type takes some: only rules that want these see it. */
  readonly parameters?: JsonObject;
  readonly payload?: Json;
  readonly trace_tag?: string | null;
  /** Names the occurrence: until a checkpoint, a repetition is accepted and not stored again. */
  readonly key?: string | null;
  /** Values of the sensor's local datastore, written together with the trigger; `null` deletes. */
  readonly set?: { readonly [name: string]: string | null };
  /** One of very many: may be passed by everything else on its way to the hub. */
  readonly bulk?: boolean;
}

/** The keys of dispatches up to `upTo` will not be repeated; with `earlier`, nor those of earlier lives. */
export interface CheckpointMessage {
  readonly op: "checkpoint";
  readonly upTo: number;
  readonly earlier?: boolean;
}

interface RequestBase {
  readonly request: number;
  /** True (default): the sensor's own keys on this agent. False: the hub's datastore. */
  readonly local?: boolean;
}

export interface GetValueMessage extends RequestBase {
  readonly op: "get_value";
  readonly name: string;
  readonly decrypt?: boolean;
}
export interface SetValueMessage extends RequestBase {
  readonly op: "set_value";
  readonly name: string;
  readonly value: string;
  /** Seconds after which the value is gone. */
  readonly ttl?: number | null;
  readonly encrypt?: boolean;
}
export interface ListValuesMessage extends RequestBase {
  readonly op: "list_values";
  readonly prefix?: string | null;
  readonly limit?: number | null;
  readonly offset?: number | null;
}
export interface DeleteValueMessage extends RequestBase {
  readonly op: "delete_value";
  readonly name: string;
}
export type DatastoreMessage = GetValueMessage | SetValueMessage | ListValuesMessage | DeleteValueMessage;

export interface LogMessage {
  readonly op: "log";
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  /** Name of the logger the author asked for. */
  readonly logger?: string;
}

/** What a question is answered with: a value, or why there is none. */
export interface AnswerMessage {
  readonly op: "answer";
  readonly request: number;
  readonly value?: Json;
  /** SENSOR_ASK_UNKNOWN for a question that the sensor does not know. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** Set up; from now on the sensor sees. */
export interface ReadyMessage {
  readonly op: "ready";
}

/** Why the process is about to end. `SENSOR_INVALID`: it could not be loaded, and trying at once will not help. */
export interface ErrorMessage {
  readonly op: "error";
  readonly message: string;
  readonly code?: string;
  /** Stack or traceback. */
  readonly detail?: string;
}

export type SensorMessage =
  | DispatchMessage
  | CheckpointMessage
  | DatastoreMessage
  | AnswerMessage
  | LogMessage
  | ReadyMessage
  | ErrorMessage;
