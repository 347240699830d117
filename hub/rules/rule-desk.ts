/** Rules made, changed and removed by hand. */
import { isDeepStrictEqual } from "node:util";
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { RuleDefinition, RuleRecord, RuleVersion } from "../../shared/model/rule.ts";
import { nearest, suggestion } from "../../shared/nearest.ts";
import { parseRuleDocuments, type RuleDocument, ruleProblemsAt } from "../../shared/packs/parse-rule.ts";
import type { Problem } from "../../shared/problem.ts";
import { checkNotOver } from "../../shared/rules/check-built-in.ts";
import { checkParameters, checkTriggerParameters } from "../../shared/rules/check-parameters.ts";
import { fileLimits } from "../../shared/yaml/read-yaml.ts";
import type { Catalogue } from "../packs/catalogue.ts";
import { invalidPack } from "../packs/registration.ts";
import { sealedRule } from "../secrets/sealed-rule.ts";
import type { Sealer } from "../secrets/sealer.ts";
import type { RuleSet } from "../store/port/content.ts";
import type { Store } from "../store/store.ts";

export interface RuleDeskOptions {
  readonly store: Store;
  readonly catalogue: () => Catalogue;
  readonly sealer: Sealer;
  /** Hub time in ms. */
  readonly now: () => number;
}

const attempts = 20;

/** A rule as it is now, and what it was before the change; with the same `rev` nothing had to be changed. */
export interface ChangedRule extends RuleRecord {
  /** `null`: there was none. */
  readonly replaced: { readonly rev: number; readonly enabled: boolean } | null;
}

/** One that was written, and what in it is surely not meant. */
export interface WrittenRule extends ChangedRule {
  readonly warnings: readonly Problem[];
}

export class RuleDesk {
  readonly #options: RuleDeskOptions;

  constructor(options: RuleDeskOptions) {
    this.#options = options;
  }

  /** `text` is one rule as YAML or JSON. ALREADY_EXISTS, or what is wrong with it. */
  async create(text: string): Promise<WrittenRule> {
    const { rule, warnings } = this.#parse(text);
    // One that is made again goes on with the numbers of the one that was deleted.
    const [last] = await this.#options.store.ruleHistory(rule.ref);
    const record = await this.#change((set) => {
      if (find(set, rule.ref) !== undefined) {
        throw new PetrelError("ALREADY_EXISTS", `rule ${rule.ref} exists`, {
          hint: `\`petrel rule update ${rule.ref} FILE\` replaces it`,
        });
      }
      return this.#record(this.#sealed(rule), "api", (last?.rev ?? 0) + 1);
    });
    return { ...record, warnings };
  }

  /** The one rule of a text, checked as for `create`, and made nowhere. */
  read(text: string): RuleDefinition {
    return this.#parse(text).rule;
  }

  /**
   * Replaces the rule `ref`; the text may leave its name and pack out of account only if they are the same. As in
   * StackStorm the text decides whether it is enabled, too: one that was disabled by hand is on again if it says so.
   */
  async update(ref: string, text: string): Promise<WrittenRule> {
    const { rule, warnings } = this.#parse(text);
    if (rule.ref !== ref) {
      throw new PetrelError("RULE_INVALID", `the text defines rule ${rule.ref}, not ${ref}`, {
        hint: "set `name` and `pack` to those of the rule, or create it as a new one",
      });
    }
    const record = await this.#change((set) => {
      const before = findRule(set, ref);
      return this.#record(this.#sealed(rule), before.source, before.rev + 1);
    });
    return { ...record, warnings };
  }

  setEnabled(ref: string, enabled: boolean): Promise<RuleRecord> {
    return this.#change((set) => {
      const before = findRule(set, ref);
      return this.#record({ ...before.rule, enabled }, before.source, before.rev + 1);
    });
  }

  /** Newest first. NOT_FOUND for one that has never been there. */
  async history(ref: string): Promise<readonly RuleVersion[]> {
    const { store } = this.#options;
    const versions = await store.ruleHistory(ref);
    if (versions.length === 0) findRule(await store.ruleSet(), ref);
    return versions;
  }

  /**
   * Makes the rule again what it was at `rev`, or (`null`) before its last change, as a new version; also one that is
   * deleted. It stays enabled or disabled as it is. NOT_FOUND, or what is wrong with the old one today.
   */
  async rollback(ref: string, rev: number | null): Promise<ChangedRule> {
    const versions = await this.history(ref);
    const [last] = versions;
    const old = rev === null ? versions[1] : versions.find((version) => version.rev === rev && version.rule);
    if (last === undefined || old === undefined || old.rule === null)
      throw new PetrelError(
        "NOT_FOUND",
        rev === null ? `rule ${ref} has no version before this one` : `rule ${ref} has no version ${rev}`,
        { hint: `\`petrel rule history ${ref}\` shows those that are kept` },
      );
    const { rule, source } = old;
    const unknown = this.#unknownReferences(rule, () => "rule");
    if (unknown.length > 0) throw invalidPack(unknown, "rule");
    return this.#change((set) => {
      const now = find(set, ref);
      const enabled = now === undefined ? rule.enabled : now.rule.enabled;
      return this.#record({ ...rule, enabled }, now?.source ?? source, (now?.rev ?? last.rev) + 1);
    });
  }

  async delete(ref: string): Promise<void> {
    const { store } = this.#options;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const set = await store.ruleSet();
      findRule(set, ref);
      if ((await store.changeRules([], [ref], set.version)) !== null) return;
    }
    throw busy();
  }

  #sealed(rule: RuleDefinition): RuleDefinition {
    const { catalogue, sealer } = this.#options;
    return sealedRule(rule, catalogue().actions.get(rule.action.ref)?.definition, sealer);
  }

  #record(rule: RuleDefinition, source: RuleRecord["source"], rev: number): RuleRecord {
    return { rule, source, updated_at: timestamp(this.#options.now()), rev };
  }

  /** A rule that is so already stays what it is: its history has no version that differs in nothing. */
  async #change(decide: (set: RuleSet) => RuleRecord): Promise<ChangedRule> {
    const { store } = this.#options;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const set = await store.ruleSet();
      const record = decide(set);
      const before = find(set, record.rule.ref);
      const replaced = before === undefined ? null : { rev: before.rev, enabled: before.rule.enabled };
      if (before !== undefined && isDeepStrictEqual(before.rule, record.rule)) return { ...before, replaced };
      if ((await store.changeRules([record], [], set.version)) !== null) return { ...record, replaced };
    }
    throw busy();
  }

  #parse(text: string): { readonly rule: RuleDefinition; readonly warnings: readonly Problem[] } {
    const { documents, problems } = parseRuleDocuments(text, "rule", "default", fileLimits);
    const wrong = [...problems, ...documents.flatMap((document) => document.problems)];
    if (wrong.some((problem) => problem.severity === "error")) throw invalidPack(wrong, "rule");
    const [document] = documents;
    const rule = document?.rule;
    if (documents.length !== 1 || document === undefined || rule == null) {
      const has = documents.length > 1 ? "more than one" : "none";
      throw new PetrelError("RULE_INVALID", `one rule is wanted, the text has ${has}`, {
        where: "rule",
        hint: "send each rule by itself",
      });
    }
    const unknown = this.#unknownReferences(rule, document.at);
    if (unknown.length > 0) throw invalidPack(unknown, "rule");
    const { triggerTypes, actions } = this.#options.catalogue();
    const [type, action] = [triggerTypes.get(rule.trigger.type), actions.get(rule.action.ref)];
    const misfits = [
      ...(type === undefined ? [] : checkTriggerParameters(rule.trigger, type)),
      ...checkNotOver(rule.trigger, this.#options.now()),
      ...(action === undefined ? [] : checkParameters(rule.action, action.definition)),
    ];
    return { rule, warnings: [...wrong, ...ruleProblemsAt(document.at, misfits)] };
  }

  /** A rule that names nothing real would wait in silence. */
  #unknownReferences(rule: RuleDefinition, at: RuleDocument["at"]): readonly Problem[] {
    const { triggerTypes, actions } = this.#options.catalogue();
    const named = [
      [
        "RULE_TRIGGER_UNKNOWN",
        "trigger type",
        "trigger",
        rule.trigger.type,
        triggerTypes,
        at(["trigger", "type"]),
      ],
      ["RULE_ACTION_UNKNOWN", "action", "action", rule.action.ref, actions, at(["action", "ref"])],
    ] as const;
    return named
      .filter(([, , , ref, registered]) => !registered.has(ref))
      .map(([code, what, noun, ref, registered, where]) => ({
        code,
        severity: "error",
        message: `no ${what} is called '${ref}'`,
        where,
        hint:
          registered.size === 0
            ? "register its pack first: `petrel pack register FOLDER`"
            : `${suggestion(ref, [...registered.keys()])}; \`petrel ${noun} list\` shows all that are registered`,
      }));
  }
}

const find = (set: RuleSet, ref: string) => set.rules.find(({ rule }) => rule.ref === ref);

/** NOT_FOUND, with the nearest name that there is. */
export function findRule(set: RuleSet, ref: string): RuleRecord {
  const record = find(set, ref);
  if (record !== undefined) return record;
  const near = nearest(
    ref,
    set.rules.map(({ rule }) => rule.ref),
  );
  throw new PetrelError("NOT_FOUND", `no rule is called ${ref}`, {
    hint: `${near === null ? "" : `write '${near}'; `}\`petrel rule list\` shows all`,
  });
}

const busy = () =>
  new PetrelError("STORE_WRITE", "the rules changed under this request again and again; try again");
