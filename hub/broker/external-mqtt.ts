/** The hub as a client of an external broker. */
import type { Clock } from "../../shared/clock.ts";
import { formatListen } from "../../shared/config/listen.ts";
import type { Logger } from "../../shared/log.ts";
import { parseBrokerUrl } from "../../shared/mqtt/broker-url.ts";
import { BrokerConnection, type ConnectionLimits } from "../../shared/mqtt/connection-mqtt.ts";
import { isEcho } from "../../shared/mqtt/echo.ts";
import { type TlsClient, tlsStream } from "../../shared/mqtt/tls-mqtt.ts";
import type { Timers } from "../../shared/timers.ts";
import { maxBrokerBytes, type TopicKind } from "../../shared/wire/messages.ts";
import {
  agentFilter,
  agentTopic,
  enrolFilter,
  enrolTopic,
  mayPublish,
  parseEnrolAsk,
  parseTopic,
  subscribedKinds,
} from "../../shared/wire/topics.ts";
import { Bucket } from "../access/bucket.ts";
import { presenceState } from "./presence.ts";
import { Refusals } from "./refusals.ts";
import type { HubTransport, TransportEvents } from "./transport.ts";

export interface ExternalBrokerOptions extends TransportEvents {
  /** `mqtt://[USER[:PASSWORD]@]HOST:PORT` */
  readonly url: string;
  readonly prefix: string;
  /**
   * This hub's name, the same after a restart: the broker then closes what is left of the last one. The MQTT client
   * id is `hub:NAME`, which no agent can have.
   */
  readonly name: string;
  /** Which agents this hub serves; all when not given. */
  readonly owns?: (agent: string) => boolean;
  readonly logger: Logger;
  readonly clock: Pick<Clock, "monotonic">;
  readonly timers: Timers;
  /** Evenly spread in [0, 1). */
  readonly jitter: () => number;
  readonly limits?: Partial<ConnectionLimits>;
  /** For `mqtts://`. */
  readonly tls?: TlsClient;
  /** The hub's, which counts them; one of its own when not given. */
  readonly refusals?: Refusals;
}

export interface ExternalBroker extends HubTransport {
  /** Whether the broker is reached now. */
  readonly reached: () => boolean;
}

/** One connection carries the whole fleet's traffic. */
const hubLimits = { unacknowledged: 20_000, unacknowledgedBytes: 32 * 1024 * 1024 };

/** Heard from every agent, to learn of it; the rest is subscribed to agent by agent. */
const discovery: readonly TopicKind[] = ["presence", "hello"];
const perAgent = subscribedKinds("hub").filter((kind) => !discovery.includes(kind));

/** Asks for an identity. */
const asks = { burst: 100, everyMs: 50 };

/** Messages kept while an agent's topics are being subscribed to: a presence and a hello, and one more of each. */
const mostHeld = 4;

type AgentState = {
  connected: boolean;
  held: { kind: TopicKind; bytes: Uint8Array }[] | null;
  /** It was said to be gone, and is being asked. */
  doubt: object | null;
};

/**
 * Returns at once and goes on trying to reach the broker. Subscribes for each agent it owns, never with `$share`:
 * what a dead member of a group was given is lost to the group. Messages are acknowledged when they arrive; what
 * counts is the ledgers' receipt. Throws CONFIG_INVALID, LINK_INSECURE.
 */
export function connectExternal(options: ExternalBrokerOptions): ExternalBroker {
  const { prefix, logger, owns = () => true } = options;
  const { tls } = options;
  const address = parseBrokerUrl(options.url, { enrolled: tls !== undefined });
  const { refusals = new Refusals(options) } = options;
  const agents = new Map<string, AgentState>();

  const deliver = (agent: string, kind: TopicKind, bytes: Uint8Array) => {
    const failed = (error: unknown) =>
      refusals.note("ingest_failed", agent, "a message could not be taken in", { kind, error });
    try {
      options.onMessage(agent, kind, bytes)?.catch(failed);
    } catch (error) {
      failed(error);
    }
  };
  const connect = (agent: string, state: AgentState) => {
    if (state.connected) return;
    state.connected = true;
    options.onConnect(agent, { address: null });
  };
  const disconnect = (agent: string, state: AgentState) => {
    if (!state.connected) return;
    state.connected = false;
    state.doubt = null;
    options.onDisconnect(agent);
  };

  /** The agent's own topics first: an answer to its hello would make it send what nobody hears yet. */
  const meet = (agent: string, kind: TopicKind, bytes: Uint8Array) => {
    const state: AgentState = { connected: false, held: [{ kind, bytes }], doubt: null };
    agents.set(agent, state);
    const filters = perAgent.map((each) => agentTopic(prefix, agent, each));
    connection.subscribe(filters).then(
      () => {
        if (agents.get(agent) !== state) return;
        const held = state.held ?? [];
        state.held = null;
        for (const message of held) take(agent, state, message.kind, message.bytes);
      },
      (error: unknown) => {
        // Met again at its next hello.
        if (agents.get(agent) === state) agents.delete(agent);
        refusals.note("subscription", agent, "the broker grants no subscription for this agent", { error });
      },
    );
  };

  const take = (agent: string, state: AgentState, kind: TopicKind, bytes: Uint8Array) => {
    const presence = kind === "presence" ? presenceState(bytes) : null;
    if (kind === "hello" || presence === "online") {
      // It comes anew before the question was answered: it had gone.
      if (state.doubt !== null) disconnect(agent, state);
      connect(agent, state);
    } else if (kind !== "presence") {
      // Who speaks is there, whatever was said of it.
      connect(agent, state);
    }
    deliver(agent, kind, bytes);
    if (presence === "offline") void leave(agent, state);
  };

  /** Anybody whom the broker lets may say so, also with what was true once: one that answers has not gone. */
  const leave = async (agent: string, state: AgentState): Promise<void> => {
    const { isAlive } = options;
    if (!state.connected || isAlive === undefined) return disconnect(agent, state);
    if (state.doubt !== null) return;
    const doubt = {};
    state.doubt = doubt;
    const answers = await isAlive(agent);
    if (state.doubt !== doubt) return;
    state.doubt = null;
    if (!answers) disconnect(agent, state);
    else refusals.note("presence", agent, "refused: the agent is said to be gone, and answers");
  };

  /** All that strangers may cost, since nobody counts them before they come here. */
  const asked = new Bucket(asks, options.clock.monotonic());
  const enrol = async (nonce: string, bytes: Uint8Array): Promise<void> => {
    if (!asked.take(options.clock.monotonic()))
      return refusals.note("enrolments", "all", "refused: more hosts enrol at once than may");
    const answer = await options.onEnrol?.(nonce, bytes, null);
    if (answer) connection.publish(enrolTopic(prefix, nonce, "answer"), answer);
  };

  const forgetAll = () => {
    const known = [...agents];
    agents.clear();
    for (const [agent, state] of known) disconnect(agent, state);
  };

  const connection = new BrokerConnection({
    ...options,
    address,
    clientId: `hub:${options.name}`,
    username: address.username,
    password: address.password,
    limits: { ...hubLimits, ...options.limits },
    ...(tls !== undefined && address.tls && { stream: () => tlsStream(address, tls) }),
    onOpen: () => {
      forgetAll();
      const enrolments = options.onEnrol === undefined ? [] : [enrolFilter(prefix)];
      return connection.subscribe([
        ...discovery.map((kind) => agentFilter(prefix, "+", kind)),
        ...enrolments,
      ]);
    },
    onOpened: () => logger.info("connected to the external broker", { broker: formatListen(address) }),
    onClose: forgetAll,
    onMessage: (topic, bytes) => {
      const nonce = parseEnrolAsk(prefix, topic);
      if (nonce !== null) return void enrol(nonce, bytes);
      const parsed = parseTopic(prefix, topic);
      if (parsed === null || !mayPublish("agent", parsed.kind)) return;
      const { agent, kind } = parsed;
      if (!owns(agent) || isEcho("hub", kind, bytes)) return;
      const state = agents.get(agent);
      if (state === undefined) {
        const away = kind === "presence" && presenceState(bytes) !== "online";
        return away ? deliver(agent, kind, bytes) : meet(agent, kind, bytes);
      }
      if (state.held === null) return take(agent, state, kind, bytes);
      if (state.held.length < mostHeld) state.held.push({ kind, bytes });
    },
  });

  return {
    reached: () => connection.open,
    transport: (agent) => ({
      send(kind, bytes) {
        if (bytes.length <= maxBrokerBytes) connection.publish(agentTopic(prefix, agent, kind), bytes);
      },
    }),
    connected: (agent) => agents.get(agent)?.connected === true,
    disconnect(agent) {
      const state = agents.get(agent);
      agents.delete(agent);
      if (state !== undefined) disconnect(agent, state);
      // Nobody is to find there what is no agent any more.
      connection.publish(agentTopic(prefix, agent, "presence"), new Uint8Array(0), { retain: true });
    },
    stats: () => {
      const { received, sent, dropped } = connection.stats;
      const connected = [...agents.values()].filter((state) => state.connected).length;
      return { agents: connected, received, sent, dropped, takeovers: 0, refused: refusals.counts };
    },
    stop: () => connection.stop(),
  };
}
