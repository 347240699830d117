/** Agents, their identities, and enrolment. */
import type { Codes } from "./entry.ts";

export const agentCodes = {
  AGENT_UNKNOWN: { status: 404, exit: 1, text: "No agent has this id." },
  AGENT_DEGRADED: {
    status: 503,
    exit: 1,
    retry: true,
    text: "An agent takes no action at present, since its disk is full.",
  },
  AGENT_TOO_OLD: { status: 409, exit: 4, text: "The agent's version is too old for what it is asked to do." },
  AGENT_CONFLICT: { status: 409, exit: 1, text: "Two machines have one agent id." },
  AGENT_UNREACHABLE: { status: 503, exit: 3, retry: true, text: "The agent on this host does not answer." },
  AGENT_ID: { status: 400, exit: 2, text: "An agent id has characters that are not allowed." },
  AGENT_NOT_ENROLLED: {
    status: 500,
    exit: 4,
    text: "An agent outside of dev mode needs an identity, and this data folder has none.",
  },
  AGENT_EXISTS: { status: 409, exit: 1, text: "An agent of this id is enrolled with another key." },
  AGENT_REMOVED: { status: 403, exit: 4, text: "This agent was removed from the fleet." },
  DEV_FLEET: { status: 409, exit: 2, text: "--dev on the data of an enrolled hub or agent." },
  IDENTITY_FILES: {
    status: 500,
    exit: 1,
    text: "Files with keys or certificates are missing, damaged, or do not belong together.",
  },
  IDENTITY_UNKNOWN: {
    status: 403,
    exit: 4,
    retry: true,
    text: "The hub knows no enrolled agent of this id.",
  },
  IDENTITY_KEY: { status: 403, exit: 4, retry: true, text: "The hub knows this agent id with another key." },
  IDENTITY_HUB_KEYS: {
    status: 403,
    exit: 4,
    retry: true,
    text: "The hub's keys are older than those that the agent has seen: it does not trust that hub.",
  },
  IDENTITY_CLOCK: {
    status: 403,
    exit: 4,
    retry: true,
    text: "A broker takes a certificate for expired or not yet valid: a clock is wrong, or the agent was away for long.",
  },
  HUB_UNTRUSTED: {
    status: 403,
    exit: 4,
    retry: true,
    text: "A server does not prove that it speaks for this fleet.",
  },
  ROOT_KEY_MISSING: {
    status: 409,
    exit: 1,
    text: "What was asked for needs the fleet's root key, which is not with the hub.",
  },
  ROOT_KEY_WRONG: { status: 400, exit: 2, text: "A key is not the root key of this fleet." },
  ENROL_OFF: { status: 409, exit: 1, text: "In dev mode there are no identities, and nobody enrols." },
  ENROL_TOKEN: {
    status: 403,
    exit: 4,
    text: "An enrolment token cannot be used: used up, expired, revoked, or for another agent.",
  },
  ENROL_REFUSED: {
    status: 403,
    exit: 4,
    text: "The hub refuses an enrolment, and does not say why to who proves nothing.",
  },
  ENROL_INVALID: {
    status: 400,
    exit: 2,
    text: "An enrolment request or its answer is malformed, or was made by nobody who may.",
  },
} as const satisfies Codes;
