/** What a sensor in TypeScript or JavaScript is, and what it may ask of Petrel. */
import type { Json, JsonObject } from "../../shared/json.ts";
import type { SensorTrigger } from "./messages.ts";

export interface DispatchOptions {
  readonly traceTag?: string;
  /** Names the occurrence: until a checkpoint, a repetition resolves and is not stored again. */
  readonly key?: string;
  /** Values of the sensor's own datastore, written together with the trigger; `null` deletes. */
  readonly set?: { readonly [name: string]: string | number | boolean | null };
  /** One of very many: keeps its order among those, and is passed by everything else on its way to the hub. */
  readonly bulk?: boolean;
}

/** `local` (default true): the sensor's own keys on this host. False: the hub's datastore. */
export interface ValueOptions {
  readonly local?: boolean;
}

export interface SensorLogger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** Passed to the constructor. */
export interface SensorService {
  /** A logger whose lines appear in the agent's log. */
  logger(name: string): SensorLogger;
  /**
   * Resolves with the dispatch's number once the trigger is on the agent's disk: it will reach the hub, whatever
   * dies. Rejects with a `code` when the agent refuses it for good (`LINK_ENTRY_TOO_LARGE`, `TRIGGER_PAYLOAD`,
   * `SENSOR_PROTOCOL`). Await it: at most 1,024 are in flight, further ones wait in this process.
   */
  dispatch(trigger: string, payload: Json, options?: DispatchOptions): Promise<number>;
  /**
   * Keys of dispatches up to number `upTo` (default: the newest accepted) will not be repeated. `earlier: true`
   * says the same of keys from before this start.
   */
  checkpoint(options?: { readonly upTo?: number; readonly earlier?: boolean }): void;
  /** The value's text, or `null`. Rejects with a `code` when the datastore cannot be asked. */
  getValue(name: string, options?: ValueOptions & { readonly decrypt?: boolean }): Promise<string | null>;
  /** Resolves once on disk. `ttl` in seconds. */
  setValue(
    name: string,
    value: string,
    options?: ValueOptions & { readonly ttl?: number; readonly encrypt?: boolean },
  ): Promise<void>;
  listValues(
    options?: ValueOptions & { readonly prefix?: string; readonly limit?: number; readonly offset?: number },
  ): Promise<readonly { readonly name: string; readonly value: string }[]>;
  /** True if there was such a value. */
  deleteValue(name: string, options?: ValueOptions): Promise<boolean>;
  /** Seconds slept between two polls; counts from the next sleep on. */
  pollInterval: number;
}

/**
 * The class that a sensor's file exports, under the metadata's `class_name` or as default:
 * `constructor(service: SensorService, config)`. It has `poll` or `run`.
 */
export interface Sensor {
  /** Called once, first. */
  setup?(): unknown;
  /** Called again and again, with `pollInterval` seconds of sleep after each call. */
  poll?(): unknown;
  /**
   * Called once by sensors without `poll`. After it returned, the process lives for as long as something keeps
   * Node's event loop busy: a watcher, a server, a timer.
   */
  run?(): unknown;
  /** Called once at the end: also after an error, and when the agent stops the sensor. */
  cleanup?(): unknown;
  /**
   * Answers a question that the hub or a program on this host asks: a JSON value of at most 192 KiB, within the asker's
   * deadline. Called several times at once and twice for one question where connections break: answer soon, and
   * let what lasts be begun by one question and followed by others. An error with a `code` is told with it.
   * `undefined` says that the question is not known.
   */
  ask?(question: string, args: JsonObject): unknown;
  addTrigger?(trigger: SensorTrigger): unknown;
  updateTrigger?(trigger: SensorTrigger): unknown;
  removeTrigger?(trigger: SensorTrigger): unknown;
}

export type SensorConstructor = new (service: SensorService, config: JsonObject) => Sensor;
