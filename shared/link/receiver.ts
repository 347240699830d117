/** The receiving end of one ledger: takes packets one after the other, and receipts what is on disk. */
import type { Logger } from "../log.ts";
import type { Timers } from "../timers.ts";
import type { Credit, Entry, Hello, Receipt } from "../wire/messages.ts";
import { type LinkCounters, linkCounters } from "./counters.ts";
import { NotedTakes } from "./noted-takes.ts";
import type { IntakeJournal } from "./poison.ts";
import type { Inbox, NumberedEntry } from "./ports.ts";
import { planTake } from "./take.ts";

export interface ReceivedPacket<E extends Entry = Entry> {
  readonly epoch: string;
  readonly first: number;
  readonly entries: readonly NumberedEntry<E>[];
}

export interface Refusal {
  readonly epoch: string;
  readonly first: number;
  readonly size: number;
  readonly code: string;
  readonly message: string;
}

export interface ReceiverOptions<E extends Entry> {
  readonly inbox: Inbox<E>;
  /** More than this is never queued, whatever the credit: a sender that ignores it is cut short. */
  readonly window: Credit;
  /** What the peer may have on its way beyond that, and without credit. */
  readonly beyond?: Credit;
  readonly sendReceipt: (receipt: Omit<Receipt, "v" | "auth">) => void;
  /**
   * Of a side whose peer waits for no receipt: one that says nothing but how far it has come may wait so long (ms) for
   * others, or for a packet that goes the same way, unless one has just gone (`hasCompany`).
   */
  readonly patience?: {
    readonly ms: number;
    readonly timers: Timers;
    readonly hasCompany?: () => boolean;
  };
  readonly log: Logger;
  readonly counters?: LinkCounters;
  readonly journal?: IntakeJournal<E>;
}

interface PacketJob<E extends Entry> {
  readonly type: "packet";
  readonly packet: ReceivedPacket<E>;
  /** Of its entries. */
  readonly bytes: number;
}
type Job<E extends Entry> =
  | PacketJob<E>
  | { readonly type: "refusal"; readonly refusal: Refusal }
  | { readonly type: "other"; readonly run: () => Promise<void> };

/**
 * One take at most of this many: what waits in the queue is merged, which makes few large batches under load. A larger
 * take would gain little and hold up all others for as long as it is computed.
 */
const mergedEntries = 256;
const mergedBytes = 256 * 1024;
const maxTurnedAway = 16;
/** Entries that the peer may be left without a receipt of; a part of the smaller window. */
const mostUnreceipted = 16;
/** Marks kept in memory; a peer that invents epochs gains nothing by it. */
const maxMarks = 4_096;
/** Jobs that wait. Entries are bounded by the credit; probes, refusals and hellos carry none. */
const maxJobs = 1_024;

const nothing: Credit = { entries: 0, bytes: 0 };

/** Never rejects: what cannot be taken now is dropped without a receipt, and sent again by the peer. */
export class LedgerReceiver<E extends Entry = Entry> {
  readonly #options: ReceiverOptions<E>;
  readonly #counters: LinkCounters;
  readonly #marks = new Map<string, number>();
  /** Of epochs with a mark in memory: the highest number in the queue without a hole before it. */
  readonly #queuedUpTo = new Map<string, number>();
  /** Epoch to the mark at which a resend was asked for: a row of packets behind a hole asks once. */
  readonly #asked = new Map<string, number>();
  #queue: Job<E>[] = [];
  #queuedEntries = 0;
  #queuedBytes = 0;
  /** The most that was ever granted: what the peer may have on its way. */
  #granted: Credit = nothing;
  #lastEpoch: string | null = null;
  /** Packets went beyond the own window: what was dropped is asked for when the queue is empty. */
  #isCut = false;
  /** Epochs of which packets were dropped. */
  readonly #turnedAway = new Set<string>();
  #granting = false;
  /** A receipt that waits for company, and how many entries it is about. */
  #due: { readonly epoch: string; readonly upTo: number; readonly entries: number } | null = null;
  #stopWaiting: (() => void) | null = null;
  #running: Promise<void> | null = null;
  readonly #takes: NotedTakes<E>;
  #closed = false;

  constructor(options: ReceiverOptions<E>) {
    this.#options = options;
    this.#counters = options.counters ?? linkCounters();
    this.#takes = new NotedTakes(options.inbox, options.journal, (epoch) => this.#mark(epoch));
  }

  /** False when it came in vain: beyond the credit, for want of room, behind a hole, or with what is here already. */
  packet(packet: ReceivedPacket<E>): boolean {
    const entries = this.#queuedEntries + packet.entries.length;
    const more = sizeOf(packet.entries);
    const { window, beyond = nothing } = this.#options;
    const over =
      entries > Math.min(window.entries, this.#granted.entries) + beyond.entries ||
      this.#queuedBytes + more > Math.min(window.bytes, this.#granted.bytes) + beyond.bytes;
    // Beyond the credit: it will be asked for again when there is room. One packet is always admitted.
    if (this.#closed || this.#queue.length >= maxJobs) return false;
    const cut = over && this.#queuedEntries > 0;
    if (cut || (more > 0 && this.#options.inbox.room?.enter(more) === false)) {
      this.#isCut ||= cut;
      // The peer may name any epoch it likes; of the one it gets nowhere with it asks by itself.
      if (this.#turnedAway.size < maxTurnedAway) this.#turnedAway.add(packet.epoch);
      return false;
    }
    const last = this.#queue.at(-1);
    const repeated =
      packet.entries.length === 0 && last?.type === "packet" && last.packet.epoch === packet.epoch;
    if (repeated && last.packet.entries.length === 0) this.#queue.pop();
    this.#queuedEntries = entries;
    this.#queuedBytes += more;
    const isNext = this.#isNext(packet);
    this.#push({ type: "packet", packet, bytes: more });
    return isNext;
  }

  /** Whether anything of it can be taken once all that is queued is. */
  #isNext({ epoch, first, entries }: ReceivedPacket<E>): boolean {
    const last = entries.at(-1)?.last;
    const mark = this.#marks.get(epoch);
    if (last === undefined || mark === undefined) return true;
    const expected = Math.max(mark, this.#queuedUpTo.get(epoch) ?? 0);
    const isNext = first <= expected + 1 && last > expected;
    if (isNext) this.#queuedUpTo.set(epoch, last);
    return isNext;
  }

  /** A packet that could not be decoded; answered in its turn. */
  refused(refusal: Refusal): void {
    if (this.#queue.length < maxJobs) this.#push({ type: "refusal", refusal });
  }

  /**
   * Where this side stands in each epoch of the peer's hello, in turn with the takes. What the peer can no longer
   * send is recorded as a gap first. Rejects when the store does.
   */
  answer(
    hello: Hello,
  ): Promise<{ readonly marks: readonly { epoch: string; upTo: number }[]; credit: Credit }> {
    return this.exclusive(async () => {
      const { inbox } = this.#options;
      const found = await inbox.marks(hello.epochs.map(({ id }) => id));
      this.#marks.clear();
      this.#asked.clear();
      const marks: { epoch: string; upTo: number }[] = [];
      for (const { id, first } of hello.epochs) {
        let mark = found.get(id) ?? 0;
        if (mark < first - 1) {
          await inbox.gap(
            id,
            mark + 1,
            first - 1,
            "the sender has deleted them: receipted once, and lost here",
          );
          mark = first - 1;
        }
        this.#marks.set(id, mark);
        marks.push({ epoch: id, upTo: mark });
      }
      this.#lastEpoch = hello.epochs.at(-1)?.id ?? null;
      return { marks, credit: this.#grant() };
    });
  }

  /** Runs `work` while nothing is being taken. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) reject(new Error("the link is closed"));
      else this.#push({ type: "other", run: () => work().then(resolve, reject) });
    });
  }

  /**
   * Tells the peer of fresh credit, should it wait for it, and asks again for what was dropped for want of room. In
   * turn with the takes: a receipt that named a mark too low would count as an old one, and its credit for nothing.
   */
  grant(): void {
    if (this.#granting) return;
    this.#granting = true;
    this.#push({
      type: "other",
      run: async () => {
        this.#granting = false;
        const away = [...this.#turnedAway];
        this.#turnedAway.clear();
        for (const epoch of away) this.#receipt(epoch, await this.#mark(epoch), { resend: true });
        const last = this.#lastEpoch;
        if (last !== null && !away.includes(last)) this.#receipt(last, await this.#mark(last));
      },
    });
  }

  /** Forgets what is queued; a take that has begun is finished. */
  async close(): Promise<void> {
    this.#closed = true;
    this.forget();
    this.#dropPackets();
    await this.#running;
  }

  #push(job: Job<E>): void {
    if (this.#closed) return;
    this.#queue.push(job);
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    for (let job = this.#queue.shift(); job !== undefined; job = this.#queue.shift()) {
      try {
        if (job.type === "packet") await this.#take(job.packet.epoch, this.#merged(job));
        else if (job.type === "refusal") await this.#refuse(job.refusal);
        else await job.run();
      } catch (error) {
        // Nothing was promised. The marks are read again, since a failed batch may be on disk all the same.
        this.#options.log.error("entries could not be taken in", { error });
        this.#marks.clear();
        this.#dropPackets();
      }
    }
    this.#running = null;
  }

  /** This packet, and those right behind it of the same epoch. */
  #merged(first: PacketJob<E>): readonly PacketJob<E>[] {
    const jobs = [first];
    let entries = first.packet.entries.length;
    let bytes = first.bytes;
    for (let next = this.#queue[0]; next?.type === "packet"; next = this.#queue[0]) {
      entries += next.packet.entries.length;
      bytes += next.bytes;
      if (next.packet.epoch !== first.packet.epoch || entries > mergedEntries || bytes > mergedBytes) break;
      jobs.push(next);
      this.#queue.shift();
    }
    return jobs;
  }

  async #take(epoch: string, jobs: readonly PacketJob<E>[]): Promise<void> {
    // Not waited for where it is known, here and below: each time that is would cost all that comes in.
    const before = this.#marks.get(epoch) ?? (await this.#readMark(epoch));
    const packets = jobs.map(({ packet }) => packet);
    let mark = before;
    let plan = planTake(mark, packets);
    this.#count(mark, packets);
    // A second time when the mark had moved under us; after that the peer sends again.
    for (let attempt = 0; attempt < 2 && plan.entries.length > 0; attempt++) {
      const end = plan.entries.at(-1)?.last;
      mark = await this.#takes.take(epoch, mark, plan.entries);
      this.#marks.set(epoch, mark);
      plan = mark === end ? { entries: [], hole: plan.hole } : planTake(mark, packets);
    }
    for (const { packet, bytes } of jobs) this.#release(packet.entries.length, bytes);
    if (this.#queuedEntries === 0) {
      this.#queuedUpTo.clear();
      if (this.#isCut) {
        this.#isCut = false;
        this.grant();
      }
    }
    this.#lastEpoch = epoch;
    const missing = plan.hole || plan.entries.length > 0;
    const probed = packets.some(({ entries }) => entries.length === 0);
    const ask = missing && (probed || this.#asked.get(epoch) !== mark);
    if (missing) this.#noteAsked(epoch, mark);
    if (ask) this.#counters.resendsAsked++;
    if (missing || probed || mark <= before) {
      if (!missing || ask || mark > before) this.#receipt(epoch, mark, ask ? { resend: true } : {});
    } else this.#receiptSoon(epoch, mark, mark - before);
  }

  #receiptSoon(epoch: string, upTo: number, more: number): void {
    const { patience } = this.#options;
    const entries = (this.#due?.epoch === epoch ? this.#due.entries : 0) + more;
    if (patience === undefined || entries >= mostUnreceipted || patience.hasCompany?.() === true) {
      this.#receipt(epoch, upTo);
      return;
    }
    if (this.#due !== null && this.#due.epoch !== epoch) this.flush();
    this.#due = { epoch, upTo, entries };
    this.#stopWaiting ??= patience.timers.after(patience.ms, () => this.flush());
  }

  /** Sends the receipt that waits for company, if there is one: something else has just gone. */
  flush(): void {
    if (this.#due !== null) this.#receipt(this.#due.epoch, this.#due.upTo);
  }

  /** The connection is lost: the next hello says how far this side has come. */
  forget(): void {
    this.#due = null;
    this.#stopWaiting?.();
    this.#stopWaiting = null;
  }

  #count(mark: number, packets: readonly ReceivedPacket<E>[]): void {
    for (const { entries } of packets) {
      let again = 0;
      for (const { last } of entries) if (last <= mark) again++;
      this.#counters.packetsReceived++;
      this.#counters.entriesReceived += entries.length - again;
      this.#counters.entriesReceivedAgain += again;
    }
  }

  async #refuse({ epoch, first, size, code, message }: Refusal): Promise<void> {
    const mark = await this.#mark(epoch);
    this.#noteAsked(epoch, mark);
    this.#receipt(epoch, mark, { refused: { first, size, code, message: message.slice(0, 1_000) } });
  }

  #noteAsked(epoch: string, mark: number): void {
    if (this.#asked.size >= maxMarks) this.#asked.clear();
    this.#asked.set(epoch, mark);
  }

  async #mark(epoch: string): Promise<number> {
    return this.#marks.get(epoch) ?? this.#readMark(epoch);
  }

  async #readMark(epoch: string): Promise<number> {
    const mark = (await this.#options.inbox.marks([epoch])).get(epoch) ?? 0;
    if (this.#marks.size >= maxMarks) this.#marks.clear();
    this.#marks.set(epoch, mark);
    return mark;
  }

  #receipt(epoch: string, upTo: number, more: Pick<Receipt, "resend" | "refused"> = {}): void {
    const due = this.#due;
    this.forget();
    if (due !== null && due.epoch !== epoch) this.#receipt(due.epoch, due.upTo);
    this.#options.sendReceipt({ epoch, upTo, credit: this.#grant(), ...more });
  }

  #grant(): Credit {
    const { entries, bytes } = this.#options.inbox.credit();
    if (entries > this.#granted.entries || bytes > this.#granted.bytes)
      this.#granted = {
        entries: Math.max(entries, this.#granted.entries),
        bytes: Math.max(bytes, this.#granted.bytes),
      };
    return { entries, bytes };
  }

  /** Never more than is held: what is being taken when all is dropped is given back once. */
  #release(entries: number, bytes: number): void {
    const back = Math.min(bytes, this.#queuedBytes);
    this.#queuedEntries = Math.max(0, this.#queuedEntries - entries);
    this.#queuedBytes -= back;
    if (back > 0) this.#options.inbox.room?.leave(back);
  }

  #dropPackets(): void {
    this.#queuedUpTo.clear();
    this.#queue = this.#queue.filter(({ type }) => type === "other");
    this.#release(this.#queuedEntries, this.#queuedBytes);
  }
}

function sizeOf(entries: readonly NumberedEntry[]): number {
  let sum = 0;
  for (const { size } of entries) sum += size;
  return sum;
}
