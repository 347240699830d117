/** Which rows of secondary indexes a record has: the one place that knows, so that none is left behind. */
import type { Execution, Status } from "../../shared/model/execution.ts";
import { changedPaths, isFileChange } from "../../shared/model/file-change.ts";
import type { Enforcement } from "../../shared/model/rule.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { isFinal } from "../executions/life.ts";
import type { Draft } from "./draft.ts";
import { part } from "./keys.ts";

/**
 * Where nearly all history ends up. An index of that would have a row for each record and leave nothing out: who asks for
 * it is answered by the records themselves.
 */
const usual: ReadonlySet<string> = new Set(["processed", "succeeded"]);
export const isUsual = (status: string) => usual.has(status);
/** Of an execution; also of what is no status. */
export const isOpen = (status: string) => !isFinal(status as Status);

/** Prefixes of index rows, for those who write and those who list. */
export const indexes = {
  instancesByTrigger: (trigger: string) => `it/${part(trigger)}/`,
  instancesByAgent: (agent: string) => `ig/${part(agent)}/`,
  instancesByStatus: (status: string) => `is/${part(status)}/`,
  fileChanges: (agent: string, path: string) => `ip/${part(agent)}/${part(path)}/`,
  unacknowledged: () => "iu/",
  enforcementsByRule: (rule: string) => `nr/${part(rule)}/`,
  enforcementsByStatus: (status: string) => `ns/${part(status)}/`,
  enforcementsByDigest: (digest: string) => `nd/${part(digest)}/`,
  executionsByAction: (action: string) => `ea/${part(action)}/`,
  executionsByAgent: (agent: string) => `eg/${part(agent)}/`,
  executionsByRule: (rule: string) => `er/${part(rule)}/`,
  executionsByStatus: (status: string) => `es/${part(status)}/`,
  executionsByParent: (parent: string) => `ef/${part(parent)}/`,
  openExecutions: (agent: string) => `eo/${part(agent)}/`,
  /** Of all agents, by agent. */
  allOpenExecutions: () => "eo/",
} as const;

/** Of a change of a file that nobody has acknowledged: an acknowledgement takes `unacknowledged` away. */
export function fileChangeRows(instance: TriggerInstance, place: string): string[] {
  if (!isFileChange(instance)) return [];
  const { agent } = instance.origin;
  const paths = agent === null ? [] : changedPaths(instance);
  return [
    indexes.unacknowledged() + place,
    ...paths.map((path) => indexes.fileChanges(agent ?? "", path) + place),
  ];
}

export function instanceRows(instance: TriggerInstance, place: string): string[] {
  const rows = [indexes.instancesByTrigger(instance.trigger) + place, ...fileChangeRows(instance, place)];
  if (!isUsual(instance.status)) rows.push(indexes.instancesByStatus(instance.status) + place);
  if (instance.origin.agent !== null) rows.push(indexes.instancesByAgent(instance.origin.agent) + place);
  return rows;
}

export function enforcementRows(enforcement: Enforcement): string[] {
  const id = part(enforcement.id);
  const rows = [indexes.enforcementsByRule(enforcement.rule) + id];
  if (!isUsual(enforcement.status)) rows.push(indexes.enforcementsByStatus(enforcement.status) + id);
  const { throttle } = enforcement;
  if (throttle !== undefined) rows.push(indexes.enforcementsByDigest(throttle.digest) + id);
  return rows;
}

export function executionRows(execution: Execution): string[] {
  const id = part(execution.id);
  const rows = [
    indexes.executionsByAction(execution.action) + id,
    indexes.executionsByAgent(execution.agent) + id,
  ];
  if (execution.rule !== null) rows.push(indexes.executionsByRule(execution.rule) + id);
  if (execution.parent !== undefined) rows.push(indexes.executionsByParent(execution.parent) + id);
  return [...rows, ...statusRows(execution, id)];
}

/** One that is open has its row there, whatever its status: statuses of moments would be two more rows each. */
function statusRows({ agent, status }: Execution, id: string): string[] {
  if (isOpen(status)) return [indexes.openExecutions(agent) + id];
  return isUsual(status) ? [] : [indexes.executionsByStatus(status) + id];
}

/** Moves an execution's rows; `null`: it is new. An execution goes on by its status, hardly ever by anything else. */
export function moveExecutionRows(draft: Draft, before: Execution | null, after: Execution): void {
  if (before === null) {
    for (const row of executionRows(after)) draft.row(row);
  } else if (hasSameRows(before, after)) {
    const id = part(after.id);
    if (before.status !== after.status) moveRows(draft, statusRows(before, id), statusRows(after, id));
  } else moveRows(draft, executionRows(before), executionRows(after));
}

/** But for those of their status. */
const hasSameRows = (a: Execution, b: Execution) =>
  a.action === b.action && a.agent === b.agent && a.rule === b.rule && a.parent === b.parent;

/** Moves a record's rows from what they were to what they are. */
export function moveRows(draft: Draft, before: readonly string[], after: readonly string[]): void {
  for (const row of before) if (!after.includes(row)) draft.dropRow(row);
  for (const row of after) if (!before.includes(row)) draft.row(row);
}
