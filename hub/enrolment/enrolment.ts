/** Answers hosts that ask to become agents, and agents whose certificate has run out. */
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import { certificatesIn, ed25519Of, isRequestOf } from "../../shared/identity/certificates.ts";
import { publicKey } from "../../shared/identity/ed25519.ts";
import {
  type EnrolAnswer,
  type EnrolAsk,
  type EnrolMessage,
  type Prover,
  readAsk,
  sealEnrol,
} from "../../shared/identity/enrolment.ts";
import type { Logger } from "../../shared/log.ts";
import type { AgentIdentity, EnrolmentToken } from "../../shared/model/identity.ts";
import { originOf } from "../access/origin.ts";
import type { Refusals } from "../broker/refusals.ts";
import type { HubIdentity } from "../identity/hub-identity.ts";
import type { Identities } from "../identity/identities.ts";
import type { Store } from "../store/store.ts";
import { type Admission, type AskProof, admission, hasShare } from "./admission.ts";
import { formerKeys } from "./former.ts";

export interface EnrolmentOptions {
  readonly store: Pick<Store, "identity" | "putIdentity" | "token">;
  readonly identities: Pick<Identities, "all">;
  readonly hub: Pick<HubIdentity, "certify" | "cas" | "root" | "signer">;
  /** Opens the key of a token. Throws when it cannot. */
  readonly unseal: (sealed: string) => string;
  /** An agent is enrolled: its record must be there, with these labels, before it comes. */
  readonly enrolled: (identity: AgentIdentity) => Promise<void>;
  readonly refusals: Pick<Refusals, "note">;
  /** Hosts from one address that may wait to be approved. */
  readonly waitingPerAddress: number;
  /** Hub time in ms. */
  readonly now: () => number;
  readonly log: Logger;
}

/** How often an identity that changed meanwhile is looked at again. */
const attempts = 5;

interface Judged {
  readonly message: EnrolMessage<EnrolAsk>;
  readonly proof: AskProof;
  readonly token: EnrolmentToken | null;
  /** How the answer is proven. */
  readonly prover: Prover;
}

/** Makes the function that answers one ask; `null` for what gets no answer. It never rejects. */
export function enrolment(options: EnrolmentOptions) {
  const { store, hub, now, log, refusals, waitingPerAddress } = options;

  const judged = async (message: EnrolMessage<EnrolAsk>): Promise<Judged> => {
    const { token: id, key: keyText } = message.content;
    const signer: Prover = { by: "key", key: hub.signer().key };
    if (id === null) {
      const key = publicKey(keyText);
      const isProven = key !== null && message.isProvenByKey(key);
      return { message, proof: isProven ? "key" : "none", token: null, prover: signer };
    }
    const token = await store.token(id);
    const key = token === null ? null : Buffer.from(options.unseal(token.sealed), "base64url");
    if (token === null || key === null || !message.isProvenByToken(key)) {
      return { message, proof: "none", token: null, prover: signer };
    }
    return { message, proof: "token", token, prover: { by: "token", key } };
  };

  const decide = async (
    { message, proof, token }: Judged,
    known: AgentIdentity | null,
    address: string | null,
  ): Promise<Admission> => {
    const ask = message.content;
    const waiting = options.identities.all().filter(({ state }) => state === "pending");
    const key = publicKey(ask.key);
    return admission({
      ask,
      proof,
      isRequestFine: key !== null && isRequestOf(ask.csr, ask.agent, key),
      known,
      token,
      pending: waiting.length,
      hasShare: hasShare(address, waiting, waitingPerAddress),
      now: now(),
    });
  };

  /** `null`: it changed meanwhile, and is to be decided again. */
  const carryOut = async (
    decided: Exclude<Admission, { type: "refuse" }>,
    { message: { content: ask }, token }: Judged,
    known: AgentIdentity | null,
    address: string | null,
  ): Promise<AgentIdentity | null> => {
    const at = timestamp(now());
    const former = formerKeys(known);
    const base = {
      agent: ask.agent,
      key: ask.key,
      requested_at: at,
      address,
      host: ask.host,
      rev: (known?.rev ?? 0) + 1,
      ...(former.length > 0 && { former }),
    };
    if (decided.type === "wait") {
      if (!decided.isNew && known !== null) return known;
      const next: AgentIdentity = {
        ...base,
        state: "pending",
        labels: {},
        token: null,
        enrolled_at: null,
        certificate: null,
      };
      return (await store.putIdentity(next, known?.rev ?? null)) === "done" ? next : null;
    }
    if (decided.use === null && known !== null) {
      const renewed = renewedIdentity(known, hub, now());
      if (renewed === known) return known;
      return (await store.putIdentity(renewed, known.rev)) === "done" ? renewed : null;
    }
    const key = publicKey(ask.key);
    if (key === null) return null;
    const next: AgentIdentity = {
      ...base,
      state: "active",
      labels: token?.labels ?? {},
      token: decided.use,
      enrolled_at: at,
      certificate: hub.certify(ask.agent, key),
    };
    const use = decided.use === null ? undefined : { token: decided.use, now: now() };
    return (await store.putIdentity(next, known?.rev ?? null, use)) === "done" ? next : null;
  };

  const trust = () => ({ v: 1, root: hub.root.certificate, statement: hub.signer().statement }) as const;
  const refused = (
    code: "ENROL_REFUSED" | Extract<Admission, { type: "refuse" }>["code"],
    message: string,
  ): EnrolAnswer => ({
    ...trust(),
    state: "refused",
    code,
    message,
  });

  const answerTo = async (asked: Judged, address: string | null): Promise<EnrolAnswer> => {
    const { agent } = asked.message.content;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const known = await store.identity(agent);
      const decided = await decide(asked, known, address);
      if (decided.type === "refuse") {
        const { code, reason, mayKnow } = decided;
        refusals.note(
          "enrolment",
          address === null ? agent : originOf(address),
          `refused: an enrolment: ${reason}`,
          {
            agent,
            code,
            address,
          },
        );
        return mayKnow ? refused(code, reason) : refused("ENROL_REFUSED", "the hub's log says why");
      }
      const identity = await carryOut(decided, asked, known, address);
      if (identity === null) continue;
      if (identity.state !== "active" || identity.certificate === null) {
        if (identity !== known)
          log.warn("a host waits to be approved", { agent, address, see: "petrel agent pending" });
        return { ...trust(), state: "pending" };
      }
      await options.enrolled(identity);
      if (identity.enrolled_at !== known?.enrolled_at)
        log.info("an agent was enrolled", { agent, address, by: identity.token });
      const certificate = identity.certificate.pem + issuerOf(identity.certificate.pem, hub.cas());
      return { ...trust(), state: "enrolled", agent, certificate };
    }
    throw new PetrelError(
      "STORE_WRITE",
      `the identity of ${agent} changed ${attempts} times under its writer`,
    );
  };

  return async (nonce: string, bytes: Uint8Array, address: string | null): Promise<Uint8Array | null> => {
    const message = readAsk(nonce, bytes);
    if (message === null) {
      refusals.note(
        "enrolment",
        address === null ? "unknown" : originOf(address),
        "refused: what is no enrolment",
        { address },
      );
      return null;
    }
    try {
      const asked = await judged(message);
      return sealEnrol("answer", nonce, await answerTo(asked, address), asked.prover);
    } catch (error) {
      // Nothing was promised: the host asks again.
      log.error("an enrolment could not be answered", { agent: message.content.agent, address, error });
      return null;
    }
  };
}

/** The certificate of this one's issuer. */
export function issuerOf(certificate: string, cas: readonly string[]): string {
  const [leaf] = certificatesIn(certificate) ?? [];
  const found = cas.find((ca) => {
    const [issuer] = certificatesIn(ca) ?? [];
    const key = issuer === undefined ? null : ed25519Of(issuer);
    return (
      leaf !== undefined &&
      issuer !== undefined &&
      key !== null &&
      leaf.checkIssued(issuer) &&
      leaf.verify(key)
    );
  });
  return found ?? "";
}

/** With a new certificate; the same when the one it has is young, and of a CA that still counts. */
export function renewedIdentity(
  identity: AgentIdentity,
  hub: Pick<HubIdentity, "certify" | "cas">,
  nowMs: number,
): AgentIdentity {
  const { certificate } = identity;
  const key = publicKey(identity.key);
  if (key === null) return identity;
  if (certificate !== null) {
    const [issued, ends] = [Date.parse(certificate.issued_at), Date.parse(certificate.not_after)];
    const isYoung = nowMs < issued + (ends - issued) / 4;
    if (isYoung && issuerOf(certificate.pem, hub.cas().slice(0, 1)) !== "") return identity;
  }
  return { ...identity, certificate: hub.certify(identity.agent, key), rev: identity.rev + 1 };
}
