/** The embedded broker: aedes with every hook set and none of its unsafe defaults. */
import type { EventEmitter } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { Aedes, type AuthenticateError, type Client } from "aedes";
import type { Clock } from "../../shared/clock.ts";
import { formatListen, isLoopback, type ListenAddress } from "../../shared/config/listen.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import { maxBrokerBytes, type TopicKind } from "../../shared/wire/messages.ts";
import { agentTopic } from "../../shared/wire/topics.ts";
import {
  admit,
  type ConnackCode,
  filterMatches,
  judgePublish,
  judgeSubscribe,
  type Peer,
} from "./authorize.ts";
import { ReadGuard } from "./read-guard-mqtt.ts";
import { Refusals } from "./refusals.ts";
import type { HubTransport, TransportEvents } from "./transport.ts";

export interface BrokerLimits {
  /** A client must have said CONNECT by then. */
  readonly connectTimeoutMs: number;
  /** A client whose full socket has not drained by then is closed. */
  readonly drainTimeoutMs: number;
  /** Seconds; also for clients that ask for more, or for none. */
  readonly keepalive: number;
  readonly connections: number;
  /** Of one client, handed to ingest and not settled; beyond, its socket is left unread. */
  readonly pendingBytes: number;
  /** Of one client, sent and not yet in its socket; beyond, what is sent to it is dropped. */
  readonly unsentBytes: number;
  /** A larger presence is delivered but not retained. */
  readonly retainedBytes: number;
}

export const defaultBrokerLimits: BrokerLimits = {
  connectTimeoutMs: 10_000,
  drainTimeoutMs: 15_000,
  keepalive: 300,
  connections: 20_000,
  pendingBytes: 512 * 1024,
  unsentBytes: 1024 * 1024,
  retainedBytes: 4 * 1024,
};

export interface BrokerOptions extends TransportEvents {
  readonly listen: ListenAddress;
  /** First levels of every topic: `petrel`. */
  readonly prefix: string;
  /** Accepts a missing user name, and clients `observer-…` that may read everything. */
  readonly dev: boolean;
  readonly logger: Logger;
  readonly clock: Pick<Clock, "monotonic">;
  readonly limits?: Partial<BrokerLimits>;
}

export interface EmbeddedBroker extends HubTransport {
  /** Where it listens, with the port that was found when 0 was asked for. */
  readonly address: ListenAddress;
}

/** One TCP connection, and who it proved to be. */
interface Connection {
  readonly socket: Socket;
  readonly guard: ReadGuard;
  readonly address: string;
  /** Why its CONNECT is refused; aedes lets only the later hook answer with a code. */
  refused: { readonly code: ConnackCode; readonly message: string } | null;
  peer: Peer | null;
  /** Filters, of observers only: agents are sent to without regard to their subscriptions. */
  readonly filters: Set<string>;
  unsentBytes: number;
}

/** Node waits for as many connections to be accepted; its own default of 511 loses a fleet that returns at once. */
const backlog = 4_096;

/**
 * Starts listening. Throws HUB_INSECURE_LISTEN for an address off loopback, HUB_PORT_IN_USE.
 *
 * aedes carries nothing between clients here. What agents publish goes to `onMessage` in `authorizePublish`, the
 * only hook before the PUBACK; what they are sent goes by `client.publish` straight to their socket, QoS 1 only.
 * So the ways in which its own distribution loses messages or stalls (one counter over all QoS levels, slots held
 * by a client that does not read) are never entered.
 */
export async function startBroker(options: BrokerOptions): Promise<EmbeddedBroker> {
  const { prefix, dev, logger, listen } = options;
  const limits: BrokerLimits = { ...defaultBrokerLimits, ...options.limits };
  if (!isLoopback(listen.host)) {
    throw new PetrelError("HUB_INSECURE_LISTEN", `${listen.host} can be reached from other machines`, {
      where: formatListen(listen),
      hint: "listen on 127.0.0.1 until enrolment is available",
    });
  }
  const refusals = new Refusals(options);
  /** A client's last will is judged after its socket is gone: weak, so that it is known as long as aedes knows it. */
  const connections = new WeakMap<Client, Connection>();
  const sockets = new Set<Socket>();
  /** By id. Kept here, not read from aedes: it forgets a newcomer when its predecessor is slow to close. */
  const sessions = new Map<string, { readonly connection: Connection; readonly client: Client }>();
  const observers = new Map<Connection, Client>();
  const counts = { received: 0, sent: 0, dropped: 0, takeovers: 0 };
  let stopping = false;

  const refuse = (connection: Connection, reason: string, message: string, where?: string) =>
    refusals.note(reason, connection.peer?.id ?? connection.address, message, { where });

  /** Straight into the client's socket, or not at all. */
  const write = (connection: Connection, client: Client, topic: string, bytes: Uint8Array, qos: 0 | 1) => {
    if (bytes.length > maxBrokerBytes || connection.unsentBytes >= limits.unsentBytes) return false;
    connection.unsentBytes += bytes.length;
    const payload = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    client.publish({ cmd: "publish", topic, payload, qos, retain: false, dup: false }, () => {
      connection.unsentBytes -= bytes.length;
    });
    return true;
  };

  const show = (topic: string, bytes: Uint8Array) => {
    for (const [connection, client] of observers) {
      for (const filter of connection.filters) {
        if (!filterMatches(filter, topic)) continue;
        write(connection, client, topic, bytes, 0);
        break;
      }
    }
  };

  const ingest = (agent: string, kind: TopicKind, bytes: Uint8Array): Promise<void> | void => {
    const failed = (error: unknown) => {
      refusals.note("ingest_failed", agent, "a message could not be taken in", { kind, error });
    };
    try {
      return options.onMessage(agent, kind, bytes)?.catch(failed);
    } catch (error) {
      return failed(error);
    }
  };

  const aedes = await Aedes.createBroker({
    // Not limited: a limit counts for all clients together, so one that does not read would stop the others.
    concurrency: 0,
    connectTimeout: limits.connectTimeoutMs,
    drainTimeout: limits.drainTimeoutMs,
    maxInflightInbound: 1,
    maxTopicLevels: prefix.split("/").length + 4,

    preConnect(client, packet, done) {
      const connection = connections.get(client);
      if (connection === undefined || stopping) return done(null, false);
      const { clientId, username, clean, will } = packet;
      const answer = admit({ clientId, username, clean: clean === true, will: will?.topic }, { prefix, dev });
      if ("refusal" in answer) {
        connection.refused = answer;
        refuse(connection, answer.refusal, answer.message, clientId.slice(0, 64));
      } else {
        connection.peer = answer;
      }
      // Otherwise a client that vanished without a word would be held for ever.
      packet.keepalive = Math.min(packet.keepalive || limits.keepalive, limits.keepalive);
      done(null, true);
    },

    authenticate(client, _username, _password, done) {
      const connection = connections.get(client);
      if (connection?.peer === undefined || connection.peer === null) {
        const { code, message } = connection?.refused ?? { code: 5, message: "not authorized" };
        const error: AuthenticateError = Object.assign(new Error(message), { returnCode: code });
        return done(error, false);
      }
      const old = sessions.get(connection.peer.id)?.connection;
      if (old !== undefined) {
        counts.takeovers += 1;
        logger.warn("a second session took over", {
          agent: connection.peer.id,
          old: old.address,
          new: connection.address,
        });
        options.onTakeover?.(connection.peer.id, old.address, connection.address);
      }
      done(null, true);
    },

    authorizePublish(client, packet, done) {
      const connection = client === null ? undefined : connections.get(client);
      const peer = connection?.peer;
      if (!connection || !peer || stopping) return done(new Error("no session"));
      const verdict = judgePublish(peer, packet.topic, packet.qos, prefix);
      if ("refusal" in verdict) {
        refuse(connection, verdict.refusal, verdict.message, packet.topic.slice(0, 256));
        // MQTT 3.1.1 has no refusal for a message; an error closes the connection (§3.3.5).
        return done(new PetrelError("WIRE_TOPIC", verdict.message, { where: packet.topic }));
      }
      const bytes = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
      packet.retain &&= verdict.kind === "presence" && bytes.length <= limits.retainedBytes;
      counts.received += 1;
      show(packet.topic, bytes);
      const taken = ingest(verdict.agent, verdict.kind, bytes);
      if (taken === undefined) return done(null);
      connection.guard.taken(bytes.length);
      void taken.then(() => {
        connection.guard.settled(bytes.length);
        done(null);
      });
    },

    authorizeSubscribe(client, subscription, done) {
      const connection = connections.get(client);
      if (!connection?.peer) return done(new Error("no session"));
      const { topic } = subscription;
      const refused = judgeSubscribe(connection.peer, topic, prefix);
      if (refused === null) {
        if (connection.peer.role === "observer") connection.filters.add(topic);
        return done(null, subscription);
      }
      refuse(connection, refused.refusal, refused.message, topic.slice(0, 256));
      // Without a subscription aedes answers 0x80, "failure", for this filter alone.
      done(null, null);
    },

    // Only what the hub sends itself, and retained presence: whatever a client published carries its id.
    authorizeForward: (_client, packet) => ("clientId" in packet ? null : packet),
    published: (_packet, _client, done) => done(null),
  });

  const ended = (connection: Connection) => {
    observers.delete(connection);
    const id = connection.peer?.id;
    if (id === undefined || sessions.get(id)?.connection !== connection) return;
    sessions.delete(id);
    if (connection.peer?.role === "agent") options.onDisconnect(id);
  };

  aedes.on("clientReady", (client) => {
    const connection = connections.get(client);
    if (!connection?.peer || connection.socket.destroyed) return;
    const { id, role } = connection.peer;
    const old = sessions.get(id);
    if (old !== undefined) ended(old.connection);
    sessions.set(id, { connection, client });
    connection.guard.open();
    if (role === "observer") observers.set(connection, client);
    else options.onConnect(id, { address: connection.address });
  });
  aedes.on("unsubscribe", (filters, client) => {
    for (const filter of filters) connections.get(client)?.filters.delete(filter);
  });
  const broken = (client: Client, error: Error) => {
    const connection = connections.get(client);
    // A refusal of ours was noted where it was made.
    if (connection === undefined || error instanceof PetrelError || connection.refused !== null) return;
    logger.debug("a connection broke", { client: connection.peer?.id ?? connection.address, error });
  };
  aedes.on("clientError", broken);
  aedes.on("connectionError", broken);
  // Not in its types; without a listener an error inside aedes would end the process.
  (aedes as EventEmitter).on("error", (error) => logger.error("the embedded broker failed", { error }));

  const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
    const address = formatListen({ host: socket.remoteAddress ?? "unknown", port: socket.remotePort ?? 0 });
    const guard = new ReadGuard({
      socket,
      pendingBytes: limits.pendingBytes,
      onFault: (fault) => refuse(connection, fault, "not MQTT, or a packet too large"),
    });
    const connection: Connection = {
      socket,
      guard,
      address,
      refused: null,
      peer: null,
      filters: new Set(),
      unsentBytes: 0,
    };
    const client = aedes.handle(socket);
    connections.set(client, connection);
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      ended(connection);
    });
  });
  server.maxConnections = limits.connections;
  const address = await listening(server, listen).catch((error: unknown) => {
    aedes.close();
    throw error;
  });
  server.on("error", (error) => logger.error("the MQTT listener failed", { error }));

  return {
    address,
    transport: (agent) => ({
      send(kind, bytes) {
        const session = sessions.get(agent);
        const topic = agentTopic(prefix, agent, kind);
        if (session === undefined || !write(session.connection, session.client, topic, bytes, 1)) {
          counts.dropped += 1;
          return;
        }
        counts.sent += 1;
        show(topic, bytes);
      },
    }),
    connected: (agent) => sessions.get(agent)?.connection.peer?.role === "agent",
    stats: () => ({ ...counts, agents: sessions.size - observers.size, refused: refusals.counts }),
    async stop() {
      if (stopping) return;
      stopping = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      // Those that never got as far as a session.
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function listening(server: Server, { host, port }: ListenAddress): Promise<ListenAddress> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const where = formatListen({ host, port });
      reject(
        cause.code === "EADDRINUSE"
          ? new PetrelError("HUB_PORT_IN_USE", `another program listens on port ${port}`, {
              where,
              hint: "stop it, or choose another port with --mqtt PORT",
              cause,
            })
          : new PetrelError("CONFIG_INVALID", `cannot listen there: ${cause.message}`, {
              where,
              hint: "choose an address of this machine and a port of 1024 or more",
              cause,
            }),
      );
    });
    server.listen({ host, port, backlog }, () => {
      server.removeAllListeners("error");
      const bound = server.address();
      resolve({ host, port: typeof bound === "object" && bound !== null ? bound.port : port });
    });
  });
}
