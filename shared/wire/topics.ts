/** Builds and parses every MQTT topic; nobody else joins strings with slashes. */
import { isAgentId } from "../ref.ts";
import type { Side, TopicKind } from "./messages.ts";

/** Who publishes on each topic. */
const publishers: Record<TopicKind, Side | "both"> = {
  up: "agent",
  "up-receipt": "hub",
  down: "hub",
  "down-receipt": "agent",
  hello: "both",
  ask: "both",
  answer: "both",
  stream: "agent",
  presence: "agent",
};

export const topicKinds = Object.keys(publishers) as readonly TopicKind[];

export interface AgentTopic {
  readonly agent: string;
  readonly kind: TopicKind;
}

/** `petrel/v1/agent/web-1/up` */
export function agentTopic(prefix: string, agent: string, kind: TopicKind): string {
  return `${prefix}/v1/agent/${agent}/${kind}`;
}

/** As `agentTopic`, of one agent, each made once. */
export function topicsOf(prefix: string, agent: string): (kind: TopicKind) => string {
  const topics = new Map(topicKinds.map((kind) => [kind, agentTopic(prefix, agent, kind)]));
  return (kind) => topics.get(kind) ?? agentTopic(prefix, agent, kind);
}

/** A filter: `+` for any agent or any kind, `#` for all below an agent. */
export function agentFilter(prefix: string, agent: string, kind: TopicKind | "+" | "#"): string {
  return `${prefix}/v1/agent/${agent}/${kind}`;
}

/** `null` for anything that is not exactly one of our topics. */
export function parseTopic(prefix: string, topic: string): AgentTopic | null {
  const head = `${prefix}/v1/agent/`;
  if (!topic.startsWith(head)) return null;
  const slash = topic.indexOf("/", head.length);
  if (slash < 0) return null;
  const agent = topic.slice(head.length, slash);
  const kind = topic.slice(slash + 1);
  if (!isAgentId(agent) || !Object.hasOwn(publishers, kind)) return null;
  return { agent, kind: kind as TopicKind };
}

const enrolNonce = /^[0-9a-f]{32}$/;
const enrolClient = /^enroll-([0-9a-f]{32})$/;

/** Beside the link: where a host without an identity asks for one, and is answered. `nonce`: 32 hexadecimal digits. */
export function enrolTopic(prefix: string, nonce: string, way: "ask" | "answer"): string {
  return `${prefix}/v1/enroll/${nonce}/${way}`;
}

/** All that ask. */
export function enrolFilter(prefix: string): string {
  return `${prefix}/v1/enroll/+/ask`;
}

/** The nonce of an ask's topic; `null` for any other topic. */
export function parseEnrolAsk(prefix: string, topic: string): string | null {
  const head = `${prefix}/v1/enroll/`;
  if (!topic.startsWith(head) || !topic.endsWith("/ask")) return null;
  const nonce = topic.slice(head.length, -"/ask".length);
  return enrolNonce.test(nonce) ? nonce : null;
}

/** The MQTT client id of who asks. */
export function enrolClientId(nonce: string): string {
  return `enroll-${nonce}`;
}

/** Its nonce; `null` for any other client id. No agent may have such an id. */
export function parseEnrolClientId(clientId: string): string | null {
  return enrolClient.exec(clientId)?.[1] ?? null;
}

export function mayPublish(side: Side, kind: TopicKind): boolean {
  const who = publishers[kind];
  return who === "both" || who === side;
}

/** The topics a side listens to. */
export function subscribedKinds(side: Side): readonly TopicKind[] {
  const other: Side = side === "agent" ? "hub" : "agent";
  return topicKinds.filter((kind) => mayPublish(other, kind));
}
