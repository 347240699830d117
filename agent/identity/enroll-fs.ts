/** Makes a host an agent: a key that never leaves it, and what the hub answers to that. */
import { catalogue, type ErrorCode, PetrelError } from "../../shared/errors.ts";
import { requestPem } from "../../shared/identity/certificates.ts";
import { fingerprint, publicText } from "../../shared/identity/ed25519.ts";
import {
  type EnrolAsk,
  type HubProof,
  type ProvenAnswer,
  type Prover,
  type TokenText,
  tokenKey,
} from "../../shared/identity/enrolment.ts";
import { agentKey, readFleetFile, writeIdentity } from "./identity-fs.ts";

export interface EnrollOptions {
  readonly data: string;
  readonly agent: string;
  /** URL of the hub's broker, for good. */
  readonly hub: string;
  /** URL to enrol at. */
  readonly enroll: string;
  /** Without one, somebody has to approve this host. */
  readonly token: TokenText | null;
  /** `sha256:…` of the root key to expect; beside a token how it begins is enough. */
  readonly root: string;
  readonly host: string;
  readonly version: string;
  readonly askHub: (ask: EnrolAsk, prover: Prover, proof: HubProof) => Promise<ProvenAnswer>;
  /** Between two asks; rejects when nobody waits any more. */
  readonly pause: (attempt: number) => Promise<void>;
  /** For people: `pending` is told once, with the key's fingerprint. */
  readonly told: (
    news:
      | { readonly type: "pending"; readonly fingerprint: string }
      | { readonly type: "away"; readonly error: unknown },
  ) => void;
}

export interface Enrolled {
  readonly agent: string;
  readonly hub: string;
  /** Of its own key. */
  readonly fingerprint: string;
  /** It was enrolled before. */
  readonly wasThere: boolean;
}

/** Attempts of a host with a token, for which nobody has to do anything: then it says why. */
const attempts = 4;

/**
 * Enrols, or finishes what an earlier call began: the key is made once, and the same key gets the same answer. Rejects
 * with AGENT_EXISTS (the folder is another agent's), ENROL_TOKEN, ENROL_REFUSED, and what `askHub` rejects with. A host
 * without a token waits until somebody approves it.
 */
export async function enroll(options: EnrollOptions): Promise<Enrolled> {
  const { data, agent, hub, token, root } = options;
  const before = await readFleetFile(data);
  const key = await agentKey(data);
  const own = fingerprint(publicText(key));
  if (before !== null) {
    if (before.agent === agent && before.hub === hub) return { agent, hub, fingerprint: own, wasThere: true };
    throw new PetrelError(
      "AGENT_EXISTS",
      `this data folder is that of agent ${before.agent} at ${before.hub}`,
      {
        where: data,
        hint: "choose another folder with --data, or move its folder `identity` away first",
      },
    );
  }
  const ask: EnrolAsk = {
    v: 1,
    agent,
    key: publicText(key),
    csr: requestPem(agent, key),
    token: token?.id ?? null,
    renew: false,
    host: options.host,
    version: options.version,
  };
  const prover: Prover = token === null ? { by: "key", key } : { by: "token", key: tokenKey(token) };
  const proof: HubProof =
    token === null
      ? { by: "fingerprint", fingerprint: root }
      : { by: "token", key: tokenKey(token), fingerprint: root };
  let isTold = false;
  for (let attempt = 0; ; attempt++) {
    const proven = await options.askHub(ask, prover, proof).catch((error: unknown) => {
      const mayRetry =
        error instanceof PetrelError && (error.code === "BROKER_UNREACHABLE" || error.code === "ASK_TIMEOUT");
      if (!mayRetry || (!isTold && attempt + 1 >= attempts)) throw error;
      options.told({ type: "away", error });
      return null;
    });
    if (proven?.answer.state === "refused") {
      const { code, message } = proven.answer;
      throw new PetrelError(knownCode(code), `the hub refuses: ${message}`, { hint: hints.get(code) });
    }
    if (proven?.answer.state === "enrolled") {
      await writeIdentity(data, {
        fleet: {
          v: 1,
          agent,
          hub,
          enroll: options.enroll,
          root: publicText(proven.root),
          serial: proven.answer.statement.serial,
        },
        certificate: proven.answer.certificate,
        rootCertificate: proven.answer.root,
      });
      return { agent, hub, fingerprint: own, wasThere: false };
    }
    if (proven !== null && !isTold) {
      isTold = true;
      options.told({ type: "pending", fingerprint: own });
    }
    await options.pause(attempt);
  }
}

/** A newer hub may have codes that this agent does not know. */
function knownCode(code: string): ErrorCode {
  return Object.hasOwn(catalogue, code) ? (code as ErrorCode) : "ENROL_REFUSED";
}

const hints = new Map<string, string>([
  ["ENROL_TOKEN", "make another one on the hub: petrel agent token"],
  ["AGENT_EXISTS", "choose another id with --id, or remove the agent there first: petrel agent remove ID"],
  ["AGENT_REMOVED", "move this agent's folder `identity` away, and enrol again with a token"],
  ["ENROL_REFUSED", "the hub's log says why; see that the token is whole, and of this hub"],
]);
