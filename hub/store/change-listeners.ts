/** Those who are told of each batch; most of them keep something in memory that hardly any batch is about. */
import type { Logger } from "../../shared/log.ts";
import type { Change, ChangeListener } from "./port/changes.ts";

export class ChangeListeners {
  readonly #logger: Pick<Logger, "error">;
  readonly #listeners = new Map<ChangeListener, readonly Change["type"][] | null>();

  constructor(logger: Pick<Logger, "error">) {
    this.#logger = logger;
  }

  /** See `ChangeSource.subscribeChanges`. */
  subscribe(listener: ChangeListener, about: readonly Change["type"][] | null): () => void {
    this.#listeners.set(listener, about);
    return () => this.#listeners.delete(listener);
  }

  /** In the order in which they subscribed. */
  tell(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    const types = new Set<Change["type"]>();
    for (const { type } of changes) types.add(type);
    const isAny = types.has("reopened");
    for (const [listener, about] of this.#listeners) {
      if (about !== null && !isAny && !about.some((type) => types.has(type))) continue;
      try {
        listener(changes);
      } catch (error) {
        // The batch is on disk: one listener's mistake must not make those who wrote it believe otherwise.
        this.#logger.error("a listener of the store failed", { error });
      }
    }
  }
}
