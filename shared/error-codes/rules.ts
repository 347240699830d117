/** Rules, criteria, templates and parameters. */
import type { Codes } from "./entry.ts";

export const ruleCodes = {
  RULE_INVALID: { status: 400, exit: 2, text: "A rule's definition is wrong." },
  RULE_TRIGGER_UNKNOWN: { status: 400, exit: 2, text: "A rule names a trigger type that is not registered." },
  RULE_TRIGGER_OTHER: {
    status: 400,
    exit: 2,
    text: "A rule waits for another trigger type than the instance has.",
  },
  RULE_ACTION_UNKNOWN: { status: 400, exit: 2, text: "A rule names an action that is not registered." },
  IDEMPOTENCY_KEY: {
    status: 422,
    exit: 1,
    text: "An Idempotency-Key came again with another request.",
  },
  POLICY_ACTION_UNKNOWN: {
    status: 400,
    exit: 2,
    text: "A policy names an action that its pack does not have, or that is not registered.",
  },
  ALIAS_ACTION_UNKNOWN: { status: 400, exit: 2, text: "An action alias names an action that is not there." },
  RULE_DIGEST: {
    status: 409,
    exit: 4,
    text: "A throttled rule could not tell of what it had held back: it was deleted, disabled or changed meanwhile.",
  },
  RULE_TARGET: { status: 400, exit: 2, text: "A rule's action.target finds no agent." },
  CRITERIA_OPERATOR: { status: 400, exit: 2, text: "A criterion uses an operator that does not exist." },
  CRITERIA_TYPE: { status: 400, exit: 1, text: "A criterion compares values of types that do not compare." },
  CRITERIA_KEY: { status: 400, exit: 2, text: "A criterion's key cannot be read." },
  CRITERIA_REGEX: { status: 400, exit: 2, text: "A pattern is no regular expression, or took too long." },
  EXPRESSION_SYNTAX: { status: 400, exit: 2, text: "A template does not parse." },
  EXPRESSION_UNDEFINED: { status: 400, exit: 1, text: "A template uses a name that is not defined." },
  EXPRESSION_TYPE: {
    status: 400,
    exit: 1,
    text: "A template applies an operation to values it does not fit.",
  },
  EXPRESSION_BUDGET: { status: 400, exit: 1, text: "A template ran too long or wrote too much." },
  PARAMETER_INVALID: { status: 400, exit: 2, text: "An action's parameter has a wrong type or value." },
  PARAMETER_UNKNOWN: { status: 400, exit: 2, text: "An action has no parameter of this name." },
  PARAMETER_MISSING: { status: 400, exit: 2, text: "A required parameter is missing." },
  PARAMETER_IMMUTABLE: { status: 400, exit: 2, text: "A parameter that may not be given was given." },
  PARAMETER_DEPENDENCY: {
    status: 400,
    exit: 1,
    text: "Parameter templates refer to each other in a circle or to nothing.",
  },
} as const satisfies Codes;
