/** The rules and packs of now: compiled once per version, swapped as a whole, asked for each trigger instance. */
import { parseTimestamp } from "../../shared/clock.ts";
import { errorReport, PetrelError } from "../../shared/errors.ts";
import type { TemplateKeys } from "../../shared/expressions/datastore-lookup.ts";
import { RegexNeeded, type RegexOracle } from "../../shared/expressions/regex/answer.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import type { RuleDefinition } from "../../shared/model/rule.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { effectiveConfig } from "../../shared/packs/config.ts";
import { runnerParameters } from "../../shared/packs/runners.ts";
import { payloadProblems } from "../../shared/parameters/payload.ts";
import { resolveParameters } from "../../shared/parameters/resolve.ts";
import { Rounds } from "../../shared/rounds.ts";
import { type CompiledRuleSet, compileRule } from "../../shared/rules/compiled-rule-set.ts";
import { matchTrigger, type TriggerView, triggerScope } from "../../shared/rules/match.ts";
import { type AskRegex, answered, withRegexAnswers } from "../../shared/rules/regex-answers.ts";
import { renderTarget, ruleActionInput } from "../../shared/rules/rule-action.ts";
import { type ThrottleView, throttleKey } from "../../shared/rules/throttle-key.ts";
import type { Timers } from "../../shared/timers.ts";
import type { AgentRegistry } from "../agents/agent-registry.ts";
import type { KeyBook } from "../datastore/key-book.ts";
import { templateKeys } from "../datastore/template-keys.ts";
import { type Placement, place } from "../executions/place.ts";
import type { ResolvedParameters, RunnableAction } from "../executions/request.ts";
import { fitsEntry } from "../executions/shrink.ts";
import type { AgentConfigs } from "../packs/agent-config.ts";
import { buildCatalogue, type Catalogue } from "../packs/catalogue.ts";
import { isDynamic } from "../packs/dynamic-config.ts";
import { openedRule } from "../secrets/sealed-rule.ts";
import type { Sealer } from "../secrets/sealer.ts";
import type { Outcome } from "../store/port/intake.ts";
import type { Dispatch } from "../store/port/ledgers.ts";
import type { DigestOutcome, ThrottleWindow } from "../store/port/throttles.ts";
import type { Store } from "../store/store.ts";
import { judgePair, prepareTrigger, type TestAction, type TestOutcome, testRuleOf } from "./bulk-test.ts";
import { compileRules } from "./compile-rules.ts";
import { definitionDigest } from "./definition-digest.ts";
import { digestOf } from "./digest.ts";
import { type EnforceWith, enforce, enforceDigest, systemUser, type Verdict } from "./enforce.ts";
import { judgePending, startPendingJudge } from "./judge-pending.ts";
import { causeOf, lineageOf } from "./lineage.ts";

export interface LiveRulesOptions {
  readonly store: Store;
  readonly registry: AgentRegistry;
  readonly keys: KeyBook;
  readonly agentConfigs: Pick<AgentConfigs, "ofAll">;
  /** Runs patterns that the linear-time engine cannot take, within a bound. */
  readonly slowRegex: AskRegex;
  /** Moves parameters that are too large for an entry to a blob. */
  readonly shrink: (dispatches: readonly Dispatch[]) => Promise<readonly Dispatch[]>;
  /** Awaited before each instance and each rule: neither a backlog nor a large rule set may keep agents waiting. */
  readonly breathe: () => Promise<void> | undefined;
  /** Encrypts what is secret in executions. */
  readonly sealer: Sealer;
  readonly now: () => number;
  /** Rules that may act one after the other on what the one before led to. */
  readonly loopDepth: number;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

/** What a rule would have done. */
export interface InHindsight {
  readonly outcome: TestOutcome;
  /** Where its action would run; `null` when it does not match. */
  readonly placement: Placement | null;
}

export interface LiveRules {
  readonly catalogue: () => Catalogue;
  /** Whether an enabled rule waits for triggers of this type. */
  listens(trigger: string): boolean;
  /**
   * Everything a fresh instance leads to. What a rule does wrong is an enforcement, no rejection. Rejects when the
   * disk refuses parameters that are too large for an entry, and after `close`: then nothing may be written.
   */
  judge(instance: TriggerInstance, skewMs: number): Promise<Outcome>;
  /**
   * What a rule says of a stored instance, judged alone, at the time the instance came in; writes nothing. The rule may be
   * one that is not in force.
   */
  explain(rule: RuleDefinition, instance: TriggerInstance): Promise<InHindsight>;
  /**
   * What tells of a closed window of a throttled rule. What the rule does wrong, or a fault of ours, is a failed
   * enforcement; rejects as `judge` does.
   */
  digest(window: ThrottleWindow): Promise<DigestOutcome>;
  /** For a run by hand: values are data, only templates of defaults are rendered. Throws PARAMETER_*. */
  resolveRun(action: RunnableAction, supplied: JsonObject, user: string): Promise<ResolvedParameters>;
  /** Resolves when every change that is on disk is in force; at the latest when one attempt at it has failed. */
  settled(): Promise<void>;
  /** Judges what is stored as pending: what a stop had left, and what the hub itself has to tell. */
  judgePending(): Promise<void>;
  close(): Promise<void>;
}

const problemsKept = 20;

export async function openLiveRules(options: LiveRulesOptions): Promise<LiveRules> {
  const {
    store,
    registry,
    keys,
    agentConfigs,
    slowRegex,
    shrink,
    breathe,
    sealer,
    now,
    loopDepth,
    timers,
    jitter,
    log,
  } = options;
  let catalogue = buildCatalogue(await store.packs());
  let rules = await compileRules(await store.ruleSet(), null, breathe);
  let isClosed = false;
  /** Effective ones, of the present catalogue. */
  let configs = new Map<string, JsonObject>();
  const configOf = (name: string): JsonObject => {
    const known = configs.get(name);
    if (known !== undefined) return known;
    const pack = catalogue.packs.get(name);
    if (pack === undefined) return {};
    const config = effectiveConfig(pack.pack, agentConfigs.ofAll(pack));
    // What names datastore keys is made anew each time.
    if (!isDynamic(pack.config)) configs.set(name, config);
    return config;
  };
  const ruleKeys = templateKeys(keys, systemUser);

  const reading = new Rounds({
    timers,
    jitter,
    work: async () => {
      const packs = await store.packs();
      const set = await store.ruleSet();
      const compiled = await compileRules(set, rules, breathe);
      // Together: a rule never meets the actions of another version of its pack.
      catalogue = buildCatalogue(packs);
      configs = new Map();
      rules = compiled;
    },
    failed: (error, retryMs) =>
      log.error("rules and packs could not be read again yet; the old ones stay", {
        error,
        retry_in_ms: retryMs,
      }),
  });
  const stopListening = store.subscribeChanges(() => void reading.ask(), ["rules", "pack"]);

  const resolve = (
    action: RunnableAction,
    rule: RuleDefinition,
    instance: TriggerInstance,
    throttle: ThrottleView | undefined,
    regex: RegexOracle,
  ): ResolvedParameters => {
    return resolveParameters(
      ruleActionInput({
        rule: openedRule(rule, sealer),
        action: action.definition,
        trigger: instance,
        keys: ruleKeys,
        config: configOf(action.definition.pack),
        actionContext: {
          user: systemUser,
          trigger_instance: { id: instance.id },
          trace_tag: instance.trace_tag,
        },
        throttle,
        regex,
      }),
    );
  };

  const judgeNow = (instance: TriggerInstance, skewMs: number, regex: RegexOracle): Outcome => {
    const { triggerTypes } = catalogue;
    const set = rules;
    const type = triggerTypes.get(instance.trigger);
    if (type === undefined) {
      const error = new PetrelError("TRIGGER_UNKNOWN", `no trigger type is called ${instance.trigger}`);
      return refused(instance, set.version, error);
    }
    const problems =
      type.payload_validation === "off" ? [] : payloadProblems(type.payload_schema, instance.payload);
    if (problems.length > 0 && type.payload_validation === "drop") {
      return refused(instance, set.version, new PetrelError("TRIGGER_PAYLOAD", problems.join("; ")));
    }
    const checked =
      problems.length === 0 ? instance : { ...instance, validation: problems.slice(0, problemsKept) };
    const matched = matchTrigger(set, checked, { now: now(), keys: ruleKeys, regex });
    if (!matched.done) throw new RegexNeeded(matched.needs);
    const verdicts = matched.hits.map(({ rule: { rule }, error }) => verdictOf(rule, error, checked, regex));
    return enforce(checked, verdicts, enforceWith(set, skewMs, regex));
  };

  // Asked at once, while `rules` and `catalogue` are those that the instance was judged by.
  const action = (ref: string) => catalogue.actions.get(ref) ?? null;
  // A target that was rendered is no part of it.
  const ruleDigest = (ref: string) => definitionDigest(rules.byRef.get(ref)?.rule);
  const enforceWith = (set: CompiledRuleSet, skewMs: number, regex: RegexOracle): EnforceWith => ({
    ruleSetVersion: set.version,
    agents: registry,
    action,
    ruleDigest,
    resolve: (runnable, rule, cause, throttle) => resolve(runnable, rule, cause, throttle, regex),
    sealer,
    nowMs: now(),
    skewMs,
    loopDepth,
  });

  const testAction = (ref: string): TestAction | undefined => {
    const action = catalogue.actions.get(ref);
    return action && { definition: action.definition, config: configOf(action.definition.pack) };
  };

  /** The templates of target and throttle are rendered here: placing needs a plain target. */
  const verdictOf = (
    rule: RuleDefinition,
    error: string | null,
    view: TriggerView,
    regex: RegexOracle,
  ): Verdict => {
    if (error !== null) return { rule, matched: false, error };
    const { throttle, action } = rule;
    const { target } = action;
    if (target === undefined && throttle === undefined) return { rule, matched: true };
    const scope = triggerScope(view, ruleKeys);
    let part = "action.target";
    try {
      const rendered =
        target === undefined ? action : { ...action, target: renderTarget(target, scope, regex) };
      part = "throttle.key";
      const key = throttle && { throttleKey: throttleKey(throttle, scope, regex) };
      return { rule: { ...rule, action: rendered }, matched: true, ...key };
    } catch (cause) {
      if (!(cause instanceof PetrelError)) throw cause;
      const { code, message } = errorReport(cause);
      return { rule, matched: false, error: `${code}: ${part}: ${message}` };
    }
  };

  /** A file that an execution of ours changed has that execution's rules behind it. */
  const traced = async (instance: TriggerInstance): Promise<TriggerInstance> => {
    const cause = causeOf(instance);
    if (cause === null || instance.lineage !== undefined || !rules.byTrigger.has(instance.trigger)) {
      return instance;
    }
    const execution = await store.execution(cause);
    // An agent can only speak of what it runs itself.
    if (execution === null || execution.agent !== instance.origin.agent) return instance;
    const lineage = lineageOf(execution);
    return lineage.length === 0 ? instance : { ...instance, lineage };
  };

  const judge = async (given: TriggerInstance, skewMs: number): Promise<Outcome> => {
    // Nearly always there is nothing to wait for, and each wait that is left out is one turn less.
    const pause = breathe();
    if (pause !== undefined) await pause;
    const instance = causeOf(given) === null ? given : await traced(given);
    let outcome: Outcome;
    try {
      const judging = answered(slowRegex, (regex) => judgeNow(instance, skewMs, regex));
      outcome = judging instanceof Promise ? await judging : judging;
    } catch (error) {
      if (isClosed) throw closed();
      // A fault of ours in one instance must not keep back all that its agent sends after it.
      log.error("an instance could not be judged", {
        instance: instance.id,
        trigger: instance.trigger,
        error,
      });
      return refused(instance, rules.version, new PetrelError("INTERNAL", errorReport(error).message));
    }
    // What was asked of a worker that is being closed has not been answered: the next start judges again.
    if (isClosed) throw closed();
    const { dispatches } = outcome;
    return dispatches.every(fitsEntry) ? outcome : { ...outcome, dispatches: await shrink(dispatches) };
  };

  const judgeStored = async (): Promise<void> => {
    const settled = await judgePending(store, judge);
    if (settled > 0) log.debug("pending instances were judged", { settled });
  };
  const pending = startPendingJudge({ store, judgePending: judgeStored, timers, jitter, log });

  return {
    catalogue: () => catalogue,
    listens: (trigger) => rules.byTrigger.has(trigger),
    judge,
    settled: () => reading.settled(),
    async digest(window) {
      await breathe();
      const { enforcement, executions, dispatches } = await digestOf(window, {
        store,
        rule: (ref) => rules.byRef.get(ref)?.rule ?? null,
        enforce: (rule, instance, occasion) =>
          withRegexAnswers(slowRegex, (regex) =>
            enforceDigest(
              instance,
              verdictOf(rule, null, instance, regex),
              enforceWith(rules, 0, regex),
              occasion,
            ),
          ),
        faulty: (error) => {
          if (!isClosed)
            log.error("a digest could not be made", { window: window.id, rule: window.rule, error });
        },
        nowMs: now(),
      });
      if (isClosed) throw closed();
      return { enforcement, executions, dispatches: await shrink(dispatches) };
    },
    async explain(rule, instance) {
      await breathe();
      const known = rules.byRef.get(rule.ref);
      const whole = openedRule(rule, sealer);
      const ready = testRuleOf(known?.rule === whole ? known : compileRule(whole));
      const surroundings = {
        actions: { get: testAction },
        keys: ruleKeys,
        now: parseTimestamp(instance.received_at) ?? now(),
      };
      const trigger = prepareTrigger(instance, surroundings);
      const { outcome } = await withRegexAnswers(slowRegex, (regex) =>
        judgePair(ready, trigger, surroundings, regex),
      );
      if (!outcome.matched) return { outcome, placement: null };
      const verdict = await withRegexAnswers(slowRegex, (regex) => verdictOf(rule, null, instance, regex));
      if (!verdict.matched) return { outcome, placement: { found: false, reason: verdict.error } };
      return { outcome, placement: place(verdict.rule.action.target, instance.origin, registry) };
    },
    resolveRun(action, supplied, user) {
      const { definition } = action;
      const context = {
        ...triggerlessScope(templateKeys(keys, user)),
        action_context: { pack: definition.pack, user },
        config_context: configOf(definition.pack),
      };
      const runner = runnerParameters[definition.runner_type] ?? {};
      return withRegexAnswers(slowRegex, (regex) =>
        resolveParameters({
          action: definition.parameters,
          runner,
          supplied,
          context,
          renderSupplied: false,
          regex,
        }),
      );
    },
    judgePending: judgeStored,
    async close() {
      isClosed = true;
      stopListening();
      await Promise.all([reading.stop(), pending.stop()]);
    },
  };
}

const closed = () => new PetrelError("LINK_CLOSED", "the hub is stopping");

function triggerlessScope(keys: TemplateKeys) {
  const { st2kv } = triggerScope({ trigger: "", payload: null, origin: null, late: false }, keys);
  return { st2kv };
}

function refused(instance: TriggerInstance, version: number, error: PetrelError): Outcome {
  return {
    instance: {
      ...instance,
      status: "processing_failed",
      reason: `${error.code}: ${error.message}`.slice(0, 2_000),
      rule_set_version: version,
    },
    enforcements: [],
    executions: [],
    dispatches: [],
  };
}
