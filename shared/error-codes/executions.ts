/** Triggers, actions and executions. */
import type { Codes } from "./entry.ts";

export const executionCodes = {
  TRIGGER_UNKNOWN: { status: 400, exit: 1, text: "No such trigger type is registered." },
  LOOP_GUARD: {
    status: 409,
    exit: 1,
    text: "A rule was stopped: what it had set off itself called it again.",
  },
  TRIGGER_PAYLOAD: { status: 400, exit: 1, text: "A payload does not fit its trigger type's schema." },
  ACTION_USER: {
    status: 500,
    exit: 1,
    text: "The user that an action is to run as is not on the agent's host, or cannot be become.",
  },
  HOST_REFUSED: {
    status: 403,
    exit: 4,
    text: "The policy file of an agent's host does not allow this (docs/guides/host-policy.md).",
  },
  RUN_AS_REFUSED: { status: 403, exit: 4, text: "The agent's host lets no action run as this user." },
  ACTION_UNKNOWN: { status: 404, exit: 1, text: "No such action is registered." },
  ACTION_DISABLED: { status: 400, exit: 1, text: "The action is disabled." },
  ACTION_START: { status: 500, exit: 1, text: "An action's process could not be started." },
  RUNNER_UNKNOWN: { status: 400, exit: 1, text: "This agent has no such runner." },
  EXECUTION_FINAL: { status: 409, exit: 1, text: "The execution has already ended." },
  EXECUTION_STATE: { status: 409, exit: 1, text: "An execution cannot do this as it is now." },
  EXECUTION_FAILED: { status: 500, exit: 1, text: "An execution ended, but not in success." },
  EXECUTION_WAIT: {
    status: 504,
    exit: 1,
    retry: true,
    text: "An execution had not ended when the wait was over.",
  },
  EXECUTION_EXPIRED: { status: 409, exit: 1, text: "The request reached its agent too late." },
} as const satisfies Codes;
