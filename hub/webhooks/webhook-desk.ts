/** Takes in what is posted to webhooks: each request makes a trigger instance, and is answered once that is on disk. */

import { PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { RuleRecord } from "../../shared/model/rule.ts";
import { canonicalText } from "../../shared/model/rule-trigger.ts";
import type { TriggerInstance, TriggerInstanceStatus } from "../../shared/model/trigger.ts";
import { hookPath, hookPathOf, webhookTrigger } from "../../shared/model/webhook.ts";
import { nearest, suggestion } from "../../shared/nearest.ts";
import type { Catalogue } from "../packs/catalogue.ts";
import { ownInstance } from "../rules/own-instance.ts";
import type { Outcome, Store } from "../store/store.ts";

/** A path that rules wait for. */
export interface WebhookView {
  /** Without slashes at its ends. */
  readonly url: string;
  /** Refs, in order. */
  readonly rules: readonly string[];
  /** One of them is enabled: requests are taken. */
  readonly enabled: boolean;
}

/** What came; header names as they were sent. */
export interface HookRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Json;
  readonly trace_tag: string | null;
}

export interface InjectRequest {
  /** Ref of any registered trigger type. */
  readonly trigger: string;
  readonly payload: JsonObject;
  readonly trace_tag: string | null;
}

/** It is on disk, and rules have seen it. */
export interface Received {
  readonly trace_tag: string | null;
  /** One; more only where rules spell the same path differently. */
  readonly trigger_instances: readonly {
    readonly id: string;
    readonly status: TriggerInstanceStatus;
    readonly reason: string | null;
  }[];
}

export interface WebhookDeskOptions {
  readonly store: Pick<Store, "ruleSet" | "emit">;
  readonly catalogue: () => Catalogue;
  readonly judge: (instance: TriggerInstance, skewMs: number) => Promise<Outcome>;
  /** Resolves when changed rules are in force. */
  readonly settled: () => Promise<void>;
  /** Hub time in ms. */
  readonly now: () => number;
  readonly newId: () => string;
}

interface Hook extends WebhookView {
  /** As enabled rules write them: who spells the path otherwise has a trigger of its own. */
  readonly parameters: readonly JsonObject[];
}

/** Paths that a refusal names. */
const mostNamed = 20;

export class WebhookDesk {
  readonly #options: WebhookDeskOptions;
  #known: { readonly version: number; readonly hooks: ReadonlyMap<string, Hook> } | null = null;

  constructor(options: WebhookDeskOptions) {
    this.#options = options;
  }

  /** In the order of their paths. */
  async list(): Promise<readonly WebhookView[]> {
    return [...(await this.#hooks()).values()].map(({ parameters: _, ...view }) => view);
  }

  /** NOT_FOUND when no enabled rule waits for this path. */
  async take(url: string, request: HookRequest): Promise<Received> {
    const path = hookPath(url);
    const hooks = await this.#hooks();
    const hook = hooks.get(path);
    if (hook === undefined || !hook.enabled) throw unknownHook(path, hook, hooks);
    const { headers, body, trace_tag } = request;
    const headers_lower = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
    );
    const payload = { headers, headers_lower, body };
    return this.#receive(
      hook.parameters.map((parameters) => {
        const id = this.#options.newId();
        const tag = trace_tag ?? `webhook-${path}-${id}`;
        return { id, trigger: webhookTrigger, parameters, payload, trace_tag: tag };
      }),
    );
  }

  /** Tells any trigger as if it had happened; TRIGGER_UNKNOWN. */
  async inject({ trigger, payload, trace_tag }: InjectRequest): Promise<Received> {
    await this.#options.settled();
    const { triggerTypes } = this.#options.catalogue();
    if (!triggerTypes.has(trigger)) {
      throw new PetrelError("TRIGGER_UNKNOWN", `no trigger type is called '${trigger}'`, {
        hint: `${suggestion(trigger, [...triggerTypes.keys()])}; \`petrel trigger list\` shows all`,
      });
    }
    const id = this.#options.newId();
    return this.#receive([{ id, trigger, payload, trace_tag: trace_tag ?? `webhook-st2-${id}` }]);
  }

  async #receive(news: readonly Parameters<typeof ownInstance>[0][]): Promise<Received> {
    const { store, judge, settled, now } = this.#options;
    await settled();
    const outcomes = await Promise.all(news.map((each) => judge(ownInstance(each, now()), 0)));
    await Promise.all(outcomes.map((outcome) => store.emit(outcome)));
    return {
      trace_tag: news[0]?.trace_tag ?? null,
      trigger_instances: outcomes.map(({ instance: { id, status, reason } }) => ({ id, status, reason })),
    };
  }

  async #hooks(): Promise<ReadonlyMap<string, Hook>> {
    const { version, rules } = await this.#options.store.ruleSet();
    if (this.#known?.version !== version) this.#known = { version, hooks: hooksOf(rules) };
    return this.#known.hooks;
  }
}

function hooksOf(records: readonly RuleRecord[]): ReadonlyMap<string, Hook> {
  const found = new Map<string, Hook>();
  for (const { rule } of records) {
    const url = rule.trigger.type === webhookTrigger ? hookPathOf(rule.trigger.parameters) : null;
    if (url === null) continue;
    const known = found.get(url) ?? { url, rules: [], enabled: false, parameters: [] };
    const same = (other: JsonObject) => canonicalText(other) === canonicalText(rule.trigger.parameters);
    const isNew = rule.enabled && !known.parameters.some(same);
    found.set(url, {
      url,
      rules: [...known.rules, rule.ref].sort(),
      enabled: known.enabled || rule.enabled,
      parameters: isNew ? [...known.parameters, rule.trigger.parameters] : known.parameters,
    });
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function unknownHook(path: string, hook: Hook | undefined, hooks: ReadonlyMap<string, Hook>): PetrelError {
  if (hook !== undefined) {
    return new PetrelError("NOT_FOUND", `the rules for the webhook '${path}' are disabled`, {
      hint: `\`petrel rule enable ${hook.rules[0]}\``,
    });
  }
  const open = [...hooks.values()].filter(({ enabled }) => enabled).map(({ url }) => url);
  const near = nearest(path, open);
  const there = open.slice(0, mostNamed).join(", ") + (open.length > mostNamed ? " …" : "");
  const hint = near === null ? "" : `did you mean '${near}'? `;
  return new PetrelError("NOT_FOUND", `no rule waits for the webhook '${path.slice(0, 200)}'`, {
    hint: open.length === 0 ? "there is no webhook yet" : `${hint}there are: ${there}`,
  });
}
