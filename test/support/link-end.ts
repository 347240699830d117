/** One end of a link on real LevelDB, with an inbox that stores entries and mark in one batch. */
import { randomBytes } from "node:crypto";
import { timestamp } from "../../shared/clock.ts";
import { ulidSource } from "../../shared/ids.ts";
import type { Responder } from "../../shared/link/ask.ts";
import { type LinkCounters, linkCounters } from "../../shared/link/counters.ts";
import { Link } from "../../shared/link/link.ts";
import { MarksStore } from "../../shared/link/marks-store.ts";
import type { OutboxLimits } from "../../shared/link/outbox-epochs.ts";
import { type AppendEntry, OutboxStore } from "../../shared/link/outbox-store.ts";
import type { Inbox, NumberedEntry, Outbox } from "../../shared/link/ports.ts";
import { silentLogger } from "../../shared/log.ts";
import { type Database, openDatabase } from "../../shared/storage/database-store.ts";
import type { Timers } from "../../shared/timers.ts";
import { type Authenticator, devAuthenticator } from "../../shared/wire/authenticator.ts";
import type { DownEntry, Entry, Side, StreamChunk, UpEntry } from "../../shared/wire/messages.ts";
import type { NetworkEnd } from "./link-network.ts";

export const newId = ulidSource({ now: () => Date.now() }, (length) => randomBytes(length));

/** The link's seconds pass in hundredths: nothing waits long for a probe. */
const haste = 100;
export const hastyClock = {
  now: () => Date.now(),
  monotonic: () => performance.now() * haste,
};
export const hastyTimers: Timers = {
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs / haste);
    return () => clearTimeout(timer);
  },
};

export function triggerEntry(payload: object = {}): AppendEntry {
  const at = timestamp(Date.now());
  return { id: newId(), at, kind: "trigger", trigger: "test.seen", payload: payload as never, sensor: null };
}

export function cancelEntry(): DownEntry {
  return { id: newId(), at: timestamp(Date.now()), kind: "cancel", execution: newId() };
}

/** An entry as the inbox stored it. */
export interface TakenEntry {
  readonly epoch: string;
  readonly n: number;
  readonly last: number;
  readonly entry: Entry;
}

export interface TestInbox extends Inbox<Entry> {
  credit: () => { entries: number; bytes: number };
  /** In the order of taking. */
  taken(): Promise<readonly TakenEntry[]>;
  gaps(): Promise<readonly { epoch: string; from: number; to: number; reason: string }[]>;
  /** Sizes of the takes of this process. */
  readonly takes: number[];
}

async function openInbox(database: Database): Promise<TestInbox> {
  const { level, committer } = database;
  const marks = new MarksStore({ db: level, prefix: "mark", now: () => Date.now() });
  let next = 0;
  for await (const key of level.keys({ gt: "taken!", lt: 'taken"', reverse: true, limit: 1 })) {
    next = Number(key.slice("taken!".length)) + 1;
  }
  const inbox: TestInbox = {
    takes: [],
    marks: (epochs) => marks.read(epochs),
    async take(epoch, mark, entries: readonly NumberedEntry[]) {
      const stands = (await marks.read([epoch])).get(epoch) ?? 0;
      if (stands !== mark) return { taken: false, upTo: stands };
      inbox.takes.push(entries.length);
      const upTo = entries.at(-1)?.last ?? mark;
      const ops = entries.map(({ n, last, entry }) => ({
        type: "put" as const,
        key: `taken!${String(next++).padStart(12, "0")}`,
        value: JSON.stringify({ epoch, n, last, entry }),
      }));
      await committer.commit({ ops: [...ops, marks.put(epoch, upTo)], bytes: 1_000, source: "inbox" });
      return { taken: true, upTo };
    },
    async gap(epoch, from, to, reason) {
      const value = JSON.stringify({ epoch, from, to, reason });
      const put = { type: "put", key: `gap!${epoch}!${from}`, value } as const;
      await committer.commit({ ops: [put, marks.put(epoch, to)], bytes: 1_000, source: "inbox" });
    },
    credit: () => ({ entries: 1_024, bytes: 1024 * 1024 }),
    async taken() {
      const values = await level.values({ gt: "taken!", lt: 'taken"' }).all();
      return values.map((value) => JSON.parse(value));
    },
    async gaps() {
      const values = await level.values({ gt: "gap!", lt: 'gap"' }).all();
      return values.map((value) => JSON.parse(value));
    },
  };
  return inbox;
}

export interface LinkEnd {
  readonly link: Link;
  readonly database: Database;
  readonly outbox: OutboxStore;
  readonly inbox: TestInbox;
  readonly chunks: StreamChunk[];
  readonly counters: LinkCounters;
  append(entries: readonly Entry[]): Promise<readonly NumberedEntry[]>;
  close(): Promise<void>;
  /** As if killed: what was not written is lost, nothing is finished. The folder can be opened again. */
  crash(): Promise<void>;
}

export interface LinkEndOptions {
  readonly side: Side;
  readonly folder: string;
  readonly network: NetworkEnd;
  readonly responders?: Readonly<Record<string, Responder>>;
  readonly limits?: Partial<OutboxLimits>;
  /** What it gives the link in place of the outbox itself. */
  readonly wrapOutbox?: (outbox: Outbox) => Outbox;
  readonly timers?: Timers;
  /** In place of the one of dev mode. */
  readonly authenticator?: Authenticator | undefined;
}

/** Opens the folder, builds the link, connects it. */
export async function openLinkEnd(options: LinkEndOptions): Promise<LinkEnd> {
  const { side, folder, network, limits } = options;
  const database = await openDatabase({ folder, format: 1, newId });
  const outbox = await OutboxStore.open({
    db: database.level,
    committer: database.committer,
    prefix: "outbox",
    newId,
    now: () => Date.now(),
    log: silentLogger,
    ...(limits !== undefined && { limits }),
  });
  const inbox = await openInbox(database);
  const chunks: StreamChunk[] = [];
  const counters = linkCounters();
  let alive = true;
  const link = new Link<Side>({
    side,
    outbox: (options.wrapOutbox?.(outbox) ?? outbox) as Outbox<UpEntry>,
    inbox,
    transport: {
      send: (kind, bytes) => alive && network.transport.send(kind, bytes),
      hasCompany: () => network.transport.hasCompany?.() === true,
    },
    authenticator: options.authenticator ?? devAuthenticator,
    incarnation: database.incarnation,
    version: "0",
    responders: options.responders ?? {},
    clock: hastyClock,
    timers: options.timers ?? hastyTimers,
    jitter: Math.random,
    newId,
    log: silentLogger,
    chunk: (chunk) => chunks.push(chunk),
    counters,
  });
  await network.open({
    connected: () => alive && link.connected(),
    disconnected: () => alive && link.disconnected(),
    receive: (kind, bytes) => alive && link.receive(kind, bytes),
  });
  return {
    link,
    database,
    outbox,
    inbox,
    chunks,
    counters,
    append: (entries) => outbox.append(entries as readonly AppendEntry[]),
    async close() {
      alive = false;
      await link.close();
      await database.close();
    },
    async crash() {
      alive = false;
      await database.level.close();
      await link.close();
    },
  };
}
