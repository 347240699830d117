/** Who may connect, publish and subscribe where on the embedded broker. */
import { isAgentId } from "../../shared/ref.ts";
import {
  type AgentTopic,
  agentFilter,
  agentTopic,
  enrolTopic,
  mayPublish,
  parseEnrolAsk,
  parseEnrolClientId,
  parseTopic,
} from "../../shared/wire/topics.ts";

/**
 * A connected client. An observer reads along in dev mode and says nothing; who enrols may ask for an identity, and
 * nothing else.
 */
export interface Peer {
  readonly role: "agent" | "observer" | "enrolling";
  readonly id: string;
}

/** What a client was refused for: a stable word in logs and counts. */
export type Refusal =
  | "client_id"
  | "user_name"
  | "unknown_identity"
  | "other_key"
  | "enrolments"
  | "persistent_session"
  | "will"
  | "forged_topic"
  | "foreign_topic"
  | "wrong_side"
  | "silent_observer"
  | "qos2"
  | "shared_subscription"
  | "foreign_subscription";

export interface Refused {
  readonly refusal: Refusal;
  readonly message: string;
}

/** MQTT 3.1.1 §3.2.2.3; 4: this id is known with another key, 5: it is not known. */
export type ConnackCode = 2 | 3 | 4 | 5;

export interface ConnectRequest {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly clean: boolean;
  /** Topic of the last will. */
  readonly will: string | undefined;
  /** Of the certificate that it has shown, and has the key of; `null` when it has shown none. */
  readonly certificate: ShownCertificate | null;
}

export interface ShownCertificate {
  /** Common name. */
  readonly name: string | null;
  /** Public key: Ed25519, base64url; `null` for any other kind. */
  readonly key: string | null;
}

export interface Ground {
  readonly prefix: string;
  readonly dev: boolean;
  /** Who is enrolled; `null`: nobody, and nobody need be. */
  readonly identities: KnownIdentities | null;
  /** Whether one more client may enrol at the same time. */
  readonly hasRoom: boolean;
}

export interface KnownIdentities {
  /** `key`: of the certificate; `null` when it shows none. */
  judge(agent: string, key: string | null): "known" | "other_key" | "unknown";
}

const observerId = /^observer-[A-Za-z0-9._-]{1,54}$/;

type ConnectRow = readonly [
  refusal: Refusal,
  code: ConnackCode,
  message: string,
  fits: (request: ConnectRequest, ground: Ground) => boolean,
];

/** All must fit; the first that does not is the answer. */
const connectRows: readonly ConnectRow[] = [
  [
    "client_id",
    2,
    "the client id is no agent id: 1 to 63 of a-z 0-9 . _ -",
    ({ clientId }, { dev }) => isAgentId(clientId) || (dev && observerId.test(clientId)),
  ],
  [
    "enrolments",
    3,
    "as many hosts enrol at the same time as may; try again",
    (request, { identities, hasRoom }) => hasRoom || !isEnrolling(request, identities),
  ],
  [
    "other_key",
    4,
    "this agent id is enrolled with another key, or the certificate is of another id",
    ({ clientId, certificate }, { identities }) =>
      identities === null ||
      certificate === null ||
      (certificate.name === clientId && identities.judge(clientId, certificate.key) !== "other_key"),
  ],
  [
    "unknown_identity",
    5,
    "no agent of this id is enrolled",
    (request, { identities }) =>
      identities === null ||
      isEnrolling(request, identities) ||
      identities.judge(request.clientId, request.certificate?.key ?? null) === "known",
  ],
  [
    "user_name",
    4,
    "the user name is not the client id",
    // Who has no identity yet is nobody to an external broker either: there it needs no name.
    (request, { dev, identities }) =>
      request.username === request.clientId ||
      ((dev || isEnrolling(request, identities)) && request.username === undefined),
  ],
  [
    "persistent_session",
    5,
    "sessions are clean here: what must not be lost is kept in the ledgers, never in the broker",
    ({ clean }) => clean,
  ],
  [
    "will",
    5,
    "a last will may only be the agent's own presence",
    ({ clientId, will }, { prefix, dev }) =>
      will === undefined || (!isObserver(clientId, dev) && will === agentTopic(prefix, clientId, "presence")),
  ],
];

/** A host without an identity, on a broker where others have one. */
function isEnrolling({ clientId, certificate }: ConnectRequest, identities: KnownIdentities | null): boolean {
  return identities !== null && certificate === null && parseEnrolClientId(clientId) !== null;
}

function isObserver(clientId: string, dev: boolean): boolean {
  return dev && observerId.test(clientId);
}

/** Client id, user name and topic id must agree; in dev mode a missing user name agrees with any id. */
export function admit(request: ConnectRequest, ground: Ground): Peer | (Refused & { code: ConnackCode }) {
  for (const [refusal, code, message, fits] of connectRows) {
    if (!fits(request, ground)) return { refusal, code, message };
  }
  const { clientId } = request;
  if (isEnrolling(request, ground.identities)) return { role: "enrolling", id: clientId };
  return { role: isObserver(clientId, ground.dev) ? "observer" : "agent", id: clientId };
}

/** What a client may publish: an agent's message, or (`enrol`: its nonce) an ask for an identity. */
export type Published = AgentTopic | { readonly enrol: string };

/** An agent publishes under its own id, on the topics of its side, with QoS 0 or 1; who enrols asks under its nonce. */
export function judgePublish(peer: Peer, topic: string, qos: number, prefix: string): Published | Refused {
  if (peer.role === "enrolling") {
    const nonce = parseEnrolAsk(prefix, topic);
    if (nonce !== null && nonce === parseEnrolClientId(peer.id) && qos <= 1) return { enrol: nonce };
    return { refusal: "foreign_topic", message: "who enrols may only ask, under its own nonce" };
  }
  if (peer.role === "observer") return { refusal: "silent_observer", message: "an observer only reads" };
  const parsed = parseTopic(prefix, topic);
  if (parsed === null) return { refusal: "foreign_topic", message: "no topic of Petrel's" };
  if (parsed.agent !== peer.id) return { refusal: "forged_topic", message: "the topic of another agent" };
  if (!mayPublish("agent", parsed.kind))
    return { refusal: "wrong_side", message: "only the hub speaks here" };
  if (qos > 1) return { refusal: "qos2", message: "QoS 2 adds nothing to the ledgers; use QoS 1" };
  return parsed;
}

/** An agent hears what is under its own id; an observer all that is under the prefix; nobody shares. */
export function judgeSubscribe(peer: Peer, filter: string, prefix: string): Refused | null {
  if (filter.startsWith("$share/")) {
    return {
      refusal: "shared_subscription",
      message: "shared subscriptions are not available: this broker would grant them and never deliver",
    };
  }
  const nonce = peer.role === "enrolling" ? parseEnrolClientId(peer.id) : null;
  const fits =
    peer.role === "observer"
      ? filter.startsWith(`${prefix}/`)
      : nonce !== null
        ? filter === enrolTopic(prefix, nonce, "answer")
        : filter === agentFilter(prefix, peer.id, "+") ||
          filter === agentFilter(prefix, peer.id, "#") ||
          parseTopic(prefix, filter)?.agent === peer.id;
  return fits ? null : { refusal: "foreign_subscription", message: "not a topic of this client's" };
}

/** MQTT 3.1.1 §4.7; for topics that do not begin with `$`. */
export function filterMatches(filter: string, topic: string): boolean {
  const wanted = filter.split("/");
  const given = topic.split("/");
  for (const [i, level] of wanted.entries()) {
    if (level === "#") return true;
    if (i >= given.length || (level !== "+" && level !== given[i])) return false;
  }
  return wanted.length === given.length;
}
