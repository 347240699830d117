/** Injected one-shot timers, so that waiting can be tested without waiting. */

export interface Timers {
  /** Calls back once, not before `delayMs` have passed; returns the way to stop it. */
  after(delayMs: number, callback: () => void): () => void;
}
