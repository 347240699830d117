/** Requests to upgrade on the agent's disk: the newest, and how far the one is that is carried out. */
import type { AppendEntry } from "../../shared/link/outbox-store.ts";
import type { StoreOp } from "../../shared/storage/committer-store.ts";
import type { Database } from "../../shared/storage/database-store.ts";
import type { UpgradeEntry } from "../../shared/wire/messages.ts";
import { currentUpgrade, wantedUpgrade } from "../store/keys.ts";
import type { CurrentUpgrade, Upgrades } from "./upgrader.ts";

export interface UpgradeStoreOptions {
  readonly database: Pick<Database, "level">;
  /** The outbox's: entries and rows in one batch. */
  readonly append: (entries: readonly AppendEntry[], ops: readonly StoreOp[]) => Promise<unknown>;
}

export class UpgradeStore implements Upgrades {
  readonly #options: UpgradeStoreOptions;

  constructor(options: UpgradeStoreOptions) {
    this.#options = options;
  }

  wanted(): Promise<UpgradeEntry | null> {
    return this.#read(wantedUpgrade);
  }

  current(): Promise<CurrentUpgrade | null> {
    return this.#read(currentUpgrade);
  }

  async save(current: CurrentUpgrade, reports: readonly AppendEntry[]): Promise<void> {
    await this.#options.append(reports, [
      { type: "put", key: currentUpgrade, value: JSON.stringify(current) },
    ]);
  }

  async #read<T>(key: string): Promise<T | null> {
    const text = await this.#options.database.level.get(key);
    return text === undefined ? null : (JSON.parse(text) as T);
  }
}
