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
import type { Outcome } from "../store/port/intake.ts";
import type { Store } from "../store/store.ts";
import {
  type AnsweredKey,
  answeredKeys,
  keyHash,
  known,
  recordOf,
  remembered,
  requestHash,
} from "./answered-keys.ts";

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
  /** `Idempotency-Key`: the same request again makes nothing new. */
  readonly key?: string | null;
}

export interface InjectRequest {
  /** Ref of any registered trigger type. */
  readonly trigger: string;
  readonly payload: JsonObject;
  readonly trace_tag: string | null;
  readonly key?: string | null;
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
  readonly store: Pick<Store, "ruleSet" | "emit" | "instance" | "setting" | "putSetting">;
  readonly catalogue: () => Catalogue;
  readonly judge: (instance: TriggerInstance, skewMs: number) => Promise<Outcome>;
  /** Resolves when changed rules are in force. */
  readonly settled: () => Promise<void>;
  /** Hub time in ms. */
  readonly now: () => number;
  readonly newId: () => string;
}

type News = Parameters<typeof ownInstance>[0];

interface Hook extends WebhookView {
  /** As enabled rules write them: who spells the path otherwise has a trigger of its own. */
  readonly parameters: readonly JsonObject[];
}

/** Paths that a refusal names. */
const mostNamed = 20;

export class WebhookDesk {
  readonly #options: WebhookDeskOptions;
  /** By key: what is being taken in under it. */
  readonly #taking = new Map<string, Promise<void>>();
  #remembering: Promise<void> = Promise.resolve();
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
    const { headers, body, trace_tag, key = null } = request;
    const headers_lower = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
    );
    const payload = { headers, headers_lower, body };
    const news = hook.parameters.map((parameters) => {
      const id = this.#options.newId();
      const tag = trace_tag ?? `webhook-${path}-${id}`;
      return { id, trigger: webhookTrigger, parameters, payload, trace_tag: tag };
    });
    return key === null ? this.#receive(news) : this.#receiveOnce(news, `webhook ${path}`, key, body);
  }

  /** Tells any trigger as if it had happened; TRIGGER_UNKNOWN. */
  async inject({ trigger, payload, trace_tag, key = null }: InjectRequest): Promise<Received> {
    await this.#options.settled();
    const { triggerTypes } = this.#options.catalogue();
    if (!triggerTypes.has(trigger)) {
      throw new PetrelError("TRIGGER_UNKNOWN", `no trigger type is called '${trigger}'`, {
        hint: `${suggestion(trigger, [...triggerTypes.keys()])}; \`petrel trigger list\` shows all`,
      });
    }
    const id = this.#options.newId();
    const news = [{ id, trigger, payload, trace_tag: trace_tag ?? `webhook-st2-${id}` }];
    return key === null ? this.#receive(news) : this.#receiveOnce(news, `trigger ${trigger}`, key, payload);
  }

  /** Whoever got no answer asks again with the same key, and gets the same instances. */
  async #receiveOnce(news: readonly News[], where: string, key: string, content: Json): Promise<Received> {
    const name = keyHash(where, key);
    const before = this.#taking.get(name) ?? Promise.resolve();
    const taking = before.then(() => this.#receiveNamed(news, name, requestHash(canonicalText(content))));
    // Two of one key at the same time: the second one meets what the first has left.
    const settled = taking.then(
      () => {},
      () => {},
    );
    this.#taking.set(name, settled);
    void settled.then(() => {
      if (this.#taking.get(name) === settled) this.#taking.delete(name);
    });
    return taking;
  }

  /** The key is on disk before its instances are: after a kill in between they are made under the same ids. */
  async #receiveNamed(news: readonly News[], name: string, request: string): Promise<Received> {
    const { store, now } = this.#options;
    const found = known(answeredKeys(await store.setting(recordOf(name))), name, now());
    if (found !== null && found.request !== request) {
      throw new PetrelError("IDEMPOTENCY_KEY", "this Idempotency-Key was used with another request", {
        hint: "give each request a key of its own, and the same one only when it is repeated",
      });
    }
    if (found?.done) return this.#answerAgain(found.ids);
    const ids = found?.ids ?? news.map(({ id }) => id);
    const answered = { key: name, request, ids, at: found?.at ?? now() };
    if (found === null) await this.#remember({ ...answered, done: false });
    const received = await this.#receive(news.flatMap((each, index) => called(each, ids[index])));
    await this.#remember({ ...answered, done: true });
    return received;
  }

  /** One after the other: other keys lie in the same record. */
  #remember(answered: AnsweredKey): Promise<void> {
    const { store, now } = this.#options;
    const record = recordOf(answered.key);
    const write = async () => {
      const keys = answeredKeys(await store.setting(record));
      await store.putSetting(record, remembered(keys, answered, now()));
    };
    const written = this.#remembering.then(write);
    this.#remembering = written.catch(() => {});
    return written;
  }

  async #answerAgain(ids: readonly string[]): Promise<Received> {
    const kept = await Promise.all(ids.map((id) => this.#options.store.instance(id)));
    return {
      trace_tag: kept[0]?.trace_tag ?? null,
      trigger_instances: ids.map((id, index) => {
        const { status = "processed", reason = "it is not kept any more" } = kept[index] ?? {};
        return { id, status, reason };
      }),
    };
  }

  async #receive(news: readonly News[]): Promise<Received> {
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

/** Under the id that it was to have at first; none when its rule is new since. */
function called(news: News, id: string | undefined): readonly News[] {
  if (id === undefined) return [];
  return [{ ...news, id, trace_tag: news.trace_tag?.replace(news.id, id) ?? null }];
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
