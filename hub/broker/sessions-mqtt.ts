/** Who is connected to the embedded broker, and the way into each one's socket. */
import type { Socket } from "node:net";
import type { Client } from "aedes";
import { holdForCompany } from "../../shared/mqtt/company-mqtt.ts";
import { publishFrame } from "../../shared/mqtt/publish-frame.ts";
import { maxBrokerBytes } from "../../shared/wire/messages.ts";
import { originOf } from "../access/origin.ts";
import { type ConnackCode, filterMatches, type Peer } from "./authorize.ts";
import type { ReadGuard } from "./read-guard-mqtt.ts";

/** One TCP connection, and who it proved to be. */
export interface Connection {
  readonly client: Client;
  readonly socket: Socket;
  readonly guard: ReadGuard;
  /** `ip:port` */
  readonly address: string;
  /** Why its CONNECT is refused; aedes lets only the later of two hooks answer with a code. */
  refused: { readonly code: ConnackCode; readonly message: string } | null;
  peer: Peer | null;
  /** Filters of an observer; agents are sent to without regard to their subscriptions. */
  readonly filters: Set<string>;
  /** Given to aedes. */
  unsentBytes: number;
  /** Given straight to the socket, and perhaps still there. */
  directBytes: number;
  /** Asks for an identity so far. */
  asks: number;
}

export interface SessionEvents {
  /** See BrokerLimits. */
  readonly unsentBytes: number;
  readonly onBegin: (connection: Connection, peer: Peer) => void;
  readonly onEnd: (connection: Connection, peer: Peer) => void;
}

/**
 * The broker's own books. Not read from aedes, whose table of clients forgets a newcomer when its predecessor of
 * the same id is slow to close. For each id every begin is followed by one end before the next begin.
 */
export class Sessions {
  readonly #events: SessionEvents;
  /** A client's last will is judged after its socket is gone: known as long as aedes knows the client. */
  readonly #connections = new WeakMap<Client, Connection>();
  readonly #sockets = new Set<Socket>();
  readonly #byId = new Map<string, Connection>();
  readonly #observers = new Set<Connection>();
  /** From when they are let in until they are gone: those who come in one moment are all counted. */
  readonly #enrolling = new Set<Connection>();
  #agents = 0;

  constructor(events: SessionEvents) {
    this.#events = events;
  }

  get agents(): number {
    return this.#agents;
  }

  get enrolling(): number {
    return this.#enrolling.size;
  }

  /** Of those who enrol, how many come from this network. */
  enrollingFrom(origin: string): number {
    return [...this.#enrolling].filter(({ address }) => originOf(address) === origin).length;
  }

  /** It may enrol, once it is connected. */
  enrols(connection: Connection): void {
    if (!connection.socket.destroyed) this.#enrolling.add(connection);
  }

  of(client: Client | null): Connection | undefined {
    return client === null ? undefined : this.#connections.get(client);
  }

  /** The live session of this id, whatever its role. */
  get(id: string): Connection | undefined {
    return this.#byId.get(id);
  }

  connected(connection: Connection): void {
    this.#connections.set(connection.client, connection);
    this.#sockets.add(connection.socket);
    connection.socket.once("close", () => {
      this.#sockets.delete(connection.socket);
      this.#enrolling.delete(connection);
      this.#end(connection);
    });
  }

  /** The connection is authenticated and has its CONNACK. */
  begin(connection: Connection): void {
    const { peer } = connection;
    if (peer === null || connection.socket.destroyed) return;
    const old = this.#byId.get(peer.id);
    if (old !== undefined) this.#end(old);
    this.#byId.set(peer.id, connection);
    if (peer.role === "observer") this.#observers.add(connection);
    if (peer.role === "agent") this.#agents++;
    connection.guard.open();
    this.#events.onBegin(connection, peer);
  }

  #end(connection: Connection): void {
    const { peer } = connection;
    if (peer === null || this.#byId.get(peer.id) !== connection) return;
    this.#byId.delete(peer.id);
    this.#observers.delete(connection);
    if (peer.role === "agent") this.#agents--;
    this.#events.onEnd(connection, peer);
  }

  /**
   * Straight into the agent's socket, with QoS 0: nothing is between that could lose it, and the ledger's receipts say
   * more than a PUBACK would. False when it is not sent: the agent is away, does not read as
   * fast as it is sent to, or the message exceeds 1 MiB.
   */
  send(agent: string, topic: string, bytes: Uint8Array): boolean {
    const connection = this.#byId.get(agent);
    return connection !== undefined && this.#write(connection, topic, bytes);
  }

  /** A copy for every observer whose filters match. */
  show(topic: string, bytes: Uint8Array): void {
    for (const connection of this.#observers) {
      for (const filter of connection.filters) {
        if (!filterMatches(filter, topic)) continue;
        this.#write(connection, topic, bytes);
        break;
      }
    }
  }

  /** Ends the live session of this id, if there is one. */
  close(id: string): void {
    const connection = this.#byId.get(id);
    if (connection === undefined) return;
    this.#end(connection);
    connection.socket.destroy();
  }

  /** Also those that never got as far as a session. */
  endAll(): void {
    for (const connection of [...this.#byId.values()]) this.#end(connection);
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Always the one QoS: aedes drops the earlier of two messages to a client when their QoS differ. */
  #write(connection: Connection, topic: string, bytes: Uint8Array): boolean {
    const { client, socket } = connection;
    connection.directBytes = Math.min(connection.directBytes, socket.writableLength);
    const unsentBytes = connection.unsentBytes + connection.directBytes;
    if (bytes.length > maxBrokerBytes || unsentBytes >= this.#events.unsentBytes) return false;
    // Straight to the socket as long as that takes it at once, behind what aedes was given. aedes is for one that does not:
    // it waits, and ends the connection when that takes too long.
    if (connection.unsentBytes === 0 && socket.writable) {
      const room = socket.writableHighWaterMark - socket.writableLength;
      const frame = bytes.length < room ? publishFrame(topic, bytes) : null;
      if (frame !== null && frame.length < room) {
        holdForCompany(socket);
        socket.write(frame);
        connection.directBytes += bytes.length;
        return true;
      }
    }
    connection.unsentBytes += bytes.length;
    const payload = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    client.publish({ cmd: "publish", topic, payload, qos: 0, retain: false, dup: false }, () => {
      connection.unsentBytes -= bytes.length;
    });
    holdForCompany(socket);
    return true;
  }
}
