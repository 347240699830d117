/** The sender's bookkeeping of one ledger: what was sent, what is receipted, what may go next. Pure. */
import { type Backoff, backoffMs } from "../backoff.ts";
import type { Credit, EpochRange, Receipt } from "../wire/messages.ts";
import { type DrainLimits, DrainPace, drainLimits, drainShare, nextEpoch } from "./drain.ts";
import type { NumberedEntry } from "./ports.ts";

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
  /** An entry that the peer cannot decode, alone in its packet; nothing of its epoch goes out until `parked`. */
  readonly park?: { readonly epoch: string; readonly n: number; readonly reason: string };
  /** The peer fell behind what it had receipted: only a new hello tells where it stands. */
  readonly hello?: true;
  /** Nothing to act on, and why. */
  readonly ignored?: "unknown epoch" | "stale" | "never sent";
}

interface Flight {
  readonly first: number;
  readonly last: number;
  readonly entries: number;
  readonly bytes: number;
  /** Bytes of the packet. */
  readonly size: number;
  readonly onlyVoids: boolean;
}

interface EpochState {
  readonly id: string;
  last: number;
  acked: number;
  /** Sent up to here, and not asked for again. */
  cursor: number;
  flights: Flight[];
  /** While a refused packet is narrowed down: entries per packet, until this number has passed. */
  halving: { readonly until: number; readonly most: number } | null;
  /** Numbers on their way aside: the epoch waits for `parked`. A refused void is never parked: it waits for good. */
  readonly parking: Set<number>;
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

/** Times are those of a monotonic clock, in ms. Between sessions it sends nothing. */
export class SenderLedger {
  readonly #options: SenderLedgerOptions;
  /** Oldest first. */
  #epochs = new Map<string, EpochState>();
  #credit: Credit = { entries: 0, bytes: 0 };
  #open = false;
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
   * `ahead` names epochs of which it claims more than was ever numbered: this store was rolled back.
   */
  begin(
    epochs: readonly EpochRange[],
    marks: ReadonlyMap<string, number>,
    credit: Credit,
  ): { readonly progress: readonly { epoch: string; upTo: number }[]; readonly ahead: readonly string[] } {
    this.#epochs = new Map();
    this.#open = true;
    this.#credit = credit;
    this.#attempt = 0;
    this.#probeAt = null;
    this.#drainFull = false;
    const progress: { epoch: string; upTo: number }[] = [];
    const ahead: string[] = [];
    for (const { id, first, last } of epochs) {
      const mark = marks.get(id) ?? 0;
      const acked = Math.min(Math.max(mark, first - 1), last);
      this.#epochs.set(id, fresh(id, acked, last));
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
  grown(epochs: readonly EpochRange[], unlisted: ReadonlySet<string>): void {
    if (!this.#open) return;
    for (const { id, first, last } of epochs) {
      const known = this.#epochs.get(id);
      if (known !== undefined) known.last = Math.max(known.last, last);
      else if (!unlisted.has(id)) this.#epochs.set(id, fresh(id, first - 1, last));
    }
  }

  /** True when everything it knows of is receipted. */
  get drained(): boolean {
    return this.#open && [...this.#epochs.values()].every((epoch) => epoch.acked >= epoch.last);
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
    if (!this.#open || this.#paused()) return null;
    const { window } = this.#options;
    const flying = this.#flying();
    const room = {
      entries: Math.min(window.entries, this.#credit.entries) - flying.entries,
      bytes: Math.min(window.bytes, this.#credit.bytes) - flying.bytes,
    };
    if (flying.entries > 0 && (room.entries < 1 || room.bytes < 1)) return null;
    const current = this.#current();
    const waiting = this.#waiting().filter((epoch) => epoch !== current || !this.#gathers(epoch));
    if (waiting.length === 0) return null;
    const old = waiting[0] === current ? null : this.#drainRoom(now);
    const epoch = this.#choose(waiting, old !== null);
    if (epoch === null) return null;
    const most = epoch === current || old === null ? room : old;
    const halving = epoch.halving?.most ?? Number.MAX_SAFE_INTEGER;
    // Half a window at a time: while one packet is being taken the next is on its way.
    const entries = Math.min(room.entries, most.entries, Math.ceil(window.entries / 2), halving);
    return {
      epoch: epoch.id,
      from: epoch.cursor + 1,
      maxEntries: Math.max(1, entries),
      maxBytes: Math.max(1, Math.min(room.bytes, most.bytes, window.bytes / 2)),
    };
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
    if (fits === 0 && this.#flying().entries === 0) fits = 1;
    const current = this.#current();
    // Alone it will go once nothing is in flight; behind others of its kind it need not hold up fresh entries.
    if (fits === 0 && epoch !== current)
      this.#drainFull = this.#flying((each) => each !== current).entries > 0;
    return entries.slice(0, fits);
  }

  /** Whether it is worth asking again after `admit` let nothing of this fetch go: the current epoch has its turn. */
  passes(fetch: Fetch): boolean {
    return this.#drainFull && fetch.epoch !== this.#current()?.id;
  }

  /** The packet went out. `size` is its bytes on the wire. */
  sent(epochId: string, entries: readonly NumberedEntry[], size: number, now: number): void {
    const epoch = this.#epochs.get(epochId);
    const [first] = entries;
    const last = entries.at(-1);
    if (epoch === undefined || first === undefined || last === undefined) return;
    epoch.flights.push({
      first: first.n,
      last: last.last,
      entries: entries.length,
      bytes: entries.reduce((sum, entry) => sum + entry.size, 0),
      size,
      onlyVoids: entries.every(({ entry }) => entry.kind === "void"),
    });
    epoch.cursor = last.last;
    this.#servedLast = epochId;
    if (epoch !== this.#current()) this.#pace.spend(entries.length, epoch.flights.at(-1)?.bytes ?? 0);
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
      epoch.acked = receipt.upTo;
      epoch.cursor = Math.max(epoch.cursor, receipt.upTo);
      epoch.flights = epoch.flights.filter((flight) => flight.last > receipt.upTo);
      if (epoch.halving !== null && receipt.upTo >= epoch.halving.until) epoch.halving = null;
      this.#attempt = 0;
      this.#probeAt = null;
    }
    const park = this.#refused(epoch, receipt);
    if (receipt.resend && receipt.refused === undefined) {
      epoch.flights = [];
      epoch.cursor = receipt.upTo;
    }
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
    if (!this.#open || this.#paused()) return null;
    const current = this.#current();
    return this.#waiting().some((epoch) => epoch !== current) ? this.#pacedUntil : null;
  }

  /** What to ask for when no receipt came in time; empty before that. Each call waits longer than the last. */
  probes(now: number): readonly Probe[] {
    if (!this.#open || this.#probeAt === null || now < this.#probeAt) return [];
    this.#attempt++;
    this.#probeAt = now + this.#delay();
    const flying = [...this.#epochs.values()].filter((epoch) => epoch.flights.length > 0);
    const asked = flying.length > 0 ? flying : this.#waiting().slice(0, 1);
    return asked.map((epoch) => ({ epoch: epoch.id, first: epoch.cursor + 1 }));
  }

  /** Narrows a refused packet down; the entry to park when it stood alone. */
  #refused(epoch: EpochState, receipt: Receipt): NonNullable<ReceiptOutcome["park"]> | null {
    const { refused } = receipt;
    if (refused === undefined) return null;
    const index = epoch.flights.findIndex(
      ({ first, size }) => first === refused.first && size === refused.size,
    );
    const flight = epoch.flights[index];
    // Not in flight as such: an answer that came late or twice, to a packet that was narrowed down already.
    if (flight === undefined) return null;
    epoch.flights = epoch.flights.slice(0, index);
    epoch.cursor = flight.first - 1;
    if (flight.entries > 1) {
      const until = Math.max(flight.last, epoch.halving?.until ?? 0);
      epoch.halving = { until, most: Math.floor(flight.entries / 2) };
      return null;
    }
    epoch.parking.add(flight.first);
    // A void has nothing in it to set aside. Whoever refuses it refuses all; the next session tries again.
    if (flight.onlyVoids) return null;
    return { epoch: epoch.id, n: flight.first, reason: `${refused.code}: ${refused.message}` };
  }

  #paused(): boolean {
    return this.#credit.entries < 1 || this.#credit.bytes < 1;
  }

  /** Oldest first. */
  #waiting(): EpochState[] {
    const waiting: EpochState[] = [];
    for (const epoch of this.#epochs.values()) {
      if (epoch.cursor < epoch.last && epoch.parking.size === 0) waiting.push(epoch);
    }
    return waiting;
  }

  /** No longer than until the first probe: who waits so long for receipts does not count on them. */
  #gathers({ flights, last, cursor }: EpochState): boolean {
    return this.#attempt === 0 && flights.length > 0 && last - cursor < (this.#options.gather ?? 1);
  }

  /** Where fresh entries go. */
  #current(): EpochState | undefined {
    let newest: EpochState | undefined;
    for (const epoch of this.#epochs.values()) newest = epoch;
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

  #choose(all: readonly EpochState[], mayDrain: boolean): EpochState | null {
    const current = this.#current();
    const waiting = all.filter((epoch) => mayDrain || epoch === current);
    const states = waiting.map((epoch) => ({ id: epoch.id, current: epoch === current }));
    const id = nextEpoch(states, this.#servedLast);
    return id === null ? null : (this.#epochs.get(id) ?? null);
  }

  #flying(of: (epoch: EpochState) => boolean = () => true): { entries: number; bytes: number } {
    let entries = 0;
    let bytes = 0;
    for (const epoch of this.#epochs.values()) {
      if (!of(epoch)) continue;
      for (const flight of epoch.flights) {
        entries += flight.entries;
        bytes += flight.bytes;
      }
    }
    return { entries, bytes };
  }

  /** Waits for a receipt while something is in flight, and for credit while paused with a backlog. */
  #arm(now: number): void {
    const waits =
      this.#open && (this.#flying().entries > 0 || (this.#paused() && this.#waiting().length > 0));
    if (!waits) this.#probeAt = null;
    else this.#probeAt ??= now + this.#delay();
  }

  #delay(): number {
    return backoffMs(this.#options.backoff, this.#attempt, this.#options.jitter());
  }
}

function fresh(id: string, acked: number, last: number): EpochState {
  return { id, last, acked, cursor: acked, flights: [], halving: null, parking: new Set() };
}
