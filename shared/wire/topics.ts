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

/** A filter: `+` for any agent or any kind, `#` for all below an agent. */
export function agentFilter(prefix: string, agent: string, kind: TopicKind | "+" | "#"): string {
  return `${prefix}/v1/agent/${agent}/${kind}`;
}

/** `null` for anything that is not exactly one of our topics. */
export function parseTopic(prefix: string, topic: string): AgentTopic | null {
  const head = `${prefix}/v1/agent/`;
  if (!topic.startsWith(head)) return null;
  const parts = topic.slice(head.length).split("/");
  const [agent, kind] = parts;
  if (parts.length !== 2 || agent === undefined || kind === undefined) return null;
  if (!isAgentId(agent) || !Object.hasOwn(publishers, kind)) return null;
  return { agent, kind: kind as TopicKind };
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
