/** Things that came and went between two looks: told one by one, or, when they are many, as a count of their folder. Pure. */
import { type BytePath, parentOf } from "../../shared/watch/paths.ts";

export interface FoldedTransients {
  readonly folder: BytePath;
  readonly count: number;
}

interface Window {
  since: number;
  told: number;
  folded: number;
}

const windowMs = 1_000;
/** Folders counted at once; beyond it the oldest window is closed early, with its count. */
const maxFolders = 1_000;

export class Transients {
  readonly #perSecond: number;
  readonly #windows = new Map<BytePath, Window>();
  #closed: FoldedTransients[] = [];

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Whether this one is told by itself; else it is counted. */
  isTold(path: BytePath, now: number): boolean {
    const folder = parentOf(path);
    let window = this.#windows.get(folder);
    if (window === undefined || now - window.since >= windowMs) {
      this.#close(folder);
      window = { since: now, told: 0, folded: 0 };
      this.#windows.set(folder, window);
      if (this.#windows.size > maxFolders) this.#close(this.#windows.keys().next().value ?? folder);
    }
    if (window.told < this.#perSecond) {
      window.told++;
      return true;
    }
    window.folded++;
    return false;
  }

  /** Counts whose second is over; each is handed out once. */
  takeFolded(now: number): readonly FoldedTransients[] {
    for (const [folder, { since }] of this.#windows) if (now - since >= windowMs) this.#close(folder);
    const closed = this.#closed;
    this.#closed = [];
    return closed;
  }

  get hasFolded(): boolean {
    return this.#closed.length > 0 || [...this.#windows.values()].some(({ folded }) => folded > 0);
  }

  #close(folder: BytePath): void {
    const window = this.#windows.get(folder);
    this.#windows.delete(folder);
    if (window !== undefined && window.folded > 0) this.#closed.push({ folder, count: window.folded });
  }
}
