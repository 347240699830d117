/** Who says hello, who has answered, and when the ledgers may run. */
import { backoffMs, linkBackoff } from "../backoff.ts";
import { type Clock, timestamp } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { Timers } from "../timers.ts";
import type { AuthenticatedSession } from "../wire/authenticator.ts";
import type { Unsigned } from "../wire/codec.ts";
import type { AgentProcess, Credit, EpochRange, Hello, Marks, Side } from "../wire/messages.ts";
import { maxHelloEpochs } from "../wire/schemas.ts";
import type { OutboxEpoch } from "./ports.ts";
import type { SendingSession } from "./sender.ts";

export interface GreetingOptions {
  readonly side: Side;
  /** The own ledger, oldest first. */
  readonly epochs: () => readonly OutboxEpoch[];
  readonly incarnation: string;
  readonly version: string;
  readonly capabilities: readonly string[];
  /** Of an agent: asked for at each hello. */
  readonly process?: (() => AgentProcess) | undefined;
  /** Of an authenticated link. */
  readonly session?: AuthenticatedSession | undefined;
  readonly send: (message: Unsigned<Hello | Marks>) => void;
  /** Where this side stands in the peer's epochs. Rejects: the hello is not answered, and the peer says it again. */
  readonly marksFor: (
    hello: Hello,
  ) => Promise<{ readonly marks: readonly { epoch: string; upTo: number }[]; readonly credit: Credit }>;
  /** Of a hub: an agent says in its hello, also one that does not count, by which of the hub's keys it goes. */
  readonly keysSeen?: ((serial: number) => void) | undefined;
  /** Both hellos are answered. */
  readonly begin: (session: SendingSession & PeerFacts) => void;
  /** The ledgers stand still until the next `begin`. */
  readonly end: () => void;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly newId: () => string;
  readonly log: Logger;
}

/** What a peer says of itself in the answer to a hello. */
export interface PeerFacts {
  /** Of an agent: the serial of the hub's statement that it goes by; `null` when it does not say. */
  readonly keysSerial: number | null;
}

interface Session {
  readonly id: string;
  /** Our hello as last said; `null` once it is answered. */
  offer: Pick<SendingSession, "listed" | "unlisted"> | null;
  /** Epochs in our hello as last said. */
  listed: readonly OutboxEpoch[];
  marks: Marks | null;
  /** Of a peer whose hello counts. */
  peer: Hello | null;
  /** The peer's session, as last heard of. */
  toward: string | null;
  /** Which one our hello was last said to. */
  saidTo: string | null;
  /** Hellos that were said since others came which do not count, and since when they are counted (monotonic, ms). */
  turns: number;
  turnsSince: number;
}

/** So many of them in so long a time. */
const mostTurns = 4;
const turnsEveryMs = 1_000;

/** Says hello until it is answered, with back-off. One session per connection. */
export class Greeting {
  readonly #options: GreetingOptions;
  #session: Session | null = null;
  #running = false;
  /** Hellos said without the ledgers getting anywhere: how long to wait before the next. */
  #said = 0;
  #stopTimer: (() => void) | null = null;
  #answering: Promise<void> | null = null;
  /** The peer's newest hello, while an older one is being answered. */
  #next: { readonly hello: Hello; readonly session: Session } | null = null;

  constructor(options: GreetingOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#running;
  }

  connected(): void {
    this.disconnected();
    const { session, newId } = this.#options;
    this.#session = {
      id: session?.begin() ?? newId(),
      offer: null,
      listed: [],
      marks: null,
      peer: null,
      toward: null,
      saidTo: null,
      turns: 0,
      turnsSince: Number.NEGATIVE_INFINITY,
    };
    this.#said = 0;
    this.#say();
  }

  disconnected(): void {
    this.#session = null;
    this.#next = null;
    this.#pause();
  }

  /** The ledger moved: the next hello need not wait long. */
  progressed(): void {
    this.#said = 0;
  }

  /** Says hello again, after a while; once however often it is asked for. */
  again(): void {
    const { timers, jitter } = this.#options;
    this.#stopTimer ??= timers.after(backoffMs(linkBackoff, this.#said++, jitter()), () => this.#say());
  }

  /** Answers one at a time, and of those that come meanwhile the newest: a peer that floods costs no memory. */
  hello(hello: Hello): Promise<void> {
    const session = this.#session;
    if (session === null) return Promise.resolve();
    if (hello.keys_serial !== undefined) this.#options.keysSeen?.(hello.keys_serial);
    const own = this.#options.session;
    if (own?.meet(hello) === false) {
      if (own.isSpent?.() === true) this.connected();
      else this.#return(hello, session);
      return Promise.resolve();
    }
    this.#next = { hello, session };
    this.#answering ??= this.#answerAll();
    return this.#answering;
  }

  /**
   * It was not said to this session, and may be an old one that somebody plays again: nothing follows from it but a hello
   * that names its session. A peer that started anew answers that; one that is no more does not disturb the present one.
   */
  #return(hello: Hello, session: Session): void {
    if (session.saidTo === hello.session || !this.#mayReturn(session)) return;
    if (session.peer !== null) {
      this.#send(session, hello.session, session.listed);
      return;
    }
    session.toward = hello.session;
    this.#say();
  }

  /** A peer that is not heard says its hello again; until then old ones must not keep this side busy. */
  #mayReturn(session: Session): boolean {
    const now = this.#options.clock.monotonic();
    if (now - session.turnsSince >= turnsEveryMs) {
      session.turnsSince = now;
      session.turns = 0;
    }
    return session.turns++ < mostTurns;
  }

  async #answerAll(): Promise<void> {
    for (let next = this.#next; next !== null; next = this.#next) {
      this.#next = null;
      await this.#answer(next.hello, next.session);
    }
    this.#answering = null;
  }

  async #answer(hello: Hello, session: Session): Promise<void> {
    const { marksFor, send, side, clock, log } = this.#options;
    let answer: Awaited<ReturnType<typeof marksFor>>;
    try {
      answer = await marksFor(hello);
    } catch (error) {
      log.warn("a hello could not be answered", { error });
      return;
    }
    if (this.#session !== session) return;
    // The peer can only read our marks once it has met us.
    if (this.#options.session !== undefined && session.saidTo !== hello.session) {
      session.toward = hello.session;
      this.#say();
    }
    const at = timestamp(clock.now());
    const keysSerial = this.#options.session?.serial?.();
    send({
      v: 1,
      type: "marks",
      from: side,
      session: hello.session,
      by: session.id,
      clock: at,
      ...answer,
      ...(keysSerial !== undefined && { keys_serial: keysSerial }),
    });
    const isNew = session.peer?.session !== hello.session;
    const changed = session.peer !== null && isNew;
    session.peer = hello;
    session.toward = hello.session;
    // It has only just come, after a time in which ours went to nobody: the back-off need not be waited out.
    const isHeard = session.saidTo === hello.session;
    if (isNew && !isHeard && session.offer !== null && session.marks === null && this.#said > 1) {
      this.#said = 0;
      this.#say();
      return;
    }
    // The peer started anew behind a broker that kept our connection: it knows nothing of our hello. Or it took an
    // old hello of ours, that came late, for the newest.
    const unheard = changed && session.marks !== null && session.marks.by !== hello.session;
    if (unheard || (hello.to !== null && hello.to !== session.id)) this.#say();
    else this.#begin(session);
  }

  marks(marks: Marks): void {
    const session = this.#session;
    if (session === null || marks.session !== session.id || session.offer === null) return;
    session.marks = marks;
    this.#begin(session);
  }

  #begin(session: Session): void {
    const { offer, marks, peer } = session;
    if (offer === null || marks === null || peer === null) return;
    // Of a peer that has died since, or whose hello is still on its way: its successor's marks may stand lower.
    if (marks.by !== peer.session) return;
    this.#stop();
    session.offer = null;
    this.#running = true;
    this.#options.begin({
      ...offer,
      marks: new Map(marks.marks.map(({ epoch, upTo }) => [epoch, upTo])),
      credit: marks.credit,
      capabilities: new Set(peer.capabilities),
      keysSerial: marks.keys_serial ?? null,
    });
  }

  #say(): void {
    const session = this.#session;
    if (session === null) return;
    this.#pause();
    session.marks = null;
    session.saidTo = session.toward;
    session.offer = offerOf(this.#options.epochs());
    session.listed = session.offer.listed;
    this.#send(session, session.toward, session.listed);
    this.again();
  }

  #send(session: Session, to: string | null, epochs: readonly EpochRange[]): void {
    const { side, incarnation, version, capabilities, process, clock, send } = this.#options;
    const hubKeys = this.#options.session?.statement?.();
    const keysSerial = this.#options.session?.serial?.();
    send({
      v: 1,
      type: "hello",
      from: side,
      session: session.id,
      to,
      incarnation,
      version,
      capabilities,
      clock: timestamp(clock.now()),
      epochs: epochs.map(({ id, first, last }) => ({ id, first, last })),
      ...(process !== undefined && { process: process() }),
      ...(hubKeys !== undefined && { hub_keys: hubKeys }),
      ...(keysSerial !== undefined && { keys_serial: keysSerial }),
    });
  }

  #pause(): void {
    this.#stop();
    this.#running = false;
    this.#options.end();
  }

  #stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = null;
  }
}

/**
 * Control entries go first, then the oldest epochs drain, and the newest is where fresh entries go; what is between
 * waits for a later hello.
 */
function offerOf(epochs: readonly OutboxEpoch[]): Pick<SendingSession, "listed" | "unlisted"> {
  if (epochs.length <= maxHelloEpochs) return { listed: epochs, unlisted: new Set() };
  const control = epochs.filter(({ isControl }) => isControl);
  const others = epochs.filter(({ isControl }) => !isControl);
  const oldest = [...control, ...others.slice(0, -1)].slice(0, maxHelloEpochs - 1);
  const chosen = new Set([...oldest, ...others.slice(-1)]);
  return {
    listed: epochs.filter((epoch) => chosen.has(epoch)),
    unlisted: new Set(epochs.filter((epoch) => !chosen.has(epoch)).map(({ id }) => id)),
  };
}
