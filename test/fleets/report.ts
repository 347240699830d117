/** What was tried, what came of it, and how long it took; one line each, and a table of them at the end. */
export class Report {
  readonly #begun = Date.now();
  readonly #rows: { readonly what: string; readonly result: string; readonly seconds: string }[] = [];
  #failed = 0;
  #left = 0;

  /** Goes on after what failed; `work` may say what it saw. */
  async step(what: string, work: () => Promise<string | undefined>): Promise<void> {
    const from = Date.now();
    let result = "ok";
    try {
      const seen = await work();
      if (seen !== undefined) result = `ok: ${seen}`;
    } catch (error) {
      this.#failed += 1;
      result = `FAILED: ${error instanceof Error ? error.message.split("\n").slice(0, 12).join("\n    ") : error}`;
    }
    this.#add(what, result, Date.now() - from);
  }

  /** What cannot be tried on this machine: said by name, and no success. */
  leaveOut(what: string, why: string): void {
    this.#left += 1;
    this.#add(what, `NOT DONE: ${why}`, 0);
  }

  /** Prints the table, and throws when something failed. */
  end(): void {
    const width = Math.max(...this.#rows.map(({ what }) => what.length));
    console.log();
    for (const { what, result, seconds } of this.#rows)
      console.log(`${what.padEnd(width)}  ${seconds.padStart(6)} s  ${result.split("\n")[0]}`);
    const tried = this.#rows.length - this.#left;
    const left = this.#left === 0 ? "" : `, ${this.#left} not done`;
    console.log(`\n${tried - this.#failed} of ${tried} held${left}`);
    if (this.#failed > 0) throw new Error(`${this.#failed} failed`);
  }

  #add(what: string, result: string, ms: number): void {
    this.#rows.push({ what, result, seconds: (ms / 1_000).toFixed(1) });
    console.log(`${((Date.now() - this.#begun) / 1_000).toFixed(1).padStart(7)} s  ${what}: ${result}`);
  }
}
