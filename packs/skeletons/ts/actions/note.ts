/** Gives a note back as its result. */
import type { Action, ActionContext, ActionResult } from "../types/petrel.d.ts";

export default class Note implements Action<{ text: string }> {
  readonly #greeting: string;

  constructor({ config }: ActionContext) {
    this.#greeting = String(config.greeting ?? "Hello");
  }

  run({ text }: { text: string }): ActionResult {
    if (text === "") return [false, "There is nothing to note."];
    return [true, { note: `${this.#greeting}, ${text}` }];
  }
}
