/** What the hub itself has to tell, as trigger instances: ends of executions, agents in trouble, changes of keys. */
import { derivedId } from "../../shared/ids.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { SensorRecord } from "../../shared/model/agent.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { parseRef } from "../../shared/ref.ts";
import type { AgentRegistry } from "../agents/agent-registry.ts";
import type { KeyBook } from "../datastore/key-book.ts";
import { shownExecution } from "../secrets/sealed-execution.ts";
import type { Occurrence, Teller } from "../store/occurrence.ts";
import { FirstTold } from "./first-told.ts";
import { keyNews, keyTriggers } from "./key-news.ts";
import { lineageOf } from "./lineage.ts";
import type { LiveRules } from "./live-rules.ts";
import { messagesOf } from "./notifications.ts";
import { ownInstance } from "./own-instance.ts";

export const ownTriggers = {
  ended: "core.st2.generic.actiontrigger",
  notify: "core.st2.generic.notifytrigger",
  late: "execution.late",
  agentLost: "petrel.agent_lost",
  agentBack: "petrel.agent_back",
  sensorFailed: "petrel.sensor_failed",
  sensorSpawned: "core.st2.sensor.process_spawn",
  sensorExited: "core.st2.sensor.process_exit",
  deadLetter: "petrel.dead_letter",
} as const;

/** Triggers that an occurrence may lead to. */
const triggersOf: Readonly<Record<Occurrence["type"], readonly string[]>> = {
  ended: [ownTriggers.ended, ownTriggers.notify],
  "late-result": [ownTriggers.late],
  "agent-lost": [ownTriggers.agentLost],
  "agent-back": [ownTriggers.agentBack],
  "sensor-failed": [ownTriggers.sensorFailed],
  "sensor-spawned": [ownTriggers.sensorSpawned],
  "sensor-exited": [ownTriggers.sensorExited],
  "dead-letter": [ownTriggers.deadLetter],
  key: Object.values(keyTriggers),
};

export interface OwnTriggersOptions {
  readonly rules: Pick<LiveRules, "listens" | "catalogue">;
  readonly registry: Pick<AgentRegistry, "get">;
  /** The datastore, for the templates of notifications. */
  readonly keys: Pick<KeyBook, "find">;
  /** Hub time in ms. */
  readonly now: () => number;
}

/** Something to tell before it is an instance. */
interface News {
  readonly trigger: string;
  /** Names the occurrence among those of its trigger. */
  readonly key: readonly (string | number)[];
  /** It is about; `null`: about none. */
  readonly agent: string | null;
  readonly payload: Json;
  readonly lineage?: readonly string[];
  readonly trace_tag?: string | null;
}

/**
 * The store is opened before there are rules: until `use` nothing is told. A rule that is enabled hears of what happens
 * from then on.
 */
export class OwnTriggers implements Teller {
  #options: OwnTriggersOptions | null = null;
  #firstTold = new FirstTold(() => 0);

  use(options: OwnTriggersOptions): void {
    this.#options = options;
    this.#firstTold = new FirstTold(options.now);
  }

  wants(type: Occurrence["type"]): boolean {
    const options = this.#options;
    return options !== null && triggersOf[type].some(options.rules.listens);
  }

  tell(occurrence: Occurrence): readonly TriggerInstance[] {
    const options = this.#options;
    if (options === null) return [];
    return newsOf(occurrence, options)
      .filter(({ trigger }) => options.rules.listens(trigger))
      .map((news) => instanceOf(news, options, this.#firstTold));
  }
}

function instanceOf(news: News, { registry }: OwnTriggersOptions, firstTold: FirstTold): TriggerInstance {
  const { trigger, key, agent, payload, lineage = [], trace_tag = null } = news;
  const atMs = firstTold.of(JSON.stringify([trigger, ...key]));
  const id = derivedId(atMs, trigger, ...key);
  const labels = (agent === null ? null : registry.get(agent)?.labels) ?? {};
  return ownInstance({ id, trigger, payload, labels, lineage, trace_tag }, atMs);
}

function newsOf(occurrence: Occurrence, options: OwnTriggersOptions): readonly News[] {
  switch (occurrence.type) {
    case "ended":
      return [endOf(occurrence.execution, options), ...notificationsOf(occurrence.execution, options)];
    case "late-result": {
      const { execution } = occurrence;
      const { id } = execution;
      const { late_result } = asSeen(execution, options);
      const payload = { ...whatRan(execution, options), late_result };
      return [{ ...about(execution), trigger: ownTriggers.late, key: [id], payload }];
    }
    case "agent-lost":
    case "agent-back": {
      const { id, host, labels, address, last_seen, rev, lost } = occurrence.agent;
      const isLost = occurrence.type === "agent-lost";
      const since = isLost ? (lost ?? null) : occurrence.lost;
      const payload = { agent: id, host, labels: { ...labels }, address, last_seen, lost_at: since };
      const trigger = isLost ? ownTriggers.agentLost : ownTriggers.agentBack;
      return [{ trigger, key: [id, rev], agent: id, payload }];
    }
    case "sensor-failed": {
      const { agent, sensor, last_error, restarts, since } = occurrence.sensor;
      const host = options.registry.get(agent)?.host ?? null;
      const payload = { agent, host, sensor, error: last_error, restarts, since };
      return [{ trigger: ownTriggers.sensorFailed, key: [agent, sensor, since], agent, payload }];
    }
    case "sensor-spawned": {
      const { agent, sensor, pid, since, cmd = null } = occurrence.sensor;
      const payload = { ...whichSensor(occurrence.sensor, options), timestamp: since, pid, cmd };
      return [{ trigger: ownTriggers.sensorSpawned, key: [agent, sensor, pid ?? 0, since], agent, payload }];
    }
    case "sensor-exited": {
      const { agent, sensor, state, last_error: error, since } = occurrence.sensor;
      const { pid } = occurrence;
      const exit_code = occurrence.sensor.exit_code ?? null;
      const exit = { timestamp: since, exit_code, pid, state, error };
      const payload = { ...whichSensor(occurrence.sensor, options), ...exit };
      return [{ trigger: ownTriggers.sensorExited, key: [agent, sensor, pid, since], agent, payload }];
    }
    case "dead-letter": {
      const { id, agent, code, reason, received_at } = occurrence.letter;
      const host = options.registry.get(agent)?.host ?? null;
      const payload = { id, agent, host, code, reason, received_at };
      return [{ trigger: ownTriggers.deadLetter, key: [id], agent, payload }];
    }
    case "key": {
      const { id, lineage } = occurrence;
      return keyNews(occurrence, options.now()).map((news) => ({ ...news, key: [id], agent: null, lineage }));
    }
  }
}

/** `id` is the name of its class, as in StackStorm. */
function whichSensor({ agent, sensor }: SensorRecord, { registry }: OwnTriggersOptions): JsonObject {
  const id = parseRef(sensor)?.name ?? sensor;
  return { id, sensor, agent, host: registry.get(agent)?.host ?? null };
}

const about = (execution: Execution) => ({
  agent: execution.agent,
  lineage: lineageOf(execution),
  trace_tag: execution.trace_tag,
});

/** As people may see them: what a rule is given may be told to anybody. */
function asSeen(execution: Execution, { rules }: OwnTriggersOptions): Omit<Execution, "sealed"> {
  return shownExecution(execution, rules.catalogue().actions.get(execution.action)?.definition);
}

/** StackStorm's payload, and what a fleet wants to know besides. */
function whatRan(execution: Execution, options: OwnTriggersOptions): JsonObject {
  const { id, status, action, runner, agent, rule, start_timestamp, end_timestamp, reason } = execution;
  return {
    execution_id: id,
    status,
    start_timestamp: start_timestamp ?? execution.created_at,
    end_timestamp,
    action_name: action,
    action_ref: action,
    runner_ref: runner,
    parameters: asSeen(execution, options).parameters,
    agent,
    host: options.registry.get(agent)?.host ?? null,
    rule,
    reason,
  };
}

/** A result that is too large for an entry stays where it is: `result` is null, `result_blob` names it. */
function endOf(execution: Execution, options: OwnTriggersOptions): News {
  const { id, result_blob } = execution;
  const { result } = asSeen(execution, options);
  const blob = result_blob === null ? null : { ...result_blob };
  const payload = { ...whatRan(execution, options), result, result_blob: blob };
  return { ...about(execution), trigger: ownTriggers.ended, key: [id], payload };
}

function notificationsOf(execution: Execution, options: OwnTriggersOptions): readonly News[] {
  const { rules, registry, keys } = options;
  const definition = rules.catalogue().actions.get(execution.action)?.definition;
  if (definition?.notify === undefined) return [];
  const { id, status, start_timestamp, end_timestamp, runner, agent } = execution;
  const seen = { ...asSeen(execution, options), pack: definition.pack };
  const system = (name: string) => keys.find("system", name)?.value;
  return messagesOf(definition.notify, seen, { system }).map(({ when, route, message, data }) => ({
    ...about(execution),
    trigger: ownTriggers.notify,
    key: [id, when, route],
    payload: {
      execution_id: id,
      status,
      start_timestamp: start_timestamp ?? execution.created_at,
      end_timestamp,
      action_ref: execution.action,
      runner_ref: runner,
      channel: route,
      route,
      message,
      data,
      agent,
      host: registry.get(agent)?.host ?? null,
    },
  }));
}
