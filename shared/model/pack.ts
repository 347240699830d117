/** What a pack contains, as parsed from StackStorm's files (st2 docs, Packs). */
import type { Json, JsonObject } from "../json.ts";
import type { ActionDefinition } from "./action.ts";
import type { ActionAlias } from "./action-alias.ts";
import type { Published } from "./pack-overrides.ts";
import type { PolicyDefinition } from "./policy.ts";
import type { RuleDefinition } from "./rule.ts";
import type { TriggerType } from "./trigger.ts";

/** JSON-Schema draft-4 keywords with StackStorm's changes: boolean `required`, `secret`, `immutable`, `position`. */
export interface ParameterSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: Json;
  readonly required?: boolean;
  readonly secret?: boolean;
  readonly immutable?: boolean;
  readonly position?: number;
  readonly enum?: readonly Json[];
  readonly properties?: { readonly [name: string]: ParameterSchema };
  readonly items?: ParameterSchema;
  readonly [keyword: string]: unknown;
}

export type ParameterSchemas = { readonly [name: string]: ParameterSchema };

export interface PackManifest {
  readonly ref: string;
  readonly name: string;
  readonly description: string;
  readonly version: string;
  readonly author: string;
  readonly email: string | null;
  readonly keywords: readonly string[];
  /** `["2"]`, `["3"]` or both; empty when the pack does not say. */
  readonly python_versions: readonly string[];
  /** Other packs it needs: a name or an URL, and for a certain version `=version` behind it. Absent: none. */
  readonly dependencies?: readonly string[];
}

export type SensorLanguage = "node" | "python" | "executable";

export interface SensorDefinition {
  /** `pack.ClassName` */
  readonly ref: string;
  readonly pack: string;
  readonly class_name: string;
  /** Relative to the pack's `sensors/`. */
  readonly entry_point: string;
  readonly description: string;
  readonly enabled: boolean;
  /** Seconds; its presence makes the sensor a polling one. */
  readonly poll_interval: number | null;
  /** Told by the entry point's extension: .ts .mts .js .mjs .cjs, .py, anything else. */
  readonly language: SensorLanguage;
  /** Refs of the trigger types it may dispatch. */
  readonly trigger_types: readonly string[];
}

/** A whole pack, parsed and checked. */
export interface Pack {
  readonly manifest: PackManifest;
  readonly trigger_types: readonly TriggerType[];
  readonly sensors: readonly SensorDefinition[];
  readonly actions: readonly ActionDefinition[];
  readonly rules: readonly RuleDefinition[];
  /** Absent in records of before there were any: registering the pack again reads them. */
  readonly policies?: readonly PolicyDefinition[];
  readonly aliases?: readonly ActionAlias[];
  readonly config_schema: ParameterSchemas;
  /** A legacy pack-local config.yaml: the lowest layer of configuration. */
  readonly legacy_config: JsonObject;
}

/** Picks agents: those whose labels contain all of these; `{}` picks every agent. */
export type LabelSelector = Readonly<Record<string, string>>;

/** What an operator configures for some agents only. */
export interface ConfigLayer {
  readonly labels: LabelSelector;
  readonly config: JsonObject;
}

/** A registered version on the hub. */
export interface PackRecord {
  readonly ref: string;
  readonly version: string;
  /** `sha256:…` of the packed contents; names this version. */
  readonly digest: string;
  readonly size: number;
  readonly registered_at: string;
  /** With the operator's overrides. */
  readonly pack: Pack;
  /** Parts that overrides switch otherwise than their files say. */
  readonly published?: readonly Published[];
  /** What the operator configures for all agents. */
  readonly config: JsonObject;
  /** Over it, for agents with certain labels; one for each selector, in the order they were made. */
  readonly layers: readonly ConfigLayer[];
  /** The literal secrets of `config` and `layers`, encrypted; where they were, there are masks. */
  readonly sealed?: string;
  /** Which agents run it: those that any of these picks. Empty: none. */
  readonly assigned_to: readonly LabelSelector[];
  readonly rev: number;
}
