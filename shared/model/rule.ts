/** Rules and the records of their firing (st2 docs, Rules). */
import type { Json, JsonObject } from "../json.ts";

export interface Criterion {
  /** Operator name or alias, lower case. */
  readonly type: string;
  readonly pattern: Json;
  /** For `search`: any, all, any2any, all2any. */
  readonly condition?: string;
}

/** Where a rule's action runs. `origin`: the agent the trigger came from; `hub`: the agent beside the hub. */
export type ActionTarget =
  | "origin"
  | "hub"
  | { readonly host: string }
  | {
      readonly labels: Readonly<Record<string, string>>;
      readonly mode?: "all" | "any";
      readonly limit?: number;
      /** Any of these: one execution goes from agent to agent, instead of one for each. See `FanOut`. */
      readonly batch?: number;
      readonly canary?: number;
      readonly max_failures?: number;
    };

/**
 * How often a rule acts. In a window of `every` the first `max` triggers of a key run its action; the others are held back
 * and told by one digest when the window ends. A digest counts as the first run of the window that follows it.
 */
export interface Throttle {
  /** A template, or fields (`origin.agent`, `trigger.path`) whose values together are the key; absent: one for all. */
  readonly key?: string | readonly string[];
  /** Seconds. */
  readonly every: number;
  /** 0: digests only. */
  readonly max: number;
  /** Triggers that a digest carries: the first of those that were held back. */
  readonly collect: number;
}

export interface RuleDefinition {
  readonly ref: string;
  readonly pack: string;
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
  readonly type: "standard" | "backstop";
  readonly trigger: { readonly type: string; readonly parameters: JsonObject };
  /** Key (JSONPath under `trigger.`, an optional `#suffix`) to criterion, in file order. */
  readonly criteria: { readonly [key: string]: Criterion };
  readonly action: {
    readonly ref: string;
    readonly parameters: JsonObject;
    /** Absent: `origin` when the trigger came from an agent, else `hub`. */
    readonly target?: ActionTarget;
    /** The literal secrets of `parameters`, encrypted; where they were, there are masks. */
    readonly sealed?: string;
  };
  readonly mode: "live" | "shadow";
  /** Seconds after the occurrence after which a request is no longer run. */
  readonly expires: number;
  /** Only triggers of agents with these labels count. */
  readonly origins: Readonly<Record<string, string>> | null;
  readonly tags: readonly Json[];
  /** Changes of files that are part of a storm (`payload.burst`) count too, one by one; absent: they are skipped. */
  readonly bursts?: "each";
  readonly throttle?: Throttle;
}

export interface RuleRecord {
  readonly rule: RuleDefinition;
  /** `pack`: came with a pack and is replaced with it; `api`: made by hand. */
  readonly source: "pack" | "api";
  readonly updated_at: string;
  readonly rev: number;
}

/** A rule as it once was. */
export interface RuleVersion {
  readonly rev: number;
  readonly updated_at: string;
  readonly source: RuleRecord["source"];
  /** `null`: it was deleted then. */
  readonly rule: RuleDefinition | null;
}

/** The record that a rule fired, or that it could not be judged. */
export interface Enforcement {
  readonly id: string;
  /** Of a digest: the newest of those that it tells of. */
  readonly trigger_instance: string;
  readonly rule: string;
  /** `sha256:` and 64 hex digits: of the rule's definition that was in force; absent: made before it was noted. */
  readonly rule_digest?: string;
  readonly enforced_at: string;
  /** `throttled`: it matched, and the rule's throttle held it back for a digest. */
  readonly status: "succeeded" | "failed" | "throttled";
  readonly failure_reason: string | null;
  readonly executions: readonly string[];
  /** The rule is in shadow mode: recorded, nothing was run. */
  readonly shadow: boolean;
  /** Of one that was held back. */
  readonly throttle?: HeldBack;
  /** Of the enforcement that tells of those that were held back. */
  readonly digest?: Digest;
}

export interface HeldBack {
  readonly key: string;
  /** Id of the enforcement that tells of it, at `due` or soon after; it is not there before. */
  readonly digest: string;
  readonly due: string;
  /** The rule has as many keys as it may have: this one shares a window with others. */
  readonly shared?: true;
}

export interface Digest {
  readonly key: string;
  /** How many were held back. */
  readonly count: number;
  readonly since: string;
  readonly until: string;
  /** Trigger instances, as many as the rule's `collect` says. */
  readonly first: readonly string[];
  readonly shared?: true;
}
