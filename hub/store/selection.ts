/** Which index answers a filter best, and what is left to check on the records. */
import type { Execution } from "../../shared/model/execution.ts";
import type { Enforcement } from "../../shared/model/rule.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { indexes, isOpen, isUsual } from "./index-rows.ts";
import type { ExecutionFilter } from "./port/executions.ts";
import type { EnforcementFilter, InstanceFilter } from "./port/history.ts";

export interface Selection<T> {
  readonly prefix: string;
  /** The rows under `prefix` are the records themselves. */
  readonly isPrimary: boolean;
  readonly keep: (record: T) => boolean;
}

type Choice = readonly [value: string | undefined, index: (value: string) => string];

/** The first index, from the narrowest to the widest, whose value is given. */
function choose<T>(primary: string, choices: readonly Choice[], keep: (record: T) => boolean): Selection<T> {
  for (const [value, index] of choices) {
    if (value !== undefined) return { prefix: index(value), isPrimary: false, keep };
  }
  return { prefix: primary, isPrimary: true, keep };
}

/** Where nearly everything is, nothing is looked up (see `isUsual`). */
const unusual = (status: string | undefined) =>
  status === undefined || isUsual(status) ? undefined : status;

const fits = (wanted: string | undefined, value: string | null | undefined) =>
  wanted === undefined || wanted === value;

export function selectInstances({ trigger, status, agent }: InstanceFilter): Selection<TriggerInstance> {
  return choose(
    "i/",
    [
      [unusual(status), indexes.instancesByStatus],
      [agent, indexes.instancesByAgent],
      [trigger, indexes.instancesByTrigger],
    ],
    (instance) =>
      fits(trigger, instance.trigger) && fits(status, instance.status) && fits(agent, instance.origin.agent),
  );
}

/**
 * `ids`, the family of a `trigger_instance` and what is open on all agents need no index here; of one user are often nearly
 * all or few, and an index of them would cost every execution a row.
 */
export function selectExecutions(filter: ExecutionFilter): Selection<Execution> {
  const { action, status, agent, rule, user, trace_tag: tag, parent } = filter;
  const isOpenStatus = status !== undefined && isOpen(status);
  return choose(
    "e/",
    [
      [parent, indexes.executionsByParent],
      [isOpenStatus ? agent : undefined, indexes.openExecutions],
      [isOpenStatus ? undefined : unusual(status), indexes.executionsByStatus],
      [rule, indexes.executionsByRule],
      [agent, indexes.executionsByAgent],
      [action, indexes.executionsByAction],
    ],
    (execution) =>
      fits(action, execution.action) &&
      fits(status, execution.status) &&
      fits(agent, execution.agent) &&
      fits(rule, execution.rule) &&
      fits(user, execution.user) &&
      fits(tag, execution.trace_tag) &&
      fits(parent, execution.parent) &&
      fits(filter.trigger_instance, execution.trigger_instance),
  );
}

/** `trigger_instance` is answered by the instance's family, not by an index. */
export function selectEnforcements(filter: EnforcementFilter): Selection<Enforcement> {
  const { rule, status, trigger_instance: instance, digest } = filter;
  return choose(
    "n/",
    [
      [digest, indexes.enforcementsByDigest],
      [unusual(status), indexes.enforcementsByStatus],
      [rule, indexes.enforcementsByRule],
    ],
    (enforcement) =>
      fits(digest, enforcement.throttle?.digest) &&
      fits(rule, enforcement.rule) &&
      fits(status, enforcement.status) &&
      fits(instance, enforcement.trigger_instance),
  );
}
