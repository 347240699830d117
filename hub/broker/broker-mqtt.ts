/** The embedded broker: aedes with every hook set and none of its unsafe defaults. */
import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { Aedes, type AuthenticateError, type Client, type PublishPacket } from "aedes";
import "../../shared/mqtt/packets-mqtt.ts";
import type { Clock } from "../../shared/clock.ts";
import { isLoopback, type ListenAddress } from "../../shared/config/listen.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Timers } from "../../shared/timers.ts";
import type { TopicKind } from "../../shared/wire/messages.ts";
import { enrolTopic, topicsOf } from "../../shared/wire/topics.ts";
import { Door } from "../access/door.ts";
import { peerOf } from "../access/door-tcp.ts";
import { hostOf, originOf } from "../access/origin.ts";
import { admit, judgePublish, judgeSubscribe, type KnownIdentities } from "./authorize.ts";
import { type BrokerLimits, defaultBrokerLimits } from "./broker-limits.ts";
import { openPort, requireLoopback, type TlsSettings } from "./listen-mqtt.ts";
import { ReadGuard } from "./read-guard-mqtt.ts";
import { Refusals } from "./refusals.ts";
import { type Connection, Sessions } from "./sessions-mqtt.ts";
import { shownCertificate } from "./shown-certificate-mqtt.ts";
import type { HubTransport, TransportEvents } from "./transport.ts";

export interface BrokerOptions extends TransportEvents {
  readonly listen: ListenAddress;
  /** First levels of every topic: `petrel`. */
  readonly prefix: string;
  /** Accepts a missing user name, and clients `observer-…` that may read everything. */
  readonly dev: boolean;
  readonly logger: Logger;
  readonly clock: Pick<Clock, "monotonic">;
  /** TLS, and who is enrolled; without it: plain connections from this machine alone. */
  readonly secure?: SecureBroker | null;
  readonly limits?: Partial<BrokerLimits>;
  /** The hub's, which counts them; one of its own when not given. */
  readonly refusals?: Refusals;
  /** Hosts whose shares are not counted; default: this machine, where a proxy may stand for many. */
  readonly isExempt?: (host: string) => boolean;
}

export interface SecureBroker {
  readonly tls: TlsSettings;
  readonly identities: KnownIdentities;
  readonly timers: Timers;
}

/** Who enrols chooses a new id for each connection, and is known by its address as who has none. */
const clientOf = ({ peer, address }: Connection) =>
  peer === null || peer.role === "enrolling" ? originOf(address) : peer.id;

export interface EmbeddedBroker extends HubTransport {
  /** Where it listens, with the port that was found when 0 was asked for. */
  readonly address: ListenAddress;
  /** Shows this certificate to whoever connects from now on. */
  readonly show: (tls: TlsSettings) => void;
}

/** Its types know only the way in of two parameters. */
type Done = (error?: Error) => void;
type Distribute = (packet: PublishPacket, client: Client | Done | null, done?: Done) => void;

/**
 * Starts listening. Rejects with HUB_INSECURE_LISTEN for an address off loopback, HUB_PORT_IN_USE.
 *
 * aedes carries nothing between clients here. What agents publish goes to `onMessage` in `authorizePublish`, the
 * only hook before the PUBACK; what they are sent goes by `client.publish` straight to their socket.
 * So the ways in which its own distribution loses messages or stalls (one counter over all QoS levels, slots held
 * by a client that does not read) are never entered.
 */
export async function startBroker(options: BrokerOptions): Promise<EmbeddedBroker> {
  const { prefix, dev, logger, listen, secure = null } = options;
  if (secure === null) requireLoopback(listen);
  const limits: BrokerLimits = { ...defaultBrokerLimits, ...options.limits };
  const { refusals = new Refusals(options), isExempt = isLoopback } = options;
  const door = new Door({ perAddress: limits.strangersPerAddress, isExempt });
  const counts = { received: 0, sent: 0, dropped: 0, takeovers: 0 };
  let stopping = false;

  const sessions = new Sessions({
    unsentBytes: limits.unsentBytes,
    onBegin: ({ address }, { role, id }) => role === "agent" && options.onConnect(id, { address }),
    onEnd: (_connection, { role, id }) => role === "agent" && options.onDisconnect(id),
  });

  const refuse = (connection: Connection, reason: string, message: string, where: string) =>
    refusals.note(reason, clientOf(connection), `refused: ${message}`, {
      // What a client wrote must not reach a terminal as it is.
      where: where.slice(0, 256).replace(/\p{C}/gu, "?"),
    });

  const ingest = (agent: string, kind: TopicKind, bytes: Uint8Array): Promise<void> | void => {
    const failed = (error: unknown) =>
      refusals.note("ingest_failed", agent, "a message could not be taken in", { kind, error });
    try {
      return options.onMessage(agent, kind, bytes)?.catch(failed);
    } catch (error) {
      failed(error);
    }
  };

  /** Not awaited before the PUBACK: who asks listens for its answer. */
  const enrol = async (connection: Connection, nonce: string, bytes: Uint8Array): Promise<void> => {
    if (++connection.asks > limits.enrolAsks) return connection.socket.destroySoon();
    const answer = await options.onEnrol?.(nonce, bytes, connection.address);
    if (answer && connection.peer !== null)
      sessions.send(connection.peer.id, enrolTopic(prefix, nonce, "answer"), answer);
  };

  /** Without anybody to ask, the newer connection counts. */
  const mayTakeOver = async (id: string, old: Connection, newcomer: Connection): Promise<boolean> => {
    const asked = old.peer?.role === "agent" ? options.mayTakeOver : undefined;
    return (await asked?.(id, old.address, newcomer.address)) ?? true;
  };

  const aedes = await Aedes.createBroker({
    // Not limited: a limit counts for all clients together, so one that does not read would stop the others.
    concurrency: 0,
    connectTimeout: limits.connectTimeoutMs,
    drainTimeout: limits.drainTimeoutMs,
    maxInflightInbound: 1,
    // Ours, and two more, so that a shared subscription gets the answer that is meant for it.
    maxTopicLevels: prefix.split("/").length + 6,

    preConnect(client, packet, done) {
      const connection = sessions.of(client);
      if (connection === undefined || stopping) return done(null, false);
      const { clientId, username, clean, will } = packet;
      const answer = admit(
        {
          clientId,
          username,
          clean: clean === true,
          will: will?.topic,
          certificate: shownCertificate(connection.socket),
        },
        {
          prefix,
          dev,
          identities: secure?.identities ?? null,
          hasRoom:
            options.onEnrol !== undefined &&
            sessions.enrolling < limits.enrolments &&
            (isExempt(hostOf(connection.address)) ||
              sessions.enrollingFrom(originOf(connection.address)) < limits.enrolmentsPerAddress),
        },
      );
      if ("refusal" in answer) {
        connection.refused = answer;
        refuse(connection, answer.refusal, answer.message, clientId);
      } else {
        connection.peer = answer;
        if (answer.role === "enrolling") sessions.enrols(connection);
      }
      // Otherwise a client that vanished without a word would be held for ever.
      packet.keepalive = Math.min(packet.keepalive || limits.keepalive, limits.keepalive);
      done(null, true);
    },

    authenticate(client, _username, _password, done) {
      const connection = sessions.of(client);
      if (!connection?.peer) {
        const { code, message } = connection?.refused ?? { code: 5, message: "not authorized" };
        const error: AuthenticateError = Object.assign(new Error(message), { returnCode: code });
        return done(error, false);
      }
      const { id } = connection.peer;
      const old = sessions.get(id);
      if (old === undefined) return done(null, true);
      void mayTakeOver(id, old, connection).then((may) => {
        if (may && !connection.socket.destroyed && !stopping) {
          if (sessions.get(id) !== undefined) counts.takeovers += 1;
          return done(null, true);
        }
        const message = "another machine is connected under this id";
        if (!may) refuse(connection, "conflict", message, connection.address);
        done(Object.assign(new Error(message), { returnCode: 2 as const }), false);
      });
    },

    authorizePublish(client, packet, done) {
      const connection = sessions.of(client);
      if (!connection?.peer || stopping) return done(new Error("no session"));
      const verdict = judgePublish(connection.peer, packet.topic, packet.qos, prefix);
      if ("refusal" in verdict) {
        refuse(connection, verdict.refusal, verdict.message, packet.topic);
        // MQTT 3.1.1 has no refusal for a message; an error closes the connection (§3.3.5).
        return done(new PetrelError("WIRE_TOPIC", verdict.message, { where: packet.topic }));
      }
      const bytes = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
      if ("enrol" in verdict) {
        packet.retain = false;
        void enrol(connection, verdict.enrol, bytes);
        return done(null);
      }
      packet.retain &&= verdict.kind === "presence" && bytes.length <= limits.retainedBytes;
      counts.received += 1;
      sessions.show(packet.topic, bytes);
      const taken = ingest(verdict.agent, verdict.kind, bytes);
      if (taken === undefined) return done(null);
      connection.guard.taken(bytes.length);
      void taken.then(() => {
        connection.guard.settled(bytes.length);
        done(null);
      });
    },

    authorizeSubscribe(client, subscription, done) {
      const connection = sessions.of(client);
      if (!connection?.peer) return done(new Error("no session"));
      const { topic } = subscription;
      const refused = judgeSubscribe(connection.peer, topic, prefix);
      if (refused === null) {
        if (connection.peer.role === "observer") connection.filters.add(topic);
        return done(null, subscription);
      }
      refuse(connection, refused.refusal, refused.message, topic);
      // Without a subscription aedes answers 0x80, "failure", for this filter alone.
      done(null, null);
    },

    // Only what the hub sends itself, and retained presence: whatever a client published carries its id.
    authorizeForward: (_client, packet) => ("clientId" in packet ? null : packet),
    published: (_packet, _client, done) => done(null),
  });

  // Nobody but the hub takes what a client publishes, and the hub has taken it in `authorizePublish`: aedes would look for
  // subscribers, forward to none of them, and that for each message. Retained presence is for it to keep.
  const distribute = aedes.publish.bind(aedes) as Distribute;
  (aedes as { publish: Distribute }).publish = (packet, client, done) => {
    if (client instanceof Function || client === null || packet.retain) distribute(packet, client, done);
    else done?.();
  };

  aedes.on("clientReady", (client) => {
    const connection = sessions.of(client);
    if (connection === undefined) return;
    // It may have been removed while another machine under its id was asked.
    if (secure !== null && connection.peer?.role === "agent") {
      const shown = shownCertificate(connection.socket)?.key ?? null;
      if (secure.identities.judge(connection.peer.id, shown) !== "known")
        return void connection.socket.destroy();
    }
    sessions.begin(connection);
    // Hundreds of agents may come from behind one address: who has shown its key is no stranger.
    if (connection.peer?.role !== "enrolling") door.shown(connection.address);
    if (connection.peer?.role !== "enrolling" || secure === null) return;
    const cancel = secure.timers.after(limits.enrolMs, () => connection.socket.destroy());
    connection.socket.once("close", cancel);
  });
  aedes.on("unsubscribe", (filters, client) => {
    for (const filter of filters) sessions.of(client)?.filters.delete(filter);
  });
  const broken = (client: Client, error: Error) => {
    const connection = sessions.of(client);
    // A refusal of ours was noted where it was made.
    if (!connection || connection.refused !== null || error instanceof PetrelError) return;
    refusals.note("broken", clientOf(connection), "a connection broke", { error });
  };
  aedes.on("clientError", broken);
  aedes.on("connectionError", broken);
  // Not in its types; without a listener an error inside aedes would end the process.
  (aedes as EventEmitter).on("error", (error) => logger.error("the embedded broker failed", { error }));

  const accept = (socket: Socket) => {
    const address = peerOf(socket);
    const guard = new ReadGuard({
      socket,
      pendingBytes: limits.pendingBytes,
      onFault: (fault) => refuse(connection, fault, "not MQTT, or a packet too large", address),
    });
    const connection: Connection = {
      client: aedes.handle(socket),
      socket,
      guard,
      address,
      refused: null,
      peer: null,
      filters: new Set(),
      unsentBytes: 0,
      directBytes: 0,
      asks: 0,
    };
    sessions.connected(connection);
  };

  const { server, address, show } = await openPort({
    listen,
    tls: secure?.tls ?? null,
    connections: limits.connections,
    guard: {
      door,
      onRefused: (address, why) => {
        const reason = why === "share" ? "strangers" : "connections";
        const message = "refused: as many connections as may are open";
        refusals.note(reason, originOf(address), message, { of: why === "share" ? "its address" : "all" });
      },
    },
    onSocket: accept,
    onError: (error) => logger.error("the MQTT listener failed", { error }),
  }).catch((error: unknown) => {
    aedes.close();
    throw error;
  });

  return {
    address,
    show,
    transport: (agent) => {
      const topicOf = topicsOf(prefix, agent);
      return {
        send(kind, bytes) {
          const topic = topicOf(kind);
          if (!sessions.send(agent, topic, bytes)) {
            counts.dropped += 1;
            return;
          }
          counts.sent += 1;
          sessions.show(topic, bytes);
        },
      };
    },
    connected: (agent) => sessions.get(agent)?.peer?.role === "agent",
    disconnect: (agent) => sessions.close(agent),
    stats: () => ({ ...counts, agents: sessions.agents, refused: refusals.counts }),
    async stop() {
      if (stopping) return;
      stopping = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      sessions.endAll();
      await closed;
    },
  };
}
