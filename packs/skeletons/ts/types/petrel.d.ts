/**
 * What Petrel gives to sensors and actions written in TypeScript or JavaScript. For types only: a pack imports
 * nothing from Petrel when it runs. `petrel pack create` puts a copy into each new pack as `types/petrel.d.ts`.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** Lines go to the agent's log, marked with the sensor's or action's name. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** True (default): values of this sensor or action on this agent. False: the datastore of the whole fleet. */
export interface ValueOptions {
  readonly local?: boolean;
}

/** Names and texts that outlive the process. A name has at most 512 characters, a value 64 KiB. */
export interface ValueStore {
  /** `null` when there is none. A secret is an encrypted text, unless `decrypt` asks the hub for what it says. */
  getValue(name: string, options?: ValueOptions & { readonly decrypt?: boolean }): Promise<string | null>;
  /** Resolves once on disk. `ttl`: seconds after which the value is gone. `encrypt`: a secret, sealed by the hub. */
  setValue(
    name: string,
    value: string,
    options?: ValueOptions & { readonly ttl?: number; readonly encrypt?: boolean },
  ): Promise<void>;
  /** Values whose name begins with `prefix`, by name; 100 at once unless `limit` says more. */
  listValues(options?: ListOptions): Promise<readonly ListedValue[]>;
  /** True if there was such a value. */
  deleteValue(name: string, options?: ValueOptions): Promise<boolean>;
}

export interface ListedValue {
  readonly name: string;
  readonly value: string;
  /** `value` is encrypted. */
  readonly secret?: true;
}

export interface ListOptions extends ValueOptions {
  readonly prefix?: string;
  readonly limit?: number;
  readonly offset?: number;
}

export interface DispatchOptions {
  /** Ties triggers and executions together for whoever reads the history. */
  readonly traceTag?: string;
  /** Names the occurrence: until a checkpoint a repetition is accepted, but not stored again. */
  readonly key?: string;
  /** Local values written in the same step as the trigger: both or neither. `null` deletes. At most 64. */
  readonly set?: { readonly [name: string]: string | number | boolean | null };
}

export interface SensorService extends ValueStore {
  logger(name: string): Logger;
  /**
   * `trigger` is a ref such as "mypack.changed_file". Resolves, with the dispatch's number, once the trigger is
   * on the agent's disk: it will reach the hub, whatever dies. Await it: at most 1,024 are on their way at once.
   */
  dispatch(trigger: string, payload: Json, options?: DispatchOptions): Promise<number>;
  /**
   * Forgets the keys of all dispatches accepted so far (or up to number `upTo`): they will not be repeated.
   * `earlier: true` says the same of keys from before this start.
   */
  checkpoint(options?: { readonly upTo?: number; readonly earlier?: boolean }): void;
  /** Seconds slept between two polls; may be changed. */
  pollInterval: number;
}

/** A trigger that a rule asks for, of one of the sensor's types. */
export interface Trigger {
  readonly id: string;
  readonly ref: string;
  readonly name: string;
  readonly pack: string;
  readonly type: string;
  readonly parameters: JsonObject;
}

/**
 * The class that `class_name` names, exported under that name or as default; constructed with
 * `(service, config)`. A polling sensor (`poll_interval`) has `poll`, any other has `run`.
 */
export interface Sensor {
  setup?(): Promise<void> | void;
  poll?(): Promise<void> | void;
  /** Resolves when the sensor has nothing left to do. */
  run?(): Promise<void> | void;
  /** Called before the process ends, whatever the reason. */
  cleanup?(): Promise<void> | void;
  addTrigger?(trigger: Trigger): Promise<void> | void;
  updateTrigger?(trigger: Trigger): Promise<void> | void;
  removeTrigger?(trigger: Trigger): Promise<void> | void;
}

export interface ActionContext {
  /** The pack's configuration. */
  readonly config: JsonObject;
  readonly logger: Logger;
  readonly service: ValueStore;
}

/** `[true, result]` succeeded, `[false, result]` failed; any other value is the result of a success. */
export type ActionResult = readonly [boolean, Json] | Json | undefined;

/**
 * The default (or first) exported class of an action's entry point, constructed with an ActionContext. Instead
 * of a class, a default exported function `(parameters, context)` will do. What it throws makes the run fail.
 */
export interface Action<Parameters = JsonObject> {
  run(parameters: Parameters): Promise<ActionResult> | ActionResult;
}
