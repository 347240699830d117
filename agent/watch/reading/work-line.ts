/** Work that is done one after the other, while the next is being prepared. Pure. */

export class WorkLine {
  readonly #ahead: number;
  readonly #waiting: Promise<void>[] = [];
  #last: Promise<void> = Promise.resolve();

  /** `ahead`: works that may wait, or be under way, before whoever adds one has to wait. */
  constructor(ahead: number) {
    this.#ahead = ahead;
  }

  /**
   * Resolves once there is room for another one. Rejects with what an earlier work failed with: those behind it are not
   * begun.
   */
  async add(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(work);
    // Told to whoever adds the next one, or waits for the end.
    turn.catch(() => {});
    this.#last = turn;
    this.#waiting.push(turn);
    if (this.#waiting.length >= this.#ahead) await this.#waiting.shift();
  }

  /** Resolves once all is done. Rejects as `add` does, when nothing is under way any more. */
  async end(): Promise<void> {
    await this.#last;
  }
}
