/** The sender's bookkeeping of one ledger: what was sent, what is receipted, what may go next. Pure. */
import { type Backoff, backoffMs } from "../backoff.ts";
import type { Credit, Receipt } from "../wire/messages.ts";
import { controlWindow } from "./control.ts";
import { type DrainLimits, DrainPace, drainLimits, drainShare, nextEpoch } from "./drain.ts";
import type { NumberedEntry, OutboxEpoch } from "./ports.ts";
import { type Refused, SentEpoch } from "./sent-epoch.ts";

/** At most this much without a receipt; one entry is always admitted. */
export interface Window {
  readonly entries: number;
  readonly bytes: number;
}

export const upWindow: Window = { entries: 1_024, bytes: 256 * 1024 };
export const downWindow: Window = { entries: 64, bytes: 256 * 1024 };

/** What to read from the outbox for the next packet. */
export interface Fetch {
  readonly epoch: string;
  readonly from: number;
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** A packet without entries, which asks for a receipt. */
export interface Probe {
  readonly epoch: string;
  readonly first: number;
}

/** What a receipt asks of the link, each part independent of the others. */
export interface ReceiptOutcome {
  /** The peer has everything up to here. */
  readonly progress?: { readonly epoch: string; readonly upTo: number };
  /** Nothing of its epoch goes out until `parked`. */
  readonly park?: Refused;
  /** The peer fell behind what it had receipted: only a new hello tells where it stands. */
  readonly hello?: true;
  /** Nothing to act on, and why. */
  readonly ignored?: "unknown epoch" | "stale" | "never sent";
}

export interface SenderLedgerOptions {
  readonly window: Window;
  readonly backoff: Backoff;
  /** Evenly spread in [0, 1). */
  readonly jitter: () => number;
  readonly drain?: DrainLimits;
  /**
   * While a packet of the newest epoch is on its way, fewer entries than this wait for its receipt (as in Nagle's
   * algorithm, RFC 896): an idle link sends at once, a busy one sends few and full packets. 1: never.
   */
  readonly gather?: number;
}

/**
 * Times are those of a monotonic clock, in ms. Between sessions it sends nothing. An epoch for control entries goes
 * before all others: control entries pass what was written before them, while nothing passes a control entry.
 */
export class SenderLedger {
  readonly #options: SenderLedgerOptions;
  /** Oldest first. */
  #epochs = new Map<string, SentEpoch>();
  #credit: Credit = { entries: 0, bytes: 0 };
  #open = false;
  /** The peer takes control entries whatever its credit. */
  #passesCredit = false;
  #servedLast: string | null = null;
  #attempt = 0;
  #probeAt: number | null = null;
  /** The next old entry is larger than what old epochs may still have on their way: they wait for a receipt. */
  #drainFull = false;
  /** When the pace lets old epochs go on, as of the last `next`; `null` when it was not what held them back. */
  #pacedUntil: number | null = null;
  readonly #pace: DrainPace;

  constructor(options: SenderLedgerOptions) {
    this.#options = options;
    this.#pace = new DrainPace(options.drain ?? drainLimits);
  }

  /**
   * The peer answered the hello: everything is sent from its marks. Returns what it has already, as progress.
   * `ahead` names epochs of which it claims more than was ever numbered: this store was rolled back. `passesCredit`:
   * it takes control entries without credit.
   */
  begin(
    epochs: readonly OutboxEpoch[],
    marks: ReadonlyMap<string, number>,
    credit: Credit,
    passesCredit = false,
  ): { readonly progress: readonly { epoch: string; upTo: number }[]; readonly ahead: readonly string[] } {
    this.#epochs = new Map();
    this.#open = true;
    this.#credit = credit;
    this.#passesCredit = passesCredit;
    this.#attempt = 0;
    this.#probeAt = null;
    this.#drainFull = false;
    const progress: { epoch: string; upTo: number }[] = [];
    const ahead: string[] = [];
    for (const { id, first, last, isControl = false } of epochs) {
      const mark = marks.get(id) ?? 0;
      const acked = Math.min(Math.max(mark, first - 1), last);
      this.#epochs.set(id, new SentEpoch(id, isControl, acked, last));
      if (mark > last) ahead.push(id);
      if (acked > 0) progress.push({ epoch: id, upTo: acked });
    }
    return { progress, ahead };
  }

  /** The session ended: nothing is in flight any more. */
  end(): void {
    this.#open = false;
    this.#epochs = new Map();
    this.#probeAt = null;
  }

  /** Entries were appended; epochs the ledger does not know and that are not `unlisted` are new. */
  grown(epochs: readonly OutboxEpoch[], unlisted: ReadonlySet<string>): void {
    if (!this.#open) return;
    for (const { id, first, last, isControl = false } of epochs) {
      const known = this.#epochs.get(id);
      if (known !== undefined) known.last = Math.max(known.last, last);
      else if (!unlisted.has(id)) this.#epochs.set(id, new SentEpoch(id, isControl, first - 1, last));
    }
  }

  /** True when everything it knows of is receipted. */
  get drained(): boolean {
    return this.#open && [...this.#epochs.values()].every(({ isReceipted }) => isReceipted);
  }

  /** Entries of the epochs it knows that are not on their way. */
  get unsent(): number {
    let unsent = 0;
    for (const { last, cursor } of this.#epochs.values()) unsent += Math.max(0, last - cursor);
    return unsent;
  }

  /** What the peer takes, as it last said. */
  get credit(): Credit {
    return this.#credit;
  }

  /** What to send next; `null` while window, credit, pace or backlog allow nothing. */
  next(now: number): Fetch | null {
    this.#pacedUntil = null;
    if (!this.#open) return null;
    const control = this.#control();
    if (control !== undefined) return this.#nextControl(control);
    if (this.#paused()) return null;
    const current = this.#current();
    const isCurrentDue = current?.isWaiting === true && !this.#gathers(current);
    const isOldDue = this.#isAnyWaiting(current);
    if (!isCurrentDue && !isOldDue) return null;
    const { window } = this.#options;
    const room = this.#room(window, this.#flying());
    if (room === null) return null;
    // With no backlog, as it mostly is, there is nothing to choose.
    if (!isOldDue && current !== undefined) return fetchOf(current, room, room, window);
    const waiting = this.#waiting().filter((epoch) => epoch !== current || !this.#gathers(epoch));
    const old = waiting[0] === current ? null : this.#drainRoom(now);
    const epoch = this.#choose(waiting, old !== null);
    if (epoch === null) return null;
    return fetchOf(epoch, room, epoch === current || old === null ? room : old, window);
  }

  /** How many of the fetched entries go now: those that fit, and one in any case when nothing is in flight. */
  admit(fetch: Fetch, entries: readonly NumberedEntry[]): readonly NumberedEntry[] {
    const epoch = this.#epochs.get(fetch.epoch);
    if (!this.#open || epoch === undefined || epoch.parking.size > 0 || epoch.cursor + 1 !== fetch.from)
      return [];
    let bytes = 0;
    let fits = 0;
    for (const entry of entries) {
      bytes += entry.size;
      if (fits >= fetch.maxEntries || bytes > fetch.maxBytes) break;
      fits++;
    }
    if (fits === 0 && this.#flyingWith(epoch).entries === 0) fits = 1;
    const current = this.#current();
    // Alone it will go once nothing is in flight; behind others of its kind it need not hold up fresh entries.
    if (fits === 0 && epoch !== current && !epoch.isControl)
      this.#drainFull = this.#flying((each) => each !== current).entries > 0;
    return entries.slice(0, fits);
  }

  /** Whether it is worth asking again after `admit` let nothing of this fetch go: the current epoch has its turn. */
  passes(fetch: Fetch): boolean {
    const epoch = this.#epochs.get(fetch.epoch);
    return this.#drainFull && epoch !== this.#current() && epoch?.isControl === false;
  }

  /** The packet went out. `size` is its bytes on the wire. */
  sent(epochId: string, entries: readonly NumberedEntry[], size: number, now: number): void {
    const epoch = this.#epochs.get(epochId);
    if (epoch === undefined || entries.length === 0) return;
    const bytes = epoch.sent(entries, size);
    if (!epoch.isControl) {
      this.#servedLast = epochId;
      if (epoch !== this.#current()) this.#pace.spend(entries.length, bytes);
    }
    this.#probeAt ??= now + this.#delay();
  }

  receipt(receipt: Receipt, now: number): ReceiptOutcome {
    const epoch = this.#epochs.get(receipt.epoch);
    this.#drainFull = false;
    if (epoch === undefined) return { ignored: "unknown epoch" };
    if (receipt.upTo > epoch.last) return { ignored: "never sent" };
    if (receipt.upTo < epoch.acked) return receipt.resend ? { hello: true } : { ignored: "stale" };
    this.#credit = receipt.credit;
    const progressed = receipt.upTo > epoch.acked;
    if (progressed) {
      epoch.receipted(receipt.upTo);
      this.#attempt = 0;
      this.#probeAt = null;
    }
    const park = receipt.refused === undefined ? null : epoch.refused(receipt.refused);
    if (receipt.resend && receipt.refused === undefined) epoch.again(receipt.upTo);
    this.#arm(now);
    return {
      ...(progressed && { progress: { epoch: epoch.id, upTo: receipt.upTo } }),
      ...(park !== null && { park }),
    };
  }

  /** The entry stands aside on disk; what is behind it goes on. */
  parked(epochId: string, n: number): void {
    this.#epochs.get(epochId)?.parking.delete(n);
  }

  /** When `probes` wants to be called; `null` while nothing is waited for. */
  wakeAt(now: number): number | null {
    this.#arm(now);
    return this.#probeAt;
  }

  /**
   * When to call `next` again for the old epoch that it held back for its pace alone; `null` when it did not. That time
   * may have come meanwhile: nothing else would ask for the entry then.
   */
  drainAt(): number | null {
    if (this.#pacedUntil === null || !this.#open || this.#paused()) return null;
    const current = this.#current();
    return this.#isAnyWaiting(current) ? this.#pacedUntil : null;
  }

  /** What to ask for when no receipt came in time; empty before that. Each call waits longer than the last. */
  probes(now: number): readonly Probe[] {
    if (!this.#open || this.#probeAt === null || now < this.#probeAt) return [];
    this.#attempt++;
    this.#probeAt = now + this.#delay();
    const flying = [...this.#epochs.values()].filter(({ isFlying }) => isFlying);
    const asked = flying.length > 0 ? flying : this.#waiting().slice(0, 1);
    return asked.map((epoch) => ({ epoch: epoch.id, first: epoch.cursor + 1 }));
  }

  #paused(): boolean {
    return this.#credit.entries < 1 || this.#credit.bytes < 1;
  }

  /** The oldest epoch of control entries that is not receipted to its end: the next one begins only then. */
  #control(): SentEpoch | undefined {
    for (const epoch of this.#epochs.values()) if (epoch.isControl && !epoch.isReceipted) return epoch;
    return undefined;
  }

  #nextControl(epoch: SentEpoch): Fetch | null {
    if (!epoch.isWaiting || (!this.#passesCredit && this.#paused())) return null;
    const room = this.#room(controlWindow, this.#flyingWith(epoch), this.#passesCredit);
    return room === null ? null : fetchOf(epoch, room, room, controlWindow);
  }

  /** `null` when there is none; something is always admitted when nothing is on its way. */
  #room(window: Window, flying: Window, passesCredit = false): Window | null {
    const most = passesCredit ? window : smaller(window, this.#credit);
    const room = { entries: most.entries - flying.entries, bytes: most.bytes - flying.bytes };
    return flying.entries > 0 && (room.entries < 1 || room.bytes < 1) ? null : room;
  }

  /** Oldest first. */
  #waiting(): SentEpoch[] {
    return [...this.#epochs.values()].filter(({ isWaiting }) => isWaiting);
  }

  /** Whether one waits that is not this one. */
  #isAnyWaiting(but?: SentEpoch): boolean {
    for (const epoch of this.#epochs.values()) if (epoch !== but && epoch.isWaiting) return true;
    return false;
  }

  #isAnyFlying(): boolean {
    for (const epoch of this.#epochs.values()) if (epoch.isFlying) return true;
    return false;
  }

  /** No longer than until the first probe: who waits so long for receipts does not count on them. */
  #gathers({ isFlying, last, cursor }: SentEpoch): boolean {
    return this.#attempt === 0 && isFlying && last - cursor < (this.#options.gather ?? 1);
  }

  /** Where fresh entries go that are not for control. */
  #current(): SentEpoch | undefined {
    let newest: SentEpoch | undefined;
    for (const epoch of this.#epochs.values()) if (!epoch.isControl) newest = epoch;
    return newest;
  }

  /** What old epochs may send now; `null` when nothing. */
  #drainRoom(now: number): { entries: number; bytes: number } | null {
    if (this.#drainFull) return null;
    const current = this.#current();
    const { window } = this.#options;
    const flying = this.#flying((epoch) => epoch !== current);
    const entries = Math.max(1, Math.floor(window.entries * drainShare)) - flying.entries;
    const bytes = Math.floor(window.bytes * drainShare) - flying.bytes;
    if (flying.entries > 0 && (entries < 1 || bytes < 1)) return null;
    const pace = this.#pace.allowance(now);
    if (pace === null) this.#pacedUntil = this.#pace.readyAt(now);
    return pace === null
      ? null
      : { entries: Math.min(entries, pace.entries), bytes: Math.min(bytes, pace.bytes) };
  }

  #choose(all: readonly SentEpoch[], mayDrain: boolean): SentEpoch | null {
    const current = this.#current();
    const waiting = all.filter((epoch) => mayDrain || epoch === current);
    const states = waiting.map((epoch) => ({ id: epoch.id, current: epoch === current }));
    const id = nextEpoch(states, this.#servedLast);
    return id === null ? null : (this.#epochs.get(id) ?? null);
  }

  #flying(of: (epoch: SentEpoch) => boolean = () => true): Window {
    let entries = 0;
    let bytes = 0;
    for (const epoch of this.#epochs.values()) {
      if (!of(epoch)) continue;
      const flying = epoch.flying();
      entries += flying.entries;
      bytes += flying.bytes;
    }
    return { entries, bytes };
  }

  /** What is on its way in the window that this epoch has a part of. */
  #flyingWith(epoch: SentEpoch): Window {
    const isApart = epoch.isControl && this.#passesCredit;
    return this.#flying(({ isControl }) => !isApart || isControl);
  }

  /** Waits for a receipt while something is in flight, and for credit while paused with a backlog. */
  #arm(now: number): void {
    const waits = this.#open && (this.#isAnyFlying() || (this.#paused() && this.#isAnyWaiting()));
    if (!waits) this.#probeAt = null;
    else this.#probeAt ??= now + this.#delay();
  }

  #delay(): number {
    return backoffMs(this.#options.backoff, this.#attempt, this.#options.jitter());
  }
}

function smaller(a: Window, b: Window): Window {
  return { entries: Math.min(a.entries, b.entries), bytes: Math.min(a.bytes, b.bytes) };
}

/** Half a window at a time: while one packet is being taken the next is on its way. */
function fetchOf(epoch: SentEpoch, room: Window, most: Window, window: Window): Fetch {
  const halving = epoch.halving?.most ?? Number.MAX_SAFE_INTEGER;
  const entries = Math.min(room.entries, most.entries, Math.ceil(window.entries / 2), halving);
  return {
    epoch: epoch.id,
    from: epoch.cursor + 1,
    maxEntries: Math.max(1, entries),
    maxBytes: Math.max(1, Math.min(room.bytes, most.bytes, window.bytes / 2)),
  };
}
