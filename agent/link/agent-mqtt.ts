/** The agent's connection to its broker: its own topics, its presence, its last will. */
import type { Clock } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { LinkTransport } from "../../shared/link/ports.ts";
import type { Logger } from "../../shared/log.ts";
import { parseBrokerUrl } from "../../shared/mqtt/broker-url.ts";
import {
  BrokerConnection,
  type ConnectionLimits,
  type ConnectionStats,
} from "../../shared/mqtt/connection-mqtt.ts";
import { isEcho } from "../../shared/mqtt/echo.ts";
import { type TlsClient, tlsStream } from "../../shared/mqtt/tls-mqtt.ts";
import { isAgentId } from "../../shared/ref.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Presence, TopicKind } from "../../shared/wire/messages.ts";
import { agentTopic, subscribedKinds, topicKinds, topicsOf } from "../../shared/wire/topics.ts";

export interface AgentConnectionOptions {
  /** `mqtt://HOST:PORT`, or `mqtts://HOST:PORT` of an enrolled agent. */
  readonly url: string;
  /** Agent id; also MQTT client id and user name. */
  readonly id: string;
  readonly prefix: string;
  /** The encoded presence message of now: published on each connect, and left as the last will. */
  readonly presence: (state: Presence["state"]) => Uint8Array;
  readonly logger: Logger;
  readonly clock: Pick<Clock, "monotonic">;
  readonly timers: Timers;
  /** Evenly spread in [0, 1). */
  readonly jitter: () => number;
  readonly limits?: Partial<ConnectionLimits>;
  /** Of an enrolled agent; without it the connection is plain. */
  readonly identity?: ConnectionIdentity | null;
  /** Subscribed and announced: what the hub sends from now on arrives. Time for a hello. */
  readonly onConnect: (transport: LinkTransport) => void;
  readonly onDisconnect: () => void;
  /** Bytes from the hub, not yet decoded; acknowledged to the broker at once. */
  readonly onMessage: (kind: TopicKind, bytes: Uint8Array) => void;
}

/** Whom a connection speaks for; `tls` is asked for at each attempt, and told what came of it. */
export interface ConnectionIdentity {
  tls(): TlsClient;
  connected(): void;
  trouble(reason: unknown): void;
}

export interface AgentConnection {
  /** The same object across connections; what is sent while there is none is dropped. */
  readonly transport: LinkTransport;
  readonly connected: () => boolean;
  /** `ip:port` of this end; `null` while there is no connection. */
  readonly localAddress: () => string | null;
  readonly stats: () => ConnectionStats;
  /** Ends the present connection; the next one is made as after any loss. While there is none, it is tried soon. */
  readonly reconnect: () => void;
  /** Says that it goes, then closes; resolves when closed, after a second at most. */
  readonly stop: () => Promise<void>;
}

/**
 * Kept until the connection is open. A hub that is its own broker says hello as soon as it has let us in, before we
 * have subscribed; a hello lost here would cost a second at each connect.
 */
const maxEarly = 16;

/**
 * Connects, and goes on trying: back-off 1 to 60 s with jitter, one BROKER_UNREACHABLE in the log for each outage.
 * Throws AGENT_ID, CONFIG_INVALID, LINK_INSECURE before it touches the network.
 */
export function connectAgent(options: AgentConnectionOptions): AgentConnection {
  const { id, prefix, presence } = options;
  if (!isAgentId(id)) {
    throw new PetrelError("AGENT_ID", `'${id.slice(0, 80)}' cannot be an agent id`, {
      hint: "use 1 to 63 of a-z 0-9 . _ - and begin with a letter or digit",
    });
  }
  const { identity = null } = options;
  const address = parseBrokerUrl(options.url, { enrolled: identity !== null });
  const announce = (state: Presence["state"]) =>
    connection.publish(agentTopic(prefix, id, "presence"), presence(state), { retain: true });
  const topicOf = topicsOf(prefix, id);
  const kinds = new Map(topicKinds.map((kind) => [topicOf(kind), kind]));
  let qos: 0 | 1 = 1;
  const transport: LinkTransport = {
    send: (kind, bytes) => void connection.publish(topicOf(kind), bytes, { qos }),
    hasCompany: () => connection.hasCompany,
    endsAtPeer(isSo) {
      qos = isSo ? 0 : 1;
    },
  };
  let early: { readonly kind: TopicKind; readonly bytes: Uint8Array }[] = [];
  const connection: BrokerConnection = new BrokerConnection({
    ...options,
    address,
    clientId: id,
    username: id,
    ...(identity !== null && {
      ...(address.tls && { stream: () => tlsStream(address, identity.tls()) }),
      onTrouble: (reason) => identity.trouble(reason),
    }),
    will: () => ({ topic: agentTopic(prefix, id, "presence"), bytes: presence("offline") }),
    onOpen: async () => {
      early = [];
      await connection.subscribe(subscribedKinds("agent").map((kind) => agentTopic(prefix, id, kind)));
      announce("online");
    },
    onOpened: () => {
      identity?.connected();
      options.onConnect(transport);
      for (const { kind, bytes } of early.splice(0)) options.onMessage(kind, bytes);
    },
    onClose: options.onDisconnect,
    onMessage: (topic, bytes) => {
      // A broker that is not ours may send anything.
      const kind = kinds.get(topic);
      if (kind === undefined || isEcho("agent", kind, bytes)) return;
      if (connection.open) options.onMessage(kind, bytes);
      else if (early.length < maxEarly) early.push({ kind, bytes });
    },
  });
  return {
    transport,
    connected: () => connection.open,
    localAddress: () => connection.localAddress,
    stats: () => connection.stats,
    reconnect: () => connection.drop(),
    stop: () => connection.stop(() => announce("offline")),
  };
}
