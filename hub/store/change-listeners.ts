/** Those who are told of each batch; most of them keep something in memory that hardly any batch is about. */
import type { Logger } from "../../shared/log.ts";
import type { Change, ChangeListener, SubscribeChanges } from "./port/changes.ts";

/** `null`: about all. */
type About = readonly Change["type"][] | null;

export class ChangeListeners {
  readonly #logger: Pick<Logger, "error">;
  readonly #listeners = new Map<ChangeListener, About>();

  constructor(logger: Pick<Logger, "error">) {
    this.#logger = logger;
  }

  readonly subscribe: SubscribeChanges = (listener: ChangeListener<never>, about: About = null) => {
    // It is told of what it names and of nothing else (see `tell`), as its type says.
    const whole = listener as ChangeListener;
    this.#listeners.set(whole, about);
    return () => this.#listeners.delete(whole);
  };

  /** In the order in which they subscribed. */
  tell(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    const types = new Set<Change["type"]>();
    for (const { type } of changes) types.add(type);
    const isAny = types.has("reopened");
    for (const [listener, about] of this.#listeners) {
      if (about !== null && !isAny && !about.some((type) => types.has(type))) continue;
      try {
        listener(about === null ? changes : changes.filter(({ type }) => isAbout(type, about)));
      } catch (error) {
        // The batch is on disk: one listener's mistake must not make those who wrote it believe otherwise.
        this.#logger.error("a listener of the store failed", { error });
      }
    }
  }
}

const isAbout = (type: Change["type"], about: readonly Change["type"][]) =>
  type === "reopened" || about.includes(type);
