/** Looks back: why a rule acted on a stored trigger instance or did not, and what a rule would have done all the time. */
import { parseTimestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import { plainJson } from "../../shared/expressions/python/json-text.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { Enforcement, RuleDefinition, RuleRecord, Throttle } from "../../shared/model/rule.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { mask } from "../secrets/mask.ts";
import type { Store } from "../store/store.ts";
import type { InHindsight, LiveRules } from "./live-rules.ts";
import { findRule, type RuleDesk } from "./rule-desk.ts";

/** What one rule says of one trigger instance. */
export interface RuleWhy {
  readonly rule: string;
  readonly trigger_instance: string;
  readonly matched: boolean;
  /** Why it does not count whatever the criteria say; `null` when it does count. */
  readonly skipped: string | null;
  /** `CODE: text` of what could not be judged, or of what would keep the action from running. */
  readonly error: string | null;
  readonly criteria: readonly {
    readonly key: string;
    readonly operator: string;
    readonly pattern: Json;
    readonly value: Json;
    /** `null`: it could not be judged. */
    readonly result: boolean | null;
  }[];
  /** What it runs, or would run; `null` when it does not match. */
  readonly action: { readonly ref: string; readonly parameters: JsonObject } | null;
  readonly agents: readonly string[];
  /** What really came of it at the time; `null`: nothing. */
  readonly enforcement: Enforcement | null;
  /** What told of it after it had been held back. */
  readonly digest?: Enforcement;
  /** Of a throttled rule that matches: what it is counted under. */
  readonly throttle_key?: string;
  /** What else counts: that the rule is disabled, or has changed since. */
  readonly notes: readonly string[];
}

export interface ReplayRequest {
  /** The ref of a rule, or a rule's text. */
  readonly rule?: string | undefined;
  readonly text?: string | undefined;
  /** RFC 3339. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly cursor?: string | undefined;
  /** Instances to look at in this call: 1 to 1,000. */
  readonly limit: number;
}

/** A part of a replay. */
export interface Replay {
  readonly rule: string;
  readonly action: string;
  readonly looked: number;
  readonly matched: number;
  /** Of them the ones that could not be judged. */
  readonly failed: number;
  /** Those that matched or could not be judged, oldest first. */
  readonly items: readonly ReplayItem[];
  /** The rule's: of those that match, some would be held back. */
  readonly throttle?: Throttle;
  /** Pass it on to continue; absent at the end. */
  readonly cursor?: string;
}

export interface ReplayItem {
  readonly trigger_instance: string;
  readonly occurrence_time: string;
  readonly agent: string | null;
  readonly matched: boolean;
  readonly error: string | null;
  readonly parameters: JsonObject | null;
  /** Where its action would run, as the agents are now. */
  readonly agents: readonly string[];
  readonly received_at: string;
  /** Of a throttled rule: what it is counted under. */
  readonly throttle_key?: string;
}

export interface HindsightOptions {
  readonly store: Pick<Store, "ruleSet" | "instance" | "instances" | "enforcement" | "enforcements">;
  readonly rules: Pick<LiveRules, "explain">;
  readonly desk: Pick<RuleDesk, "read">;
}

export class Hindsight {
  readonly #options: HindsightOptions;

  constructor(options: HindsightOptions) {
    this.#options = options;
  }

  /** Judges the rule as it is now. NOT_FOUND, RULE_TRIGGER_OTHER. */
  async why(ref: string, id: string): Promise<RuleWhy> {
    const { store, rules } = this.#options;
    const set = await store.ruleSet();
    const record = findRule(set, ref);
    const instance = await store.instance(id);
    if (instance === null)
      throw new PetrelError("NOT_FOUND", `no trigger instance '${id}'`, {
        hint: `\`petrel trigger-instance list --trigger ${record.rule.trigger.type}\` shows what there is`,
      });
    if (instance.trigger !== record.rule.trigger.type)
      throw new PetrelError(
        "RULE_TRIGGER_OTHER",
        `rule ${ref} waits for ${record.rule.trigger.type}, and ${id} is a ${instance.trigger}`,
        { hint: `\`petrel rule list --trigger ${instance.trigger}\` shows the rules that wait for it` },
      );
    const found = await rules.explain(record.rule, instance);
    const page = { limit: 2, ascending: true };
    const { items } = await store.enforcements({ rule: ref, trigger_instance: id }, page);
    // A digest goes by the newest instance that it tells of, which has an enforcement of its own.
    const own = items.find(({ digest }) => digest === undefined) ?? null;
    const digest = own?.throttle === undefined ? null : await store.enforcement(own.throttle.digest);
    const notes = notesOf(record, instance, own, digest);
    if (record.rule.type === "backstop" && found.outcome.matched) {
      const first = await this.#standardMatch(set.rules, instance);
      if (first !== null) notes.push(`it is a backstop rule, and ${first} matches`);
    }
    return {
      ...whyOf(found, record.rule, instance),
      enforcement: own,
      ...(digest !== null && { digest }),
      notes,
    };
  }

  /** A standard rule that matches the instance; `null` when there is none. */
  async #standardMatch(records: readonly RuleRecord[], instance: TriggerInstance): Promise<string | null> {
    for (const { rule } of records) {
      if (!rule.enabled || rule.type !== "standard" || rule.trigger.type !== instance.trigger) continue;
      if ((await this.#options.rules.explain(rule, instance)).outcome.matched) return rule.ref;
    }
    return null;
  }

  /** Judges a rule on stored instances, and runs nothing. NOT_FOUND, or what is wrong with the text. */
  async replay({ rule: ref, text, since, until, cursor, limit }: ReplayRequest): Promise<Replay> {
    const { store, rules, desk } = this.#options;
    const rule = text === undefined ? findRule(await store.ruleSet(), ref ?? "").rule : desk.read(text);
    const page = await store.instances(
      { trigger: rule.trigger.type },
      { limit, cursor, since, until, ascending: true },
    );
    const items: ReplayItem[] = [];
    for (const instance of page.items) {
      const item = replayItem(await rules.explain(rule, instance), rule, instance);
      if (item.matched || item.error !== null) items.push(item);
    }
    return {
      rule: rule.ref,
      action: rule.action.ref,
      looked: page.items.length,
      matched: items.filter(({ matched }) => matched).length,
      failed: items.filter(({ error }) => error !== null).length,
      items,
      ...(rule.throttle !== undefined && { throttle: rule.throttle }),
      ...(page.cursor !== undefined && { cursor: page.cursor }),
    };
  }
}

function whyOf(
  { outcome, placement }: InHindsight,
  definition: RuleDefinition,
  instance: TriggerInstance,
): Omit<RuleWhy, "enforcement" | "digest" | "notes"> {
  const { rule, matched, skipped = null, error, criteria, action, throttle_key: key } = outcome;
  const nowhere = placement?.found === false ? `RULE_TARGET: ${placement.reason}` : null;
  return {
    rule,
    trigger_instance: instance.id,
    matched,
    skipped,
    error: error ?? nowhere,
    criteria: criteria.map(({ key, operator, pattern, value, result }) => ({
      key,
      operator,
      pattern: holdsSecret(definition, key) ? mask : json(pattern),
      value: json(value),
      result,
    })),
    action: action === null ? null : { ref: action.ref, parameters: parametersOf(action.parameters) },
    agents: placement?.found === true ? placement.agents : [],
    ...(key !== undefined && { throttle_key: key }),
  };
}

/** What it compares with is kept encrypted: it is used, and shown to nobody. */
function holdsSecret({ criteria }: RuleDefinition, key: string): boolean {
  return JSON.stringify(criteria[key]?.pattern ?? "").includes("decrypt_kv");
}

function replayItem(found: InHindsight, rule: RuleDefinition, instance: TriggerInstance): ReplayItem {
  const { matched, error, action, agents, throttle_key: key } = whyOf(found, rule, instance);
  return {
    trigger_instance: instance.id,
    occurrence_time: instance.occurrence_time,
    agent: instance.origin.agent,
    matched,
    error,
    parameters: action?.parameters ?? null,
    agents,
    received_at: instance.received_at,
    ...(key !== undefined && { throttle_key: key }),
  };
}

function notesOf(
  record: RuleRecord,
  instance: TriggerInstance,
  enforcement: Enforcement | null,
  digest: Enforcement | null,
): string[] {
  const notes: string[] = [];
  if (!record.rule.enabled) notes.push("the rule is disabled");
  if (record.rule.mode === "shadow") notes.push("the rule is in shadow mode: it records, and runs nothing");
  if ((parseTimestamp(record.updated_at) ?? 0) > (parseTimestamp(instance.received_at) ?? 0))
    notes.push(`the rule has changed since: this is what it says as of ${record.updated_at}`);
  if (instance.status === "processing_failed")
    notes.push(`no rule was asked: ${instance.reason ?? "the instance was refused"}`);
  if (enforcement?.status === "failed") notes.push(`it failed then: ${enforcement.failure_reason ?? "?"}`);
  if (enforcement?.throttle !== undefined) {
    const { key, digest: id, due } = enforcement.throttle;
    const what = key === "" ? "it was held back" : `it was held back under the key '${key}'`;
    const count = digest?.digest?.count ?? 0;
    const came =
      digest === null
        ? `which is due at ${due}`
        : `which told of ${count} at ${digest.enforced_at}: ${digest.failure_reason ?? executionsOf(digest)}`;
    notes.push(`${what} for the digest ${id}, ${came}`);
  }
  return notes;
}

const executionsOf = ({ executions, shadow }: Enforcement): string =>
  shadow ? "nothing was run, the rule was in shadow mode" : `execution ${executions.join(", ")}`;

/** An absent value reads as null: JSON has no other word for it. */
const json = (value: unknown): Json => (plainJson(value) ?? null) as Json;

const parametersOf = (parameters: ReadonlyMap<string, unknown>): JsonObject =>
  Object.fromEntries([...parameters].map(([name, value]) => [name, json(value)]));
