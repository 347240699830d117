/** One MQTT 3.1.1 connection to a broker, made again whenever it is lost; carries bytes, promises nothing. */
import { connect, Socket } from "node:net";
import { MqttClient } from "mqtt";
import { type Backoff, backoffMs, linkBackoff } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import { formatListen } from "../config/listen.ts";
import type { Logger } from "../log.ts";
import type { Timers } from "../timers.ts";
import type { BrokerAddress } from "./broker-url.ts";
import { holdForCompany, isHeldForCompany } from "./company-mqtt.ts";
import { connectionTrouble } from "./connection-trouble.ts";
import { defaultFrameLimits, FrameScanner, opening } from "./frames.ts";
import "./packets-mqtt.ts";
import { publishFrame } from "./publish-frame.ts";

export interface Retained {
  readonly topic: string;
  readonly bytes: Uint8Array;
}

export interface ConnectionLimits {
  /** Publishes and bytes that the broker has not acknowledged; beyond either, what is sent is dropped. */
  readonly unacknowledged: number;
  readonly unacknowledgedBytes: number;
  /** Seconds. */
  readonly keepalive: number;
  /** For CONNACK, and again for what `onOpen` does. */
  readonly connectTimeoutMs: number;
  /** A connection that lasted less counts as a failed attempt: two clones of one id must not chase each other. */
  readonly steadyMs: number;
  readonly backoff: Backoff;
}

export const defaultConnectionLimits: ConnectionLimits = {
  unacknowledged: 4_096,
  unacknowledgedBytes: 4 * 1024 * 1024,
  keepalive: 30,
  connectTimeoutMs: 10_000,
  steadyMs: 30_000,
  backoff: linkBackoff,
};

export interface ConnectionOptions {
  readonly address: BrokerAddress;
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password?: string | undefined;
  /** Asked for at each attempt; the broker publishes it, retained, when the connection ends without a farewell. */
  readonly will?: () => Retained;
  readonly logger: Logger;
  readonly clock: Pick<Clock, "monotonic">;
  readonly timers: Timers;
  /** Evenly spread in [0, 1). */
  readonly jitter: () => number;
  readonly limits?: Partial<ConnectionLimits>;
  /** Makes the stream of each attempt; plain TCP to `address` when not given. */
  readonly stream?: () => Socket;
  /** Each attempt that failed, and each connection that was lost, with its cause. */
  readonly onTrouble?: (reason: unknown) => void;
  /** Runs once connected: subscriptions go here. When it rejects, the connection is given up and tried again. */
  readonly onOpen: () => Promise<void>;
  /** After `onOpen` resolved. */
  readonly onOpened: () => void;
  /** The connection is lost; called once for each `onOpened`. */
  readonly onClose: () => void;
  readonly onMessage: (topic: string, bytes: Uint8Array) => void;
}

export interface ConnectionStats {
  readonly sent: number;
  readonly received: number;
  /** Sent while away, or faster than the broker takes it. */
  readonly dropped: number;
  readonly attempts: number;
}

export interface PublishOptions {
  /** 0: nothing is between here and who it is for. */
  readonly qos?: 0 | 1;
  readonly retain?: boolean;
}

/** Words of farewell may take this long, then the socket is closed. */
const farewellMs = 1_000;

/**
 * Begins at once. Every attempt has an mqtt.js client of its own: its store of unacknowledged messages, its queue
 * and its fixed reconnect period end with the connection, for the ledger alone decides what is sent again.
 */
export class BrokerConnection {
  readonly #options: ConnectionOptions;
  readonly #limits: ConnectionLimits;
  #client: MqttClient | null = null;
  #open = false;
  #stopped = false;
  #attempt = 0;
  /** Of the present outage; `null` while connected. Monotonic, milliseconds. */
  #outageSince: number | null = null;
  /** What the log says of it so far. */
  #told: string | null = null;
  #cancelRetry: () => void = () => {};
  /** Both belong to the present client. */
  #unacknowledged = 0;
  #unacknowledgedBytes = 0;
  readonly #stats = { sent: 0, received: 0, dropped: 0, attempts: 0 };

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#limits = { ...defaultConnectionLimits, ...options.limits };
    this.#connect();
  }

  /** True between `onOpened` and `onClose`. */
  get open(): boolean {
    return this.#open;
  }

  /** `ip:port` of this end; `null` while there is no connection. */
  get localAddress(): string | null {
    const stream = this.#client?.stream;
    const { localAddress, localPort } = stream instanceof Socket ? stream : {};
    if (localAddress === undefined || localPort === undefined) return null;
    return formatListen({ host: localAddress, port: localPort });
  }

  /** Something that was published is about to leave: what is published now goes with it. */
  get hasCompany(): boolean {
    const stream = this.#client?.stream;
    return stream instanceof Socket && isHeldForCompany(stream);
  }

  get stats(): ConnectionStats {
    return { ...this.#stats };
  }

  /**
   * With QoS 1, unless asked otherwise. False, and nothing else, when it is not sent: away, or the broker does not keep
   * up. What is sent within one turn of the event loop leaves together.
   */
  publish(topic: string, bytes: Uint8Array, { qos = 1, retain = false }: PublishOptions = {}): boolean {
    const client = this.#client;
    const { unacknowledged, unacknowledgedBytes } = this.#limits;
    if (
      client === null ||
      !client.connected ||
      client.disconnecting ||
      this.#unacknowledged >= unacknowledged ||
      this.#unacknowledgedBytes >= unacknowledgedBytes
    ) {
      this.#stats.dropped += 1;
      return false;
    }
    this.#stats.sent += 1;
    const { stream } = client;
    if (stream instanceof Socket) holdForCompany(stream);
    // The library would add nothing but its own steps: nobody acknowledges it, and the socket takes it at once.
    if (qos === 0 && !retain && this.#unacknowledged === 0 && stream.writable) {
      const room = stream.writableHighWaterMark - stream.writableLength;
      const frame = bytes.length < room ? publishFrame(topic, bytes) : null;
      if (frame !== null && frame.length < room) {
        stream.write(frame);
        return true;
      }
    }
    this.#unacknowledged += 1;
    this.#unacknowledgedBytes += bytes.length;
    const payload = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    client.publish(topic, payload, { qos, retain }, () => {
      if (this.#client !== client) return;
      this.#unacknowledged -= 1;
      this.#unacknowledgedBytes -= bytes.length;
    });
    return true;
  }

  /** Resolves when the broker has granted every filter; rejects when it refused one, or the connection is lost. */
  async subscribe(filters: readonly string[]): Promise<void> {
    if (this.#client === null) throw new Error("not connected");
    await this.#client.subscribeAsync([...filters], { qos: 1 });
  }

  /**
   * Ends the present connection; it is made again after the first wait. While there is none, the next attempt comes after
   * such a wait too, and those after it as if nothing had been said.
   */
  drop(): void {
    if (this.#open) this.#attempt = 0;
    if (this.#client !== null) return void this.#client.stream.destroy();
    if (this.#stopped) return;
    const { jitter, timers } = this.#options;
    this.#cancelRetry();
    this.#cancelRetry = timers.after(backoffMs(this.#limits.backoff, 0, jitter()), () => this.#connect());
  }

  /** Ends for good. `farewell` may still publish; it has a second to reach the broker. */
  async stop(farewell: () => void = () => {}): Promise<void> {
    this.#stopped = true;
    this.#cancelRetry();
    const client = this.#client;
    if (client === null) return;
    if (this.#open) farewell();
    const closed = new Promise<void>((resolve) => client.stream.once("close", () => resolve()));
    const cancel = this.#options.timers.after(farewellMs, () => client.stream.destroy());
    // Waits for what is not acknowledged, then says DISCONNECT, so that the broker forgets the will.
    client.end(!client.connected);
    if (!client.stream.closed) await closed;
    cancel();
    this.#lost(client);
  }

  #connect(): void {
    const {
      address,
      clientId,
      username,
      password,
      will,
      stream = () => plainStream(address),
    } = this.#options;
    this.#stats.attempts += 1;
    this.#unacknowledged = 0;
    this.#unacknowledgedBytes = 0;
    const last = will?.();
    const client = new MqttClient(stream, {
      clientId,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ...(last && { will: { topic: last.topic, payload: Buffer.from(last.bytes), qos: 1, retain: true } }),
      protocolVersion: 4,
      clean: true,
      keepalive: this.#limits.keepalive,
      connectTimeout: this.#limits.connectTimeoutMs,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      timerVariant: "native",
    });
    this.#client = client;
    let reason: unknown = "the connection was closed";
    let openedAt: number | null = null;
    const frames = new FrameScanner({ ...defaultFrameLimits, first: opening.connack });
    client.stream.on("data", (chunk: Buffer) => {
      const fault = frames.scan(chunk);
      if (fault === null) return;
      reason = `the broker sent what is not MQTT, or too much of it (${fault})`;
      client.stream.destroy();
    });
    client.on("error", (error) => {
      reason = error;
      // mqtt.js goes on after a protocol error; a fresh connection is the surer state.
      client.stream.destroy();
    });
    client.on("message", (topic, bytes) => {
      this.#stats.received += 1;
      this.#options.onMessage(topic, bytes);
    });
    let cancelOpening = () => {};
    client.on("connect", () => {
      cancelOpening = this.#options.timers.after(this.#limits.connectTimeoutMs, () => {
        reason = "the broker did not answer the subscription";
        client.stream.destroy();
      });
      this.#options.onOpen().then(
        () => {
          if (this.#client !== client || client.stream.destroyed || this.#stopped) return;
          cancelOpening();
          openedAt = this.#options.clock.monotonic();
          this.#opened();
        },
        (error: unknown) => {
          reason = error;
          client.stream.destroy();
        },
      );
    });
    client.on("close", () => {
      cancelOpening();
      if (!this.#stopped) this.#options.onTrouble?.(reason);
      const steady = openedAt !== null && this.#options.clock.monotonic() - openedAt >= this.#limits.steadyMs;
      if (steady) this.#attempt = 0;
      this.#lost(client);
      if (!this.#stopped) this.#retry(reason);
    });
  }

  #opened(): void {
    this.#open = true;
    const { clock, logger } = this.#options;
    if (this.#outageSince !== null) {
      const awaySeconds = Math.round((clock.monotonic() - this.#outageSince) / 1_000);
      logger.info("the broker is reached again", { ...this.#where(), awaySeconds });
    }
    this.#outageSince = null;
    this.#told = null;
    this.#options.onOpened();
  }

  #lost(client: MqttClient): void {
    if (this.#client !== client) return;
    this.#client = null;
    if (!this.#open) return;
    this.#open = false;
    this.#options.onClose();
  }

  #retry(reason: unknown): void {
    const { clock, jitter, logger, timers } = this.#options;
    this.#outageSince ??= clock.monotonic();
    const { code, message } = connectionTrouble(reason, this.#options.address.tls);
    // Once for each outage, unless it turns out to be of another kind: further attempts say nothing new.
    if (this.#told !== code) logger.warn(`${code}: ${message}; trying again`, { ...this.#where(), reason });
    this.#told = code;
    const waitMs = backoffMs(this.#limits.backoff, this.#attempt, jitter());
    this.#attempt += 1;
    this.#cancelRetry = timers.after(waitMs, () => this.#connect());
  }

  #where() {
    const { address, clientId } = this.#options;
    return { broker: formatListen(address), clientId };
  }
}

function plainStream({ host, port }: BrokerAddress): Socket {
  return connect({ host, port, noDelay: true });
}
