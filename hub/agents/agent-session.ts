/** One agent at this hub: its connection, its link for as long as that is needed, and what its record says of both. */
import { parseTimestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import { Link } from "../../shared/link/link.ts";
import type { NumberedEntry } from "../../shared/link/ports.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Hello, TopicKind } from "../../shared/wire/messages.ts";
import { type AgentLag, heard, lagNow, packetCame } from "../figures/lag.ts";
import type { Claim } from "../store/port/ledgers.ts";
import { Brake } from "./brake.ts";
import { type DownOutbox, openDownOutbox } from "./down-outbox.ts";
import type { AgentLinksOptions } from "./links-options.ts";

interface Held {
  readonly link: Link<"hub">;
  readonly outbox: DownOutbox;
  claim: Claim;
  /** Another hub has taken the agent over, or the agent has another store: to be opened anew. */
  isStale: boolean;
  stopRenewing: () => void;
}

/** How far an agent is behind, and its hub with what it has for it. */
export interface SessionFigures {
  /** Since anything was heard from it; `null` while it is away, as are the next two. */
  readonly silent_ms: number | null;
  /** Entries in its outbox. */
  readonly backlog: number | null;
  /** How long the oldest of what came last had waited. */
  readonly lag_ms: number | null;
  /** Entries for it that it has not receipted; `null` when they would have to be read. */
  readonly undelivered: number | null;
}

/** Long, since one hub serves an agent for days; another takes over by waiting it out. */
const leaseMs = 3_600_000;
/** An agent that stays away for longer costs no memory; most that go come back sooner. */
const idleAfterMs = 600_000;

export class AgentSession {
  readonly id: string;
  readonly #options: AgentLinksOptions;
  readonly #released: () => void;
  /** Brings the link in line with the connection. */
  readonly #linking: Rounds;
  /** Brings the record in line with the connection. */
  readonly #leaving: Rounds;
  #held: Held | null = null;
  #isConnected = false;
  #address: string | null = null;
  /** Heard before the link was there; an agent says nothing else before it is answered, and says it again. */
  #earlyHello: Uint8Array | null = null;
  /** As the present connection has told. */
  #lag: AgentLag | null = null;
  #skewMs = 0;
  /** Of its last hello. */
  #capabilities: readonly string[] = [];
  #isIdle = false;
  #wasPaused = false;
  /** Told when the present connection ends. */
  readonly #awaitingEnd = new Set<() => void>();
  readonly #brake = new Brake();
  #cancelIdle = () => {};
  #isClosed = false;
  /** Coming and going are written one after the other: the last word on the record is the last thing that happened. */
  #turn: Promise<unknown> = Promise.resolve();

  /** `released` is told when the agent has been away for so long that nothing of it is kept here. */
  constructor(id: string, options: AgentLinksOptions, released: () => void) {
    this.id = id;
    this.#options = options;
    this.#released = released;
    const { timers, jitter } = options;
    this.#linking = new Rounds({
      timers,
      jitter,
      work: () => this.#align(),
      failed: (error, retryMs) =>
        this.#failed("its link could not be opened; it is tried again", error, retryMs),
    });
    this.#leaving = new Rounds({
      timers,
      jitter,
      work: () => this.#inTurn(async () => (this.#isConnected ? undefined : options.gone(id))),
      failed: (error, retryMs) =>
        this.#failed("its leaving could not be noted; it is tried again", error, retryMs),
    });
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  connected(address: string | null): void {
    this.#address = address;
    this.#lag = null;
    this.#isConnected = true;
    this.#isIdle = false;
    this.#cancelIdle();
    if (this.#held !== null) this.#held.link.connected();
    // Behind an external broker the agent's connection may be older than this hub: it sees no reason to speak first.
    else if (address === null) void this.#linking.ask();
  }

  disconnected(): void {
    this.#isConnected = false;
    this.#earlyHello = null;
    for (const ended of this.#awaitingEnd) ended();
    this.#held?.link.disconnected();
    void this.#leaving.ask();
    this.#cancelIdle = this.#options.timers.after(idleAfterMs, () => {
      this.#isIdle = true;
      void this.#linking.ask();
    });
  }

  /** What it gives back is to be awaited before more is read from this agent. */
  receive(kind: TopicKind, bytes: Uint8Array): Promise<void> | void {
    if (!this.#isConnected) return;
    const { clock, timers } = this.#options;
    const from = clock.monotonic();
    this.#lag = heard(this.#lag, from);
    if (this.#held !== null) {
      if (this.#held.link.receive(kind, bytes)) return;
      const now = clock.monotonic();
      const waitMs = this.#brake.wasted(now - from, now);
      return new Promise((resolve) => void timers.after(waitMs, resolve));
    }
    if (kind !== "hello") return;
    // A connection to the hub itself that says nothing is no agent yet, and costs no link.
    this.#earlyHello = bytes;
    void this.#linking.ask();
  }

  /** Rejects with LINK_CLOSED at once while the agent is away, ASK_TIMEOUT when it does not answer. */
  async ask(op: string, args: JsonObject, withinMs: number): Promise<Json> {
    if (this.#held === null || !this.#isConnected) throw away(this.id);
    return this.#held.link.ask(op, args, withinMs);
  }

  /**
   * Whether the present connection answers a question that is asked now: whatever the answer, only a process that is
   * alive gives one. False as soon as the connection ends.
   */
  answers(withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isAlive: boolean) => {
        this.#awaitingEnd.delete(ended);
        resolve(isAlive);
      };
      const ended = () => settle(false);
      this.#awaitingEnd.add(ended);
      this.ask("alive", {}, withinMs).then(
        () => settle(true),
        // An agent that knows no such question says so.
        (error) => settle(error instanceof PetrelError && error.code === "ASK_UNKNOWN"),
      );
    });
  }

  /** How far it is behind; `null` when that is not known here. */
  figures(): SessionFigures {
    const atMs = this.#options.clock.monotonic();
    const lag = this.#isConnected ? this.#lag : null;
    const epochs = this.#held?.outbox.epochs() ?? null;
    return {
      silent_ms: lag === null ? null : Math.round(atMs - lag.heardAt),
      ...(lag === null ? { backlog: null, lag_ms: null } : lagNow(lag, atMs)),
      undelivered: epochs?.reduce((sum, { first, last }) => sum + last - first + 1, 0) ?? null,
    };
  }

  /** Messages of a later protocol that were refused since it was last linked. */
  get laterProtocol(): number {
    return this.#held?.link.laterProtocol ?? 0;
  }

  #packetCame({
    entries,
    more,
  }: {
    readonly entries: readonly NumberedEntry[];
    readonly more: number;
  }): void {
    const { clock } = this.#options;
    const [oldest] = entries;
    const atMs = oldest === undefined ? null : parseTimestamp(oldest.entry.at);
    const lagMs = atMs === null ? null : clock.now() - (atMs - this.#skewMs);
    this.#lag = packetCame(this.#lag, { more, lagMs }, clock.monotonic());
  }

  /** Its record has changed. */
  noted({ conflict, skew_ms }: AgentRecord): void {
    this.#skewMs = skew_ms ?? 0;
    const isPaused = conflict != null;
    if (this.#wasPaused && !isPaused) this.refresh();
    this.#wasPaused = isPaused;
  }

  /** The hub has other keys: they are said in a hello, and used from then on. */
  greetAnew(): void {
    this.#held?.link.greetAnew();
  }

  /** Its down ledger has grown. */
  refresh(): void {
    void this.#held?.outbox.refresh();
  }

  /** There is room again for what it sends. */
  grant(): void {
    this.#held?.link.grant();
  }

  /** The store writes again: the agent need not wait for its next probe to hear so. */
  goOn(): void {
    this.refresh();
    this.#held?.link.grant();
  }

  /** Resolves when nothing is written for this agent any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelIdle();
    await this.#linking.stop();
    if (this.#held !== null) await this.#shut(this.#held);
    await this.#leaving.settled();
    await this.#leaving.stop();
  }

  async #align(): Promise<void> {
    if (this.#held !== null && (this.#isIdle || this.#held.isStale)) await this.#shut(this.#held);
    if (this.#isIdle) this.#released();
    else if (this.#held === null && this.#isConnected && !this.#isClosed) await this.#open();
  }

  async #open(): Promise<void> {
    const { store, hub, clock } = this.#options;
    const { id } = this;
    const claim = await store.claimAgent(hub, id, leaseMs, clock.now());
    if (claim === null) throw new PetrelError("LINK_CLOSED", `another hub serves agent ${id}`);
    const isPaused = () => this.#options.isPaused(id);
    this.#wasPaused = isPaused();
    const outbox = await openDownOutbox({
      ...this.#options,
      agent: id,
      isPaused,
      openEntry: (entry) => this.#options.openEntry(entry, this.#capabilities),
    });
    // The parts below ask for the claim when they write; it may have been renewed by then.
    const held: Held = {
      link: this.#link(
        outbox,
        () => held.claim,
        () => this.#lost(held),
      ),
      outbox,
      claim,
      isStale: false,
      stopRenewing: () => {},
    };
    this.#held = held;
    this.#renewLater(held);
    if (!this.#isConnected) return;
    held.link.connected();
    if (this.#earlyHello !== null) held.link.receive("hello", this.#earlyHello);
    this.#earlyHello = null;
  }

  async #shut(held: Held): Promise<void> {
    this.#held = null;
    held.stopRenewing();
    held.outbox.close();
    await held.link.close();
  }

  #link(outbox: DownOutbox, claim: () => Claim, lost: () => void): Link<"hub"> {
    const { id } = this;
    const { log, greeted, ready, keysSeen, ...options } = this.#options;
    return new Link({
      side: "hub",
      outbox,
      inbox: options.inbox(id, claim, lost),
      isBroker: options.isBroker,
      transport: options.transport(id),
      authenticator: options.authenticator(id),
      incarnation: options.incarnation,
      version: options.version,
      responders: options.responders(id),
      clock: options.clock,
      timers: options.timers,
      jitter: options.jitter,
      newId: options.newId,
      log: log.child({ agent: id }),
      journal: options.journal(id, claim),
      counters: options.counters,
      chunk: (chunk) => options.output(id, chunk),
      packetCame: (packet) => this.#packetCame(packet),
      peerHello: (hello) => this.#greet(hello),
      ready: (peer) => ready(id, peer),
      keysSeen: (serial) => keysSeen(id, serial),
    });
  }

  async #greet(hello: Hello): Promise<void> {
    const held = this.#held;
    this.#capabilities = hello.capabilities;
    const { isNewStore } = await this.#inTurn(() => {
      // It waited behind the takes of a connection that has ended since.
      if (!this.#isConnected) throw away(this.id);
      return this.#options.greeted(this.id, hello, this.#address);
    });
    await held?.outbox.refresh();
    if (!isNewStore || held === null) return;
    // This side has told of epochs that are no more. The agent says its hello once more, to a link that knows better.
    held.isStale = true;
    void this.#linking.ask();
    throw new PetrelError("LINK_CLOSED", "the agent has a new store: its link is opened anew");
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {
      // Its own caller is told; the next does not depend on it.
    });
    return result;
  }

  #renewLater(held: Held): void {
    const { timers, store, clock } = this.#options;
    held.stopRenewing = timers.after(leaseMs / 3, () => {
      store.renewClaim(held.claim, leaseMs, clock.now()).then(
        (isKept) => {
          if (this.#held !== held) return;
          if (isKept) this.#renewLater(held);
          else this.#lost(held);
        },
        (error) => {
          if (this.#held !== held) return;
          this.#failed("its claim could not be renewed yet", error);
          this.#renewLater(held);
        },
      );
    });
  }

  #lost(held: Held): void {
    if (this.#held !== held || held.isStale) return;
    this.#failed("another hub has taken it over", null);
    held.isStale = true;
    void this.#linking.ask();
  }

  #failed(what: string, error: unknown, retryMs?: number): void {
    const { log } = this.#options;
    log.error(`agent: ${what}`, { agent: this.id, ...(error !== null && { error }), retry_in_ms: retryMs });
  }
}

export function away(agent: string): PetrelError {
  return new PetrelError("LINK_CLOSED", `agent ${agent} is not connected to this hub`);
}
