/** Keeps history below a size: the oldest whole families go first, whatever their age. */
import { timestamp } from "../shared/clock.ts";
import type { Logger } from "../shared/log.ts";
import type { Store } from "./store/store.ts";

export interface HistoryFigures {
  /** `null`: there is no cap, and nothing is measured. */
  readonly cap_bytes: number | null;
  /** As measured last, blobs included; `null` before that. */
  readonly used_bytes: number | null;
  /** Trigger instances that went for want of room since the start, and when the last of them did. */
  readonly cut_instances: number;
  readonly cut_executions: number;
  readonly cut_at: string | null;
}

export interface HistoryCapOptions {
  readonly store: Pick<Store, "historyBytes" | "purgeOldest" | "reclaim">;
  readonly blobs: {
    list(): Promise<readonly { readonly digest: string; readonly size: number }[]>;
  };
  /** Bytes; `null` for none. */
  readonly capBytes: number | null;
  /** Hub time in ms. */
  readonly now: () => number;
  readonly log: Logger;
}

/** What is cut to: at the cap itself each new trigger would mean another cut. */
const targetShare = 0.9;
/** Families of one step: intake comes first. */
const batch = 200;

/**
 * One round: measures, deletes records that together have as many bytes as there are too many, gives the room back, and
 * measures again. Compressed, records take less room than they have bytes, so a round rather falls short of what is
 * wanted, and another one follows; none takes away more than was asked for.
 */
export class HistoryCap {
  readonly #options: HistoryCapOptions;
  #figures: HistoryFigures;
  /** Bytes of records that are still to go in this round. */
  #left = 0;
  #round: { readonly before: number; gone: number } | null = null;

  constructor(options: HistoryCapOptions) {
    this.#options = options;
    this.#figures = {
      cap_bytes: options.capBytes,
      used_bytes: null,
      cut_instances: 0,
      cut_executions: 0,
      cut_at: null,
    };
  }

  figures(): HistoryFigures {
    return this.#figures;
  }

  /** A bounded piece of work. Resolves to whether there is more to do. */
  async step(): Promise<boolean> {
    const { capBytes, store, log } = this.#options;
    if (capBytes === null) return false;
    if (this.#round === null) {
      if ((await this.#measure()) <= capBytes) return false;
      // What has been deleted already may still have counted.
      await store.reclaim();
      const used = await this.#measure();
      if (used <= capBytes) return false;
      this.#left = used - capBytes * targetShare;
      this.#round = { before: used, gone: 0 };
    }
    const gone = await store.purgeOldest(this.#left, batch);
    this.#left -= gone.bytes;
    this.#round.gone += gone.bytes;
    if (gone.instances + gone.executions > 0) this.#count(gone);
    if (gone.bytes > 0 && this.#left > 0) return true;
    const { before, gone: bytes } = this.#round;
    this.#round = null;
    await store.reclaim();
    const after = await this.#measure();
    log.warn("history removed to stay below its cap", { cap: capBytes, before, after });
    if (bytes === 0) {
      log.error("history is beyond its cap, and all of it is open or needed", { cap: capBytes, used: after });
      return false;
    }
    return after > capBytes;
  }

  #count(gone: { readonly instances: number; readonly executions: number }): void {
    const { cut_instances, cut_executions } = this.#figures;
    this.#figures = {
      ...this.#figures,
      cut_instances: cut_instances + gone.instances,
      cut_executions: cut_executions + gone.executions,
      cut_at: timestamp(this.#options.now()),
    };
  }

  async #measure(): Promise<number> {
    const { store, blobs } = this.#options;
    const sizes = new Map((await blobs.list()).map(({ digest, size }) => [digest, size]));
    const used_bytes = await store.historyBytes((digest) => sizes.get(digest) ?? 0);
    this.#figures = { ...this.#figures, used_bytes };
    return used_bytes;
  }
}
