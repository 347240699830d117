/** The sending end of one ledger: reads the outbox as the ledger allows, and keeps its timer. */
import { backoffMs, linkBackoff } from "../backoff.ts";
import { type Clock, timestamp } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { Timers } from "../timers.ts";
import type { Credit, Entry, Receipt } from "../wire/messages.ts";
import { controlCapability } from "./control.ts";
import { type LinkCounters, linkCounters } from "./counters.ts";
import { type Fetch, SenderLedger, type Window } from "./ledger.ts";
import type { NumberedEntry, Outbox, OutboxEpoch } from "./ports.ts";

/** How long entries that can wait do so (ms). */
const companyMs = 200;

export interface SenderOptions<E extends Entry> {
  readonly outbox: Outbox<E>;
  readonly window: Window;
  /** See `SenderLedgerOptions`. */
  readonly gather?: number;
  /**
   * Sends a packet, or a probe when it has no entries; returns its bytes on the wire. `more` entries wait behind it.
   */
  readonly sendPacket: (
    epoch: string,
    first: number,
    entries: readonly NumberedEntry[],
    more: number,
  ) => number;
  /** The peer stands behind what it had receipted, or epochs are left that the hello had no room for. */
  readonly needsHello: () => void;
  readonly onProgress: () => void;
  readonly counters?: LinkCounters;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly newId: () => string;
  readonly log: Logger;
}

/** A session as agreed by hello and marks. */
export interface SendingSession {
  /** The epochs of our hello, and those it had no room for. */
  readonly listed: readonly OutboxEpoch[];
  readonly unlisted: ReadonlySet<string>;
  readonly marks: ReadonlyMap<string, number>;
  readonly credit: Credit;
  /** What the peer understands; of other kinds it gets a void. */
  readonly capabilities: ReadonlySet<string>;
}

export class LedgerSender<E extends Entry = Entry> {
  readonly #options: SenderOptions<E>;
  readonly #ledger: SenderLedger;
  readonly #stopListening: () => void;
  readonly #counters: LinkCounters;
  /** Epoch to the highest number that was ever sent: what is sent below it is sent again. */
  #highest = new Map<string, number>();
  #session: SendingSession | null = null;
  #pumping = false;
  #again = false;
  #failures = 0;
  #timer: { readonly at: number; readonly stop: () => void } | null = null;
  /** Running while an old epoch waits for its pace. */
  #stopDrain: (() => void) | null = null;
  /** Running while entries wait for company. */
  #soon: (() => void) | null = null;

  constructor(options: SenderOptions<E>) {
    this.#options = options;
    const { window, gather = 1, jitter, counters = linkCounters() } = options;
    this.#counters = counters;
    this.#ledger = new SenderLedger({ window, gather, backoff: linkBackoff, jitter });
    this.#stopListening = options.outbox.onAppend((canWait) => (canWait ? this.#wakeSoon() : this.wake()));
  }

  begin(session: SendingSession): void {
    this.#session = session;
    const known = new Set([...session.listed.map(({ id }) => id), ...session.unlisted]);
    this.#highest = new Map([...this.#highest].filter(([epoch]) => known.has(epoch)));
    const { listed, marks, credit, capabilities } = session;
    const passesCredit = capabilities.has(controlCapability);
    const { progress, ahead } = this.#ledger.begin(listed, marks, credit, passesCredit);
    for (const { epoch, upTo } of progress) this.#receipted(epoch, upTo);
    if (ahead.length > 0) {
      this.#options.log.error("the peer has entries that this store does not: it was rolled back", {
        epochs: ahead,
      });
    }
    // Behind all else that this session begins with.
    queueMicrotask(() => this.wake());
  }

  /** Nothing is sent before the next `begin`. */
  end(): void {
    this.#session = null;
    this.#ledger.end();
    this.#timer?.stop();
    this.#timer = null;
    this.#stopDrain?.();
    this.#stopDrain = null;
    this.#soon?.();
    this.#soon = null;
  }

  close(): void {
    this.end();
    this.#stopListening();
  }

  /** What the peer takes, as it last said; nothing between sessions. */
  get credit(): Credit {
    return this.#session === null ? { entries: 0, bytes: 0 } : this.#ledger.credit;
  }

  /** Looks for something to send: entries were appended, or the time has come. */
  wake(): void {
    if (this.#session === null) return;
    this.#ledger.grown(this.#options.outbox.epochs(), this.#session.unlisted);
    if (this.#pumping) {
      this.#again = true;
      return;
    }
    const first = this.#next();
    if (first !== null) void this.#pump(first);
    else this.#settled();
  }

  #next(): Fetch | null {
    return this.#session === null ? null : this.#ledger.next(this.#options.clock.monotonic());
  }

  /** One timer for all that waits; whatever is sent before takes these entries along. */
  #wakeSoon(): void {
    if (this.#session === null) return;
    this.#soon ??= this.#options.timers.after(companyMs, () => {
      this.#soon = null;
      this.wake();
    });
  }

  receipt(receipt: Receipt): void {
    this.#counters.receiptsReceived++;
    if (this.#session === null) return;
    const outcome = this.#ledger.receipt(receipt, this.#options.clock.monotonic());
    if (outcome.progress !== undefined) {
      this.#options.onProgress();
      this.#receipted(outcome.progress.epoch, outcome.progress.upTo);
    }
    if (outcome.park !== undefined) void this.#park(outcome.park);
    if (outcome.hello) this.#options.needsHello();
    else if (this.#session.unlisted.size > 0 && this.#ledger.drained) this.#options.needsHello();
    else this.wake();
  }

  /** Nothing more may go now. */
  #settled(): void {
    this.#failures = 0;
    this.#arm();
  }

  /** Sends until the ledger lets nothing go any more. Never rejects. */
  async #pump(first: Fetch): Promise<void> {
    this.#pumping = true;
    try {
      let fetch: Fetch | null = first;
      do {
        this.#again = false;
        while (fetch !== null) {
          const sent = this.#send(fetch);
          // Not waited for where it need not be: what was stored just now leaves in the same turn.
          if (!(typeof sent === "boolean" ? sent : await sent)) break;
          fetch = this.#next();
        }
        if (this.#again) fetch = this.#next();
      } while (this.#again);
      this.#failures = 0;
    } catch (error) {
      this.#options.log.error("the outbox cannot be read", { error });
      this.#later();
    } finally {
      this.#pumping = false;
      this.#arm();
    }
  }

  /** Sends one packet, if the ledger lets one go still; whether to ask for the next. */
  #send(fetch: Fetch): boolean | Promise<boolean> {
    const session = this.#session;
    if (session === null) return false;
    const read = this.#options.outbox.read(fetch.epoch, fetch.from, fetch.maxEntries, fetch.maxBytes);
    if (!(read instanceof Promise)) return this.#sendRead(fetch, session, read);
    return read.then((late) => (this.#session === session ? this.#sendRead(fetch, session, late) : true));
  }

  /** As `#send`, of what was read for it. */
  #sendRead(fetch: Fetch, session: SendingSession, read: readonly NumberedEntry<E>[]): boolean {
    const { clock, sendPacket } = this.#options;
    if (read[0] !== undefined && read[0].n > fetch.from) {
      // Deleted under this session: only a hello can say so.
      this.#options.needsHello();
      return false;
    }
    const entries = this.#ledger.admit(fetch, this.#understood(read, session.capabilities));
    const [first] = entries;
    if (first === undefined) return this.#ledger.passes(fetch);
    const last = entries.at(-1)?.last ?? first.n;
    const more = Math.max(0, this.#ledger.unsent - (last - first.n + 1));
    const size = sendPacket(fetch.epoch, first.n, entries, more);
    this.#count(fetch.epoch, entries, last);
    this.#ledger.sent(fetch.epoch, entries, size, clock.monotonic());
    return true;
  }

  #count(epoch: string, entries: readonly NumberedEntry[], last: number): void {
    const highest = this.#highest.get(epoch) ?? 0;
    let fresh = 0;
    for (const { n } of entries) if (n > highest) fresh++;
    this.#counters.packetsSent++;
    this.#counters.entriesSent += fresh;
    this.#counters.entriesSentAgain += entries.length - fresh;
    if (last > highest) this.#highest.set(epoch, last);
  }

  /** Kinds that the peer does not know become voids, so that the numbers have no hole. */
  #understood(
    entries: readonly NumberedEntry<E>[],
    capabilities: ReadonlySet<string>,
  ): readonly NumberedEntry[] {
    const isKnown = ({ entry: { kind } }: NumberedEntry<E>) => kind === "void" || capabilities.has(kind);
    if (entries.every(isKnown)) return entries;
    return entries.map((numbered) => {
      const { n, last, entry } = numbered;
      if (isKnown(numbered)) return numbered;
      const { id, at, kind } = entry;
      const reason = `the peer does not know entries of kind ${kind}`;
      const stand = { id, at, kind: "void", from: n, to: last, reason } as const;
      return { n, last, entry: stand, size: JSON.stringify(stand).length };
    });
  }

  #receipted(epoch: string, upTo: number): void {
    this.#options.outbox.receipted(epoch, upTo).catch((error) => {
      // Only tidying is late: the next receipt, or the next hello, covers these entries too.
      this.#options.log.warn("a receipt could not be noted", { error });
    });
  }

  async #park({ epoch, n, reason }: { epoch: string; n: number; reason: string }): Promise<void> {
    const { outbox, log, clock } = this.#options;
    log.error("the peer cannot decode an entry: it is parked", {
      epoch,
      n,
      reason,
      at: timestamp(clock.now()),
    });
    try {
      await outbox.park(epoch, n, reason);
      this.#ledger.parked(epoch, n);
      this.wake();
    } catch (error) {
      log.error("an entry could not be parked", { epoch, n, error });
      // The next session refuses it again.
      this.#later(() => this.#options.needsHello());
    }
  }

  #later(what: () => void = () => this.wake()): void {
    const { timers, jitter } = this.#options;
    timers.after(backoffMs(linkBackoff, this.#failures++, jitter()), what);
  }

  /** One timer for all that is in flight; set anew only when it is to fire earlier. */
  #arm(): void {
    const { clock, timers } = this.#options;
    const now = clock.monotonic();
    this.#armDrain(now);
    const at = this.#ledger.wakeAt(now);
    if (at === null || (this.#timer !== null && this.#timer.at <= at)) return;
    this.#timer?.stop();
    const stop = timers.after(Math.max(0, at - now), () => {
      this.#timer = null;
      this.#probe();
    });
    this.#timer = { at, stop };
  }

  #armDrain(now: number): void {
    const at = this.#ledger.drainAt();
    if (at === null || this.#stopDrain !== null) return;
    this.#stopDrain = this.#options.timers.after(Math.max(0, at - now), () => {
      this.#stopDrain = null;
      this.wake();
    });
  }

  #probe(): void {
    const { clock, sendPacket } = this.#options;
    for (const { epoch, first } of this.#ledger.probes(clock.monotonic())) {
      this.#counters.probesSent++;
      sendPacket(epoch, first, [], this.#ledger.unsent);
    }
    // What has gathered behind the packet that nobody receipts goes now.
    this.wake();
    this.#arm();
  }
}
