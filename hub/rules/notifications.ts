/** What an action's `notify` tells of the ends of its executions (st2 docs, Notifications). Pure. */
import { datastoreContext, type TemplateKeys } from "../../shared/expressions/datastore-lookup.ts";
import type { Scope } from "../../shared/expressions/run.ts";
import { compileTemplate, isTemplate } from "../../shared/expressions/template.ts";
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import type { ActionNotify, Notification } from "../../shared/model/action.ts";
import type { Execution } from "../../shared/model/execution.ts";

/** An execution that has ended, with parameters and result as people may see them. */
export interface EndedExecution
  extends Pick<
    Execution,
    | "id"
    | "action"
    | "status"
    | "parameters"
    | "result"
    | "user"
    | "rule"
    | "trigger_instance"
    | "trace_tag"
    | "agent"
  > {
  readonly pack: string;
}

export interface Message {
  /** Which part of `notify` says so. */
  readonly when: keyof ActionNotify;
  readonly route: string;
  readonly message: string;
  /** With `result`, the execution's own as JSON text. */
  readonly data: JsonObject;
}

const failures: ReadonlySet<string> = new Set(["failed", "timeout", "abandoned"]);

/**
 * One message for each route. Templates of `message` and `data` see `action_parameters`, `action_results`,
 * `action_context` and `st2kv.system`; one that cannot be rendered stays as it is, for what has ended must be told.
 */
export function messagesOf(
  notify: ActionNotify,
  execution: EndedExecution,
  keys: Pick<TemplateKeys, "system">,
): readonly Message[] {
  const { status, action } = execution;
  const told: readonly (readonly [keyof ActionNotify, string, Notification | undefined])[] = [
    ["on-complete", "completed", notify["on-complete"]],
    ["on-success", "succeeded", status === "succeeded" ? notify["on-success"] : undefined],
    ["on-failure", "failed", failures.has(status) ? notify["on-failure"] : undefined],
  ];
  const scope = scopeOf(execution, keys);
  return told.flatMap(([when, verb, notification]) => {
    if (notification === undefined || notification.routes.length === 0) return [];
    const message = rendered(notification.message ?? `Action ${action} ${verb}.`, scope) as string;
    const data = rendered(notification.data, scope) as JsonObject;
    const whole = { ...data, result: JSON.stringify(execution.result) };
    return notification.routes.map((route) => ({ when, route, message, data: whole }));
  });
}

function scopeOf(execution: EndedExecution, { system }: Pick<TemplateKeys, "system">): Scope {
  const { pack, user, rule, trigger_instance, trace_tag, agent, parameters, result } = execution;
  return {
    // Without `unseal`: what is told may be read by anybody.
    st2kv: datastoreContext({ system }),
    action_parameters: parameters,
    action_results: result,
    action_context: { pack, user, rule, trigger_instance, trace_tag, agent },
  };
}

function rendered(value: Json, scope: Scope): Json {
  if (typeof value === "string") return isTemplate(value) ? text(value, scope) : value;
  if (Array.isArray(value)) return value.map((item: Json) => rendered(item, scope));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value as JsonObject).map(([k, v]) => [k, rendered(v, scope)]));
}

function text(source: string, scope: Scope): string {
  try {
    return compileTemplate(source).render(scope);
  } catch {
    return source;
  }
}
