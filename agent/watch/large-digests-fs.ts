/** Digests of large files, read one after the other beside everything else: nothing that is to be told waits for them. */
import type { BytePath } from "../../shared/watch/paths.ts";
import type { Pace } from "./budget.ts";
import type { Stat } from "./look.ts";
import { type Digest, digestOf, isSameFile } from "./look-fs.ts";

/** Digests kept for looks that are still to come; what is beyond is read once more. */
const maxReady = 256;

interface Ready {
  readonly stat: Stat;
  readonly digest: Digest;
}

export class LargeDigests {
  readonly #ready = new Map<BytePath, Ready>();
  #reading: Promise<unknown> = Promise.resolve();
  /** At a pace: what is to be told at once does not wait behind these. */
  #readingSlowly: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  /**
   * Resolves once the file has been read, or has turned out not to be `stat` any more. Rejects with what `pace` does;
   * then nothing is kept.
   */
  prepare(path: BytePath, stat: Stat, pace?: Pace): Promise<void> {
    const before = pace === undefined ? this.#reading : this.#readingSlowly;
    const turn = before.then(async () => {
      let ended: { readonly by: unknown } | null = null;
      const pause = async (bytes: number) => {
        await pace?.(0, bytes).catch((error: unknown) => {
          ended = { by: error };
        });
      };
      const isOver = () => this.#isStopped || ended !== null;
      const digest = await digestOf(path, stat, isOver, pause);
      if (ended !== null) throw (ended as { readonly by: unknown }).by;
      if (this.#isStopped) return;
      this.#ready.delete(path);
      this.#ready.set(path, { stat, digest });
      const [oldest] = this.#ready.keys();
      if (this.#ready.size > maxReady && oldest !== undefined) this.#ready.delete(oldest);
    });
    const settled = turn.catch(() => {});
    if (pace === undefined) this.#reading = settled;
    else this.#readingSlowly = settled;
    return turn;
  }

  /** What was prepared for the path, once; `null` when nothing was. */
  take(path: BytePath, stat: Stat): Digest | null {
    const ready = this.#ready.get(path);
    this.#ready.delete(path);
    if (ready === undefined) return null;
    return isSameFile(ready.stat, stat) ? ready.digest : "changed";
  }

  /** Resolves soon: a file that is being read is left. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([this.#reading, this.#readingSlowly]);
  }
}
