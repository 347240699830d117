/** Adds one line to the configured file. */
import { open } from "node:fs/promises";
import type { Action, ActionContext, ActionResult } from "../types/petrel.d.ts";

export default class OutputContext implements Action<{ context: string }> {
  readonly #log: unknown;

  constructor({ config }: ActionContext) {
    this.#log = config.log;
  }

  async run({ context }: { context: string }): Promise<ActionResult> {
    if (typeof this.#log !== "string" || this.#log === "") {
      return [false, "The configuration of mypack has no 'log': petrel pack config mypack"];
    }
    const line = Buffer.from(`${context}\n`);
    const file = await open(this.#log, "a");
    try {
      // One write on a file opened for appending: lines of runs at the same time do not mix.
      const { bytesWritten } = await file.write(line);
      if (bytesWritten < line.length) return [false, `${this.#log}: the line was cut, is the disk full?`];
    } finally {
      await file.close();
    }
    return [true, `Added a line to ${this.#log}.`];
  }
}
