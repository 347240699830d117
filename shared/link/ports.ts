/** The doors of the link: what a ledger's sender and receiver need from storage and from the network. */
import type { Entry, EpochRange, TopicKind } from "../wire/messages.ts";

/** One stored entry, with the number it has in its epoch. A void entry occupies `n` to `last`. */
export interface NumberedEntry<E extends Entry = Entry> {
  readonly n: number;
  readonly last: number;
  readonly entry: E;
  /** Bytes of its JSON text. */
  readonly size: number;
  /** That text, when a store has it at hand: spares the sender writing it again. */
  readonly text?: string;
}

/** An epoch of the sender's; `isControl` says that it holds nothing but control entries (`control.ts`). */
export interface OutboxEpoch extends EpochRange {
  readonly isControl?: true;
}

/** The sender's storage: entries stay until the peer's receipt covers them. Never numbers two entries alike. */
export interface Outbox<E extends Entry = Entry> {
  /** Epochs that still hold entries, and the current one; oldest first. */
  epochs(): readonly OutboxEpoch[];
  /** Before a hello: lets fresh entries pass what has gathered, by a new epoch. */
  passBacklog?(): void;
  /**
   * Entries of `epoch` from number `from` on, in order, at most these many; at least one if there is one. At once when they
   * are in memory: then they leave before anybody is told that they were stored.
   */
  read(
    epoch: string,
    from: number,
    maxEntries: number,
    maxBytes: number,
  ): readonly NumberedEntry<E>[] | Promise<readonly NumberedEntry<E>[]>;
  /** The peer has everything up to `upTo`. Entries may be kept a while for a peer restored from a backup. */
  receipted(epoch: string, upTo: number): Promise<void>;
  /** Sets aside an entry that the peer cannot decode, so that nothing behind it waits; a void entry takes its number. */
  park(epoch: string, n: number, reason: string): Promise<void>;
  /**
   * Calls back after entries became readable; returns the way to stop that. `canWait`: the peer acts on none of them,
   * so they may be sent with what comes next.
   */
  onAppend(listener: (canWait?: boolean) => void): () => void;
}

export type TakeOutcome =
  /** Effect and mark are on disk. `upTo` is the new mark. */
  | { readonly taken: true; readonly upTo: number }
  /** The mark had moved meanwhile (or belongs to another process now); `upTo` is where it stands. */
  | { readonly taken: false; readonly upTo: number };

/** Memory that several links share, for what has come and is not on disk yet. */
export interface SharedRoom {
  /** False when there is no room: the packet is dropped. `LedgerReceiver.grant` is to be called once there is. */
  enter(bytes: number): boolean;
  leave(bytes: number): void;
}

/** The receiver's storage and effects. */
export interface Inbox<E extends Entry = Entry> {
  /** The mark of each epoch; 0 for one never heard of. */
  marks(epochs: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /**
   * Takes entries that follow `mark` without a hole. Writes their effect and the new mark in one batch with
   * sync, then resolves. Rejects when the batch was not written: then nothing is receipted.
   */
  take(epoch: string, mark: number, entries: readonly NumberedEntry<E>[]): Promise<TakeOutcome>;
  /** Entries `from` to `to` cannot be had any more: records a gap and moves the mark to `to`, in one batch. */
  gap(epoch: string, from: number, to: number, reason: string): Promise<void>;
  /** How much it would take now; asked for at each receipt. */
  credit(): { readonly entries: number; readonly bytes: number };
  /** Left out by a side that has one peer only. */
  readonly room?: SharedRoom;
}

/** The network side of one agent's link; carries bytes, promises nothing. */
export interface LinkTransport {
  /** Sends on this agent's topic of that kind. Never throws; what does not arrive is sent again by the ledger. */
  send(kind: TopicKind, bytes: Uint8Array): void;
  /** Whether something was sent just now, so that what is sent in this moment leaves with it. */
  hasCompany?(): boolean;
  /**
   * Of an agent: whether the connection ends at the hub itself, as the hub has just said, or is not known to. A broker
   * between them might drop what comes without asking for an acknowledgement (QoS 0); a hub takes whatever arrives.
   */
  endsAtPeer?(isSo: boolean): void;
}
