/** Who may connect, publish and subscribe where on the embedded broker. */
import { isAgentId } from "../../shared/ref.ts";
import {
  type AgentTopic,
  agentFilter,
  agentTopic,
  mayPublish,
  parseTopic,
} from "../../shared/wire/topics.ts";

/** A connected client. An observer reads along in dev mode and says nothing. */
export interface Peer {
  readonly role: "agent" | "observer";
  readonly id: string;
}

/** What a client was refused for: a stable word in logs and counts. */
export type Refusal =
  | "client_id"
  | "user_name"
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

/** MQTT 3.1.1 §3.2.2.3. */
export type ConnackCode = 2 | 4 | 5;

export interface ConnectRequest {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly clean: boolean;
  /** Topic of the last will. */
  readonly will: string | undefined;
}

export interface Ground {
  readonly prefix: string;
  readonly dev: boolean;
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
    "user_name",
    4,
    "the user name is not the client id",
    ({ clientId, username }, { dev }) => username === clientId || (dev && username === undefined),
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

function isObserver(clientId: string, dev: boolean): boolean {
  return dev && observerId.test(clientId);
}

/** Client id, user name and topic id must agree; in dev mode a missing user name agrees with any id. */
export function admit(request: ConnectRequest, ground: Ground): Peer | (Refused & { code: ConnackCode }) {
  for (const [refusal, code, message, fits] of connectRows) {
    if (!fits(request, ground)) return { refusal, code, message };
  }
  const { clientId } = request;
  return { role: isObserver(clientId, ground.dev) ? "observer" : "agent", id: clientId };
}

/** An agent publishes under its own id, on the topics of its side, with QoS 0 or 1. */
export function judgePublish(peer: Peer, topic: string, qos: number, prefix: string): AgentTopic | Refused {
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
  const fits =
    peer.role === "observer"
      ? filter.startsWith(`${prefix}/`)
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
