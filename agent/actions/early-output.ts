/** Holds back what an action writes first: one that ends at once costs no message, its result has all of it. */
import type { Timers } from "../../shared/timers.ts";
import type { OnOutput } from "./output-capture.ts";

type Piece = Parameters<OnOutput>;

/** ms from the first piece until somebody may want to look on. */
const heldMs = 100;

export class EarlyOutput {
  readonly #timers: Timers;
  readonly #send: (execution: string, ...piece: Piece) => void;
  readonly #held = new Map<string, { readonly pieces: Piece[]; readonly cancel: () => void }>();
  readonly #open = new Set<string>();

  constructor(timers: Timers, send: (execution: string, ...piece: Piece) => void) {
    this.#timers = timers;
    this.#send = send;
  }

  /** In order; passed on at once from `heldMs` after the first piece on. */
  write(execution: string, ...piece: Piece): void {
    if (this.#open.has(execution)) {
      this.#send(execution, ...piece);
      return;
    }
    const held = this.#held.get(execution);
    if (held !== undefined) {
      held.pieces.push(piece);
      return;
    }
    const cancel = this.#timers.after(heldMs, () => this.#passOn(execution));
    this.#held.set(execution, { pieces: [piece], cancel });
  }

  /** What is held back of it is not sent any more. */
  ended(execution: string): void {
    this.#held.get(execution)?.cancel();
    this.#held.delete(execution);
    this.#open.delete(execution);
  }

  #passOn(execution: string): void {
    const { pieces = [] } = this.#held.get(execution) ?? {};
    this.#held.delete(execution);
    this.#open.add(execution);
    for (const piece of pieces) this.#send(execution, ...piece);
  }
}
