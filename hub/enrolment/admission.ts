/** Who becomes an agent: decided from the ask, its proof, and what is known. Pure. */
import { isLoopback } from "../../shared/config/listen.ts";
import type { ErrorCode } from "../../shared/errors.ts";
import type { EnrolAsk } from "../../shared/identity/enrolment.ts";
import type { AgentIdentity, EnrolmentToken } from "../../shared/model/identity.ts";
import { parseEnrolClientId } from "../../shared/wire/topics.ts";
import { hostOf, originOf } from "../access/origin.ts";
import { hubAgentId } from "../executions/place.ts";
import { formerKeys } from "./former.ts";
import { tokenProblem } from "./token-life.ts";

/** What the ask was proven with; the key is always the one it asks for. */
export type AskProof = "token" | "key" | "none";

export interface AdmissionFacts {
  readonly ask: EnrolAsk;
  readonly proof: AskProof;
  /** Whether its request for a certificate is of the key and name it gives. */
  readonly isRequestFine: boolean;
  readonly known: AgentIdentity | null;
  /** The one it was proven with. */
  readonly token: EnrolmentToken | null;
  /** That wait for somebody to approve them. */
  readonly pending: number;
  /** Whether one more from its address may wait. */
  readonly hasShare: boolean;
  /** Hub time in ms. */
  readonly now: number;
}

export type Admission =
  /** `use`: a use of the token is to be taken; `null`: it is known already. */
  | { readonly type: "grant"; readonly use: string | null }
  | { readonly type: "wait"; readonly isNew: boolean }
  | {
      readonly type: "refuse";
      readonly code: ErrorCode;
      /** For the log; and for who asked, if it may know. */
      readonly reason: string;
      /** To others nothing is said but that it is refused: ids and tokens are not to be probed. */
      readonly mayKnow: boolean;
    };

/** More are not kept: strangers must not fill the store. */
export const mostPending = 1_000;

/**
 * Whether one more host from `address` (`ip:port`) may wait beside those who do: `most` from one network. Everybody has a
 * share where the address is not known, behind an external broker, and on this machine, where a proxy may stand for many.
 */
export function hasShare(
  address: string | null,
  waiting: readonly Pick<AgentIdentity, "address">[],
  most: number,
): boolean {
  if (address === null || isLoopback(hostOf(address))) return true;
  const origin = originOf(address);
  return (
    waiting.filter((other) => other.address !== null && originOf(other.address) === origin).length < most
  );
}

export function admission(facts: AdmissionFacts): Admission {
  const { ask, proof, known, token, pending, hasShare, now } = facts;
  const knows = proof === "token";
  const refuse = (code: ErrorCode, reason: string, mayKnow = knows): Admission => ({
    type: "refuse",
    code,
    reason,
    mayKnow,
  });
  if (proof === "none")
    return refuse("ENROL_REFUSED", "it proves nothing: an unknown token, or a forged ask");
  if (!facts.isRequestFine)
    return refuse("ENROL_INVALID", "its request for a certificate is not of its key and id");
  if (parseEnrolClientId(ask.agent) !== null) return refuse("ENROL_INVALID", "no agent may have such an id");
  const isSameKey = known?.key === ask.key;
  if (formerKeys(known).includes(ask.key)) {
    return refuse("AGENT_REMOVED", "this agent was removed; with another key it may enrol again", true);
  }
  if (known?.state === "active") {
    if (isSameKey) return { type: "grant", use: null };
    return refuse("AGENT_EXISTS", "an agent of this id is enrolled with another key");
  }
  if (ask.renew) return refuse("IDENTITY_UNKNOWN", "no agent of this id and key is enrolled");
  if (proof === "token") {
    if (token === null)
      return refuse("ENROL_REFUSED", "it proves nothing: an unknown token, or a forged ask");
    const problem = tokenProblem(token, now);
    if (problem !== null) return refuse("ENROL_TOKEN", `the token is ${tokenWords[problem]}`);
    if (token.agent !== null && token.agent !== ask.agent) {
      return refuse("ENROL_TOKEN", `the token is for agent ${token.agent} only`);
    }
    // Work of the centre goes to it: nobody becomes it by a choice of name.
    if (ask.agent === hubAgentId && token.agent !== hubAgentId) {
      return refuse("ENROL_TOKEN", `agent ${hubAgentId} needs a token made with --id ${hubAgentId}`);
    }
    return { type: "grant", use: token.id };
  }
  if (ask.agent === hubAgentId)
    return refuse("ENROL_REFUSED", "the agent beside the hub is enrolled by a token");
  if (known?.state === "pending") {
    if (isSameKey) return { type: "wait", isNew: false };
    return refuse("ENROL_REFUSED", "another host waits to be approved under this id");
  }
  if (pending >= mostPending)
    return refuse("ENROL_REFUSED", `${mostPending} hosts wait to be approved already`);
  if (!hasShare) return refuse("ENROL_REFUSED", "as many hosts of its address wait to be approved as may");
  return { type: "wait", isNew: true };
}

const tokenWords = { used: "used up", expired: "expired", revoked: "revoked" } as const;
