/** One agent's link, the same code at both ends: hello, the two ledgers, questions, output. */

import { sealedBlobCapability } from "../blobs/sealed-blob.ts";
import type { Clock } from "../clock.ts";
import type { Json, JsonObject } from "../json.ts";
import type { Logger } from "../log.ts";
import { isEcho } from "../mqtt/echo.ts";
import type { Timers } from "../timers.ts";
import type { Authenticator } from "../wire/authenticator.ts";
import {
  decode,
  decodePacket,
  encode,
  encodePacket,
  entryKinds,
  type NumberedPacket,
  type OtherKind,
  type PacketKind,
  type Rejection,
  type Unsigned,
} from "../wire/codec.ts";
import { envelopeCapability } from "../wire/envelope.ts";
import type {
  AgentProcess,
  Credit,
  DownEntry,
  Hello,
  MessageOf,
  Side,
  StreamChunk,
  TopicKind,
  UpEntry,
} from "../wire/messages.ts";
import { mayPublish } from "../wire/topics.ts";
import { Answerer, Asker, type Responder } from "./ask.ts";
import { controlCapability, controlWindow } from "./control.ts";
import { type LinkCounters, linkCounters } from "./counters.ts";
import { Greeting, type PeerFacts } from "./greeting.ts";
import { downWindow, upWindow } from "./ledger.ts";
import type { IntakeJournal } from "./poison.ts";
import type { Inbox, LinkTransport, Outbox } from "./ports.ts";
import { LedgerReceiver } from "./receiver.ts";
import { LedgerSender } from "./sender.ts";
import { type ChunkBody, OutputStream } from "./stream.ts";

/** The entries each side sends. */
export interface SentBy {
  readonly agent: UpEntry;
  readonly hub: DownEntry;
}
export type Peer<S extends Side> = S extends "agent" ? "hub" : "agent";

export interface LinkOptions<S extends Side> {
  readonly side: S;
  readonly outbox: Outbox<SentBy[S]>;
  readonly inbox: Inbox<SentBy[Peer<S>]>;
  readonly transport: LinkTransport;
  /** Of a hub: agents are connected to it and to no other broker. */
  readonly isBroker?: boolean;
  readonly authenticator: Authenticator;
  /** Made with this side's store. */
  readonly incarnation: string;
  /** Software version. */
  readonly version: string;
  /** Of an agent: which of its processes this is, said in each hello. */
  readonly process?: () => AgentProcess;
  readonly responders: Readonly<Record<string, Responder>>;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Evenly spread in [0, 1). */
  readonly jitter: () => number;
  readonly newId: () => string;
  readonly log: Logger;
  /**
   * The peer said hello. Runs while nothing is being taken, before the marks are answered and before anything is sent
   * in this session; when it rejects, the hello is not answered and the peer says it again.
   */
  readonly peerHello?: (hello: Hello) => Promise<void>;
  /** Both hellos are answered: the ledgers run. */
  readonly ready?: (peer: PeerFacts) => void;
  /** See `GreetingOptions`. */
  readonly keysSeen?: (serial: number) => void;
  /** A packet came, in whatever order, whether or not it is taken. */
  readonly packetCame?: (packet: Pick<NumberedPacket<SentBy[Peer<S>]>, "entries" | "more">) => void;
  /** Counted up; those of one hub's links are one. */
  readonly counters?: LinkCounters;
  readonly chunk?: (chunk: StreamChunk) => void;
  readonly rejected?: (kind: TopicKind, rejection: LinkRejection) => void;
  readonly journal?: IntakeJournal<SentBy[Peer<S>]>;
}

/** What came in and was no message for this side. */
export interface LinkRejection {
  readonly code: Rejection["code"] | "WIRE_TOPIC";
  readonly message: string;
}

/** What a busy agent has gathered by then is worth a packet of its own. */
const gatheredEntries = 32;

/** Long enough for the start or the end of a short action, which then go with it; nothing to a window of seconds. */
const receiptPatienceMs = 20;

/** Said by a hub that is the broker. */
const brokerCapability = "broker";

/** Ends with `close`. Between `connected` and `disconnected` it sends through the transport; both may come often. */
export class Link<S extends Side = Side> {
  readonly #options: LinkOptions<S>;
  readonly #sends: PacketKind;
  readonly #takes: PacketKind;
  readonly #receipts: "up-receipt" | "down-receipt";
  readonly #sender: LedgerSender<SentBy[S]>;
  readonly #receiver: LedgerReceiver<SentBy[Peer<S>]>;
  readonly #asker: Asker;
  readonly #answerer: Answerer;
  /** Output of actions, from agent to hub. */
  readonly output: OutputStream;
  readonly #rejected = new Map<string, number>();
  readonly #counters: LinkCounters;
  readonly #greeting: Greeting;
  #laterProtocol = 0;
  #connected = false;
  #closed = false;

  constructor(options: LinkOptions<S>) {
    this.#options = options;
    const { side, outbox, inbox, clock, timers, jitter, newId, log, counters = linkCounters() } = options;
    this.#counters = counters;
    this.#sends = side === "agent" ? "up" : "down";
    this.#takes = side === "agent" ? "down" : "up";
    this.#receipts = `${this.#takes}-receipt`;
    this.#sender = new LedgerSender({
      outbox,
      window: side === "agent" ? upWindow : downWindow,
      // Not of a hub, since agents let their receipts wait.
      gather: side === "agent" ? gatheredEntries : 1,
      clock,
      timers,
      jitter,
      newId,
      log,
      counters,
      sendPacket: (epoch, first, entries, more) => {
        const bytes = encodePacket(this.#sends, { epoch, first, entries, more }, options.authenticator);
        options.transport.send(this.#sends, bytes);
        // Behind the packet: of what arrives together, the peer begins with what takes it longer, and writes all at once.
        this.#receiver.flush();
        return bytes.length;
      },
      needsHello: () => this.#greeting.again(),
      onProgress: () => this.#greeting.progressed(),
    });
    this.#receiver = new LedgerReceiver({
      inbox,
      window: side === "agent" ? downWindow : upWindow,
      ...(side === "agent" && { beyond: controlWindow }),
      log,
      counters,
      sendReceipt: (receipt) => this.#send(this.#receipts, { v: 1, ...receipt }),
      // A sensor and its agent wait for the hub's receipt; nobody waits for the agent's.
      ...(side === "agent" && {
        patience: {
          ms: receiptPatienceMs,
          timers,
          // An action that ends at once has its result on its way before the request itself is receipted.
          hasCompany: () => options.transport.hasCompany?.() === true,
        },
      }),
      ...(options.journal !== undefined && { journal: options.journal }),
    });
    this.#greeting = new Greeting({
      side,
      clock,
      timers,
      jitter,
      newId,
      log,
      epochs: () => {
        outbox.passBacklog?.();
        return outbox.epochs();
      },
      session: options.authenticator.session,
      incarnation: options.incarnation,
      version: options.version,
      process: options.process,
      capabilities: [
        ...entryKinds[this.#takes],
        ...Object.keys(options.responders),
        ...(side === "agent" ? [controlCapability, sealedBlobCapability] : []),
        ...(options.isBroker === true ? [brokerCapability] : []),
        ...(options.authenticator.enclose === undefined ? [] : [envelopeCapability]),
      ],
      send: (message) => this.#send("hello", message),
      marksFor: (hello) => this.#marksFor(hello),
      begin: (session) => {
        this.#laterProtocol = 0;
        options.transport.endsAtPeer?.(session.capabilities.has(brokerCapability));
        this.#sender.begin(session);
        // Not at `connected`: a hub behind a broker of its own may not have subscribed to this agent yet.
        this.#asker.connected();
        this.output.connected();
        options.ready?.({ keysSerial: session.keysSerial });
      },
      keysSeen: options.keysSeen,
      end: () => this.#sender.end(),
    });
    this.#asker = new Asker({
      clock,
      timers,
      newId,
      send: (ask) => this.#send("ask", { v: 1, from: side, ...ask }),
    });
    this.#answerer = new Answerer({
      clock,
      responders: options.responders,
      send: (answer) => this.#send("answer", { v: 1, from: side, ...answer }),
    });
    this.output = new OutputStream({ clock, send: (chunk) => this.#sendChunk(chunk) });
  }

  /** True while both hellos of this connection are answered. */
  get running(): boolean {
    return this.#greeting.running;
  }

  /** What the peer takes, as it last said; nothing while the ledgers stand still. */
  get credit(): Credit {
    return this.#sender.credit;
  }

  /** Messages that were refused, by code. */
  get rejections(): ReadonlyMap<string, number> {
    return this.#rejected;
  }

  /**
   * Messages of a later protocol that were refused since the ledgers last ran: while there are any, that may be why they
   * do not run. Not what came while they ran, and so kept nothing from running.
   */
  get laterProtocol(): number {
    return this.#laterProtocol;
  }

  /** The network carries again, or carries to a peer that started anew: says hello. */
  connected(): void {
    if (this.#closed) return;
    this.#connected = true;
    this.#greeting.connected();
  }

  disconnected(): void {
    this.#connected = false;
    this.#options.transport.endsAtPeer?.(false);
    this.#receiver.forget();
    this.#greeting.disconnected();
    this.#asker.disconnected();
    this.output.disconnected();
  }

  /**
   * Bytes from the peer on this agent's topic of that kind. Never throws; what is no message is counted. False when they
   * came in vain: refused, or dropped for being more than the peer has credit for.
   */
  receive(kind: TopicKind, bytes: Uint8Array): boolean {
    const { side } = this.#options;
    if (!this.#connected) return true;
    if (kind === this.#takes) return this.#receivePacket(bytes);
    const peer: Side = side === "agent" ? "hub" : "agent";
    if (kind === "up" || kind === "down" || kind === "presence" || !mayPublish(peer, kind)) {
      return this.#reject(kind, { code: "WIRE_TOPIC", message: `nothing for the ${side} on ${kind}` });
    }
    return this.#receiveOther(kind, bytes);
  }

  /** What our hello says has changed: it is said again, within seconds. */
  greetAnew(): void {
    if (this.#connected) this.#greeting.again();
  }

  /** Entries may have become sendable other than by an append of this process. */
  wake(): void {
    this.#sender.wake();
  }

  /** The inbox has room again after its credit was 0. */
  grant(): void {
    if (this.running) this.#receiver.grant();
  }

  /** See `Asker.ask`. */
  ask(op: string, args: JsonObject, withinMs: number): Promise<Json> {
    return this.#asker.ask(op, args, withinMs);
  }

  /** Resolves when nothing is being taken any more; stores may be closed then. */
  async close(): Promise<void> {
    this.#closed = true;
    this.disconnected();
    this.#sender.close();
    this.#asker.close();
    await this.#receiver.close();
  }

  #receivePacket(bytes: Uint8Array): boolean {
    const decoded = decodePacket(this.#takes, bytes, this.#options.authenticator);
    if (decoded.ok) {
      // The codec only lets entries of this direction pass as known kinds.
      const packet = decoded.message as NumberedPacket<SentBy[Peer<S>]>;
      this.#options.packetCame?.(packet);
      return this.#receiver.packet(packet);
    }
    const { rejection } = decoded;
    if (rejection.refused !== undefined) this.#receiver.refused({ ...rejection.refused, ...rejection });
    return this.#reject(this.#takes, rejection);
  }

  #receiveOther(kind: OtherKind, bytes: Uint8Array): boolean {
    // A broker gives a side its own messages back, and they prove to be nobody's.
    if (isEcho(this.#options.side, kind, bytes)) return true;
    const decoded = decode(kind, bytes, this.#options.authenticator);
    if (!decoded.ok) return this.#reject(kind, decoded.rejection);
    const { message } = decoded;
    // Both sides publish on these topics, and a broker may give us back our own.
    if ("from" in message && message.from === this.#options.side) return true;
    if ("upTo" in message) this.#sender.receipt(message);
    else if ("op" in message) void this.#answerer.answer(message);
    else if ("execution" in message) this.#options.chunk?.(message);
    else if (!("type" in message)) {
      if ("from" in message) this.#asker.answer(message);
    } else if (message.type === "hello") void this.#greeting.hello(message);
    else this.#greeting.marks(message);
    return true;
  }

  /** In turn with the takes, so that the marks count everything that came before. */
  async #marksFor(hello: Hello): ReturnType<LedgerReceiver["answer"]> {
    const { peerHello } = this.#options;
    if (peerHello !== undefined) await this.#receiver.exclusive(() => peerHello(hello));
    return this.#receiver.answer(hello);
  }

  #send<K extends OtherKind>(kind: K, message: Unsigned<MessageOf[K]>): void {
    const { transport, authenticator } = this.#options;
    if (this.#connected) transport.send(kind, encode(kind, message, authenticator));
  }

  #sendChunk(chunk: ChunkBody): void {
    this.#send("stream", { v: 1, ...chunk });
  }

  /** False, for its caller to answer. */
  #reject(kind: TopicKind, rejection: LinkRejection): false {
    const { code, message } = rejection;
    const times = (this.#rejected.get(code) ?? 0) + 1;
    this.#rejected.set(code, times);
    this.#counters.refused[code] = (this.#counters.refused[code] ?? 0) + 1;
    if (code === "WIRE_VERSION" && !this.running) this.#laterProtocol += 1;
    // The first of each code, then ever more seldom: a flood must not fill the log as well.
    if (Number.isInteger(Math.log2(times)))
      this.#options.log.warn("a message was refused", { kind, code, message, times });
    this.#options.rejected?.(kind, rejection);
    return false;
  }
}
