/** Seals the notes that the agent keeps for the sensor: by a forged one the baseline would take in what never was. Pure. */
import { Buffer } from "node:buffer";
import { macBytes, type Seal } from "./seal.ts";

export class NoteSeals {
  readonly #seal: Seal;
  readonly #isFirst: boolean;

  /** `isFirst`: the notes may still be those of a version without seals. */
  constructor(seal: Seal, isFirst: boolean) {
    this.#seal = seal;
    this.#isFirst = isFirst;
  }

  /** The text with a seal before it. */
  seal(text: string): string {
    return this.#seal.hash("note", Buffer.from(text)).slice(0, 2 * macBytes) + text;
  }

  /** The text; `null` for a note that is not this sensor's. */
  open(sealed: string): string | null {
    if (sealed.startsWith("{")) return this.#isFirst ? sealed : null;
    const text = sealed.slice(2 * macBytes);
    return sealed === this.seal(text) ? text : null;
  }
}
