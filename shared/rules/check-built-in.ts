/** Whether a timer or webhook can be what a rule asks for: else it would wait for ever, and nobody would know why. */
import { isObject, type JsonObject } from "../json.ts";
import { genericHook, hookPathOf, webhookTrigger } from "../model/webhook.ts";
import { isTimerType, readSchedule } from "../schedules/schedule.ts";
import type { RuleProblem } from "./check-rule.ts";

/** Errors, as StackStorm refuses such rules too. */
export function checkBuiltIn({
  type,
  parameters,
}: {
  readonly type: string;
  readonly parameters?: unknown;
}): readonly RuleProblem[] {
  const given = isObject(parameters) ? (parameters as JsonObject) : {};
  if (type === webhookTrigger) return checkWebhook(given);
  if (!isTimerType(type)) return [];
  return readSchedule(type, given, 0).problems.map(({ parameter, message, hint }) =>
    problem(parameter === null ? [] : [parameter], message, hint),
  );
}

/** A warning for a timer that would have fired, but not from now on: next year's date is easily written as this year's. */
export function checkNotOver(
  { type, parameters }: { readonly type: string; readonly parameters: JsonObject },
  nowMs: number,
): readonly RuleProblem[] {
  const schedule = isTimerType(type) ? readSchedule(type, parameters, nowMs).schedule : null;
  if (schedule === null || schedule.next(nowMs) !== null) return [];
  const hint = "change it, or delete the rule";
  return [
    { ...problem([], "all of the timer's times have passed: it never fires", hint), severity: "warning" },
  ];
}

function checkWebhook(given: JsonObject): readonly RuleProblem[] {
  const path = hookPathOf(given);
  if (path === null) {
    return [
      problem(given.url === undefined ? [] : ["url"], "a webhook needs its url", "write url: deployed, say"),
    ];
  }
  if (path === genericHook) {
    return [problem(["url"], `${genericHook} is the webhook that tells any trigger`, "choose another url")];
  }
  // A sender could ask for none of these without spelling it otherwise.
  if (/[?#\s\p{Cc}]|(^|\/)\.{0,2}(\/|$)/u.test(path) || path.length > 250) {
    return [
      problem(["url"], "a webhook's url is a path of at most 250 characters", "write url: github/push, say"),
    ];
  }
  return Object.keys(given)
    .filter((name) => name !== "url")
    .map((name) =>
      problem([name], `${webhookTrigger} has no parameter '${name.slice(0, 80)}'`, "leave it out"),
    );
}

function problem(path: readonly string[], message: string, hint: string): RuleProblem {
  return { code: "RULE_INVALID", severity: "error", message, path: ["trigger", "parameters", ...path], hint };
}
