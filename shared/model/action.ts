/** Actions as packs define them (st2 docs, Actions). */
import type { JsonObject } from "../json.ts";
import type { ParameterSchemas } from "./pack.ts";

export interface ActionDefinition {
  readonly ref: string;
  readonly pack: string;
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
  /** Canonical runner name; legacy names are already mapped (`run-python` → `python-script`). */
  readonly runner_type: string;
  /** Relative to the pack's `actions/`; empty when the runner needs none. */
  readonly entry_point: string;
  readonly parameters: ParameterSchemas;
  readonly output_schema: JsonObject | null;
  /** Safe to run again after a crash: at least once instead of at most once. */
  readonly idempotent: boolean;
  readonly tags: readonly unknown[];
  /** What `core.st2.generic.notifytrigger` tells of its ends; absent: nothing. */
  readonly notify?: ActionNotify;
}

/** One thing to tell, on each of its routes. */
export interface Notification {
  readonly message: string | null;
  readonly data: JsonObject;
  readonly routes: readonly string[];
}

export interface ActionNotify {
  readonly "on-complete"?: Notification;
  readonly "on-success"?: Notification;
  readonly "on-failure"?: Notification;
}
