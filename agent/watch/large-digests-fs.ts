/** Digests of large files, read one after the other beside everything else: nothing that is to be told waits for them. */
import type { BytePath } from "../../shared/watch/paths.ts";
import type { Stat } from "./look.ts";
import { type Digest, digestOf, isSameFile } from "./look-fs.ts";

/** Bytes above which a file is large: reading it takes as long as a hundred others. */
export const largeBytes = 8n * 1024n * 1024n;

/** Digests kept for looks that are still to come; what is beyond is read once more. */
const maxReady = 256;

interface Ready {
  readonly stat: Stat;
  readonly digest: Digest;
}

export class LargeDigests {
  readonly #ready = new Map<BytePath, Ready>();
  #reading: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  /** Resolves once the file has been read, or has turned out not to be `stat` any more. */
  prepare(path: BytePath, stat: Stat): Promise<void> {
    const turn = this.#reading.then(async () => {
      const digest = await digestOf(path, stat, () => this.#isStopped);
      if (this.#isStopped) return;
      this.#ready.delete(path);
      this.#ready.set(path, { stat, digest });
      const [oldest] = this.#ready.keys();
      if (this.#ready.size > maxReady && oldest !== undefined) this.#ready.delete(oldest);
    });
    this.#reading = turn;
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
    await this.#reading;
  }
}
